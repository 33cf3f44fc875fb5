"""Wall times of a zone and the instants that they are. Pure."""

from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from staffing.recurrence import dst

SECONDS_PER_DAY = 86_400
END_OF_TIME = datetime(9999, 1, 1, tzinfo=UTC)
LATEST_WINDOW_END = END_OF_TIME - timedelta(days=30)
MAX_CLOCK_JUMP = timedelta(hours=3)
"""An upper bound of clock changes, except where the calendar skips a day: `is_missing_day`."""
MAX_ZONE_DIFFERENCE = timedelta(days=2)
"""An upper bound of the difference between the wall times of two zones, UTC included."""


@cache
def _get_zone_info(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def to_instant(wall_time: datetime, zone: str) -> datetime:
    """The instant of a wall time: the first of two; in a gap, by the offset before it."""
    return wall_time.replace(tzinfo=_get_zone_info(zone), fold=0).astimezone(UTC)


def list_instants(wall_time: datetime, zone: str) -> set[datetime]:
    """The instants of a wall time: two if the clock shows it twice; in a gap, by either offset."""
    zoned_times = (wall_time.replace(tzinfo=_get_zone_info(zone), fold=fold) for fold in (0, 1))
    return {zoned_time.astimezone(UTC) for zoned_time in zoned_times}


def to_wall_time(at: datetime, zone: str) -> datetime:
    """The wall time of an instant."""
    return at.astimezone(_get_zone_info(zone)).replace(tzinfo=None, fold=0)


def count_seconds(wall_time: datetime) -> int:
    """Whole seconds since day 0, of which the ordinals of days are multiples."""
    seconds = wall_time.hour * 3600 + wall_time.minute * 60 + wall_time.second
    return wall_time.toordinal() * SECONDS_PER_DAY + seconds


def to_zoned_time(at: datetime, zone: str) -> datetime:
    """The same instant, with the offset of the zone."""
    return at.astimezone(_get_zone_info(zone))


def is_valid_wall_time(wall_time: datetime, zone: str) -> bool:
    """Whether this wall time exists, i.e. no clock change skips it."""
    return to_wall_time(to_instant(wall_time, zone), zone) == wall_time


def is_missing_day(wall_time: datetime, zone: str) -> bool:
    """Whether the zone has no such day: it moved across the date line, as Samoa on 2011-12-30."""
    if dst.find_plain_midnight(zone, wall_time.toordinal()):
        return False  # nearly all days, in a tenth of the time
    return to_wall_time(to_instant(wall_time, zone), zone) - wall_time >= timedelta(days=1)


@lru_cache(maxsize=1024)
def to_wall_window(since: datetime, until: datetime, zone: str) -> tuple[datetime, datetime]:
    """Wall times such that what ends after ``since`` and starts before ``until`` is between them.

    On plain days those of the instants themselves.
    """
    low, high = to_wall_time(since, zone), to_wall_time(until, zone)
    return (
        low if dst.find_plain_midnight(zone, low.toordinal()) else low - MAX_ZONE_DIFFERENCE,
        high if dst.find_plain_midnight(zone, high.toordinal()) else high + MAX_ZONE_DIFFERENCE,
    )


def widen_to_wall_times(since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """Naive wall times that contain a window in every zone."""
    latest = min(until.astimezone(UTC), LATEST_WINDOW_END)
    low, high = since.astimezone(UTC) - MAX_ZONE_DIFFERENCE, latest + MAX_ZONE_DIFFERENCE
    return low.replace(tzinfo=None), high.replace(tzinfo=None)
