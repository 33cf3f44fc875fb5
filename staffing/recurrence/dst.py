"""The clocks of time zones: when they change, and how far they stand apart. Pure."""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

HORIZON = timedelta(days=28 * 365 + 7)
"""Calendars and the rules of clocks repeat after 28 years, within a century."""


@cache
def names() -> frozenset[str]:
    """The IANA names of all time zones."""
    return frozenset(available_timezones())


@lru_cache(maxsize=256)
def changes(zone: str, year: int) -> tuple[datetime, ...]:
    """The moments at which a zone's clock changes, from the year before for `HORIZON`."""
    info = ZoneInfo(zone)
    found = []
    at = datetime(year - 1, 1, 1, tzinfo=UTC)
    end = at + HORIZON + timedelta(days=732)
    step = timedelta(days=7)
    offset = at.astimezone(info).utcoffset()
    while at < end:
        after = (at + step).astimezone(info).utcoffset()
        if after != offset:
            found.append(_exactly(info, at, at + step))
            offset = after
        at += step
    return tuple(found)


def _exactly(info: ZoneInfo, low: datetime, high: datetime) -> datetime:
    before = low.astimezone(info).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        if middle.astimezone(info).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)


@lru_cache(maxsize=256)
def apart(zone_a: str, zone_b: str, year: int) -> tuple[int, ...]:
    """By how many minutes b's wall clock may be ahead of a's."""
    if zone_a == zone_b:
        return (0,)
    both = {*changes(zone_a, year), *changes(zone_b, year)}
    moments = sorted({datetime(year - 1, 1, 1, tzinfo=UTC), *both})
    a, b = ZoneInfo(zone_a), ZoneInfo(zone_b)
    walls = ((at.astimezone(a), at.astimezone(b)) for at in moments)
    found = {there.replace(tzinfo=None) - here.replace(tzinfo=None) for here, there in walls}
    return tuple(sorted(int(one / timedelta(minutes=1)) for one in found))
