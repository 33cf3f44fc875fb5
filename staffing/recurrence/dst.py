"""Clock changes of time zones, and the offsets between zones. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

HORIZON = timedelta(days=28 * 365 + 7)
"""28 years: weekdays and the rules of clock changes repeat after it, within a century."""

LARGEST_CLOCK_CHANGE = timedelta(hours=26)
"""An upper bound of every clock change, those included by which a zone moves across the date line.
The changes of a zone are days apart, so the same offset at both ends of three days means no change
between them; a test looks at those of every zone since 1970."""
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


@lru_cache(maxsize=16_384)
def find_plain_midnight(zone: str, day: int) -> datetime | None:
    """The instant at which a day of a zone begins, given as ordinal, if the day is plain.

    The clock does not change on a plain day, nor so shortly before that it concerns wall times of
    the day. So an instant is the midnight and the time of day, and the only one of that wall time.
    """
    midnight = datetime.fromordinal(day).replace(tzinfo=UTC)
    zone_info = ZoneInfo(zone)
    offset = midnight.astimezone(zone_info).utcoffset() or timedelta()
    for at in (midnight - offset - LARGEST_CLOCK_CHANGE, midnight - offset + _DAY):
        if at.astimezone(zone_info).utcoffset() != offset:
            return None
    return midnight - offset


@lru_cache(maxsize=256)
def list_transitions(zone: str, year: int) -> tuple[datetime, ...]:
    """The instants of a zone's clock changes, from the year before ``year`` for `HORIZON`."""
    zone_info = ZoneInfo(zone)
    transitions = []
    at = datetime(year - 1, 1, 1, tzinfo=UTC)
    end = at + HORIZON + timedelta(days=732)
    step = timedelta(days=7)
    offset = at.astimezone(zone_info).utcoffset()
    while at < end:
        next_offset = (at + step).astimezone(zone_info).utcoffset()
        if next_offset != offset:
            transitions.append(_locate_transition(zone_info, at, at + step))
            offset = next_offset
        at += step
    return tuple(transitions)


def _locate_transition(zone_info: ZoneInfo, low: datetime, high: datetime) -> datetime:
    offset_before = low.astimezone(zone_info).utcoffset()
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone_info).utcoffset() == offset_before:
            low = middle
        else:
            high = middle
    return high.replace(second=0, microsecond=0)


class ClockChanges(NamedTuple):
    """What the clock changes of a zone do to wall times, as of `list_transitions`."""

    changes: tuple[int, ...]
    """The minutes of the day at which the clock is changed, in the time before the change."""
    largest_jump: int
    """The minutes by which it is changed at most; a day where the zone skips one."""


@lru_cache(maxsize=256)
def summarize_changes(zone: str, year: int) -> ClockChanges:
    """The clock changes of a zone, which many comparisons of the same years need."""
    zone_info = ZoneInfo(zone)
    minutes, largest_jump = set(), timedelta()
    for transition in list_transitions(zone, year):
        before, after = ((transition + step).astimezone(zone_info) for step in (-_MINUTE, timedelta()))
        minutes.add(before.hour * 60 + before.minute)
        jump = after.replace(tzinfo=None) - before.replace(tzinfo=None) - _MINUTE
        largest_jump = max(largest_jump, abs(jump))
    return ClockChanges(tuple(sorted(minutes)), int(largest_jump / _MINUTE))


@lru_cache(maxsize=256)
def list_offset_differences(zone_a: str, zone_b: str, year: int) -> tuple[int, ...]:
    """The minutes by which the wall time of zone b can be ahead of that of zone a."""
    if zone_a == zone_b:
        return (0,)
    transitions = {*list_transitions(zone_a, year), *list_transitions(zone_b, year)}
    moments = sorted({datetime(year - 1, 1, 1, tzinfo=UTC), *transitions})
    zone_info_a, zone_info_b = ZoneInfo(zone_a), ZoneInfo(zone_b)
    local_times = ((at.astimezone(zone_info_a), at.astimezone(zone_info_b)) for at in moments)
    differences = {local_b.replace(tzinfo=None) - local_a.replace(tzinfo=None) for local_a, local_b in local_times}
    return tuple(sorted(int(difference / timedelta(minutes=1)) for difference in differences))
