"""Wall times from the start and end of a request. Pure."""

from datetime import datetime, timedelta

from config import errors
from staffing.recurrence import expand, rrule, rules, wall_clock
from staffing.recurrence.expand import Series

AMBIGUOUS_TIME = "This local time occurs twice as the clock is set back; use another."
WallTimes = tuple[datetime, datetime, str]
"""Start and end as wall times, and their zone."""


def resolve_wall_times(
    start: datetime, end: datetime, *, input_zone: str, zone: str, allow_utc: bool = False
) -> WallTimes:
    """The wall times of a shift in ``zone``; times without offset are local in ``input_zone``.

    In an hour that occurs twice, a wall time means the first. A time in the second hour puts the
    shift in UTC if ``allow_utc``. Raises `errors.InvalidRequest`.
    """
    inputs = {"/startTime": start, "/endTime": end}
    wall_times = {pointer: _to_wall_time(at, input_zone, zone, pointer) for pointer, at in inputs.items()}
    for pointer, at in inputs.items():
        if at.tzinfo and wall_clock.to_instant(wall_times[pointer], zone) != at:
            if not allow_utc:
                raise errors.InvalidRequest(AMBIGUOUS_TIME, pointer=pointer)
            return resolve_wall_times(start, end, input_zone=input_zone, zone="UTC")
    check_times(wall_times["/startTime"], wall_times["/endTime"])
    return wall_times["/startTime"], wall_times["/endTime"], zone


def resolve_wall_time(at: datetime, *, input_zone: str, zone: str, pointer: str) -> datetime:
    """One wall time in ``zone``. Raises `errors.InvalidRequest`."""
    wall_time = _to_wall_time(at, input_zone, zone, pointer)
    if at.tzinfo and wall_clock.to_instant(wall_time, zone) != at:
        raise errors.InvalidRequest(AMBIGUOUS_TIME, pointer=pointer)
    return wall_time


def resolve_changed_times(
    series: expand.Series,
    start: datetime,
    end: datetime | None,
    changes: tuple[datetime | None, datetime | None],
    input_zone: str,
) -> tuple[datetime, datetime]:
    """The wall times of a shift after an update; a time stays that is None, or as clients see it.

    ``start`` and ``end`` are the present ones; without ``end`` the shift is as long as others of
    the series. ``changes`` are the new start and end. Raises `errors.InvalidRequest`.
    """
    end = end or start + (series.end - series.start)
    shown = expand.Series(start, end, series.zone).first_occurrence
    new_start, new_end = start, end
    if changes[0] not in (None, shown.start):
        new_start = resolve_wall_time(changes[0], input_zone=input_zone, zone=series.zone, pointer="/startTime")
    if changes[1] not in (None, shown.end):
        new_end = resolve_wall_time(changes[1], input_zone=input_zone, zone=series.zone, pointer="/endTime")
    if changes[1] is None and new_end <= new_start:
        detail = f"Must be before `endTime`, which stays {end.isoformat()}; send `endTime` to move it, too."
        raise errors.InvalidRequest(detail, pointer="/startTime")
    check_times(new_start, new_end)
    check_day_exists(new_start, series.zone, "/startTime")
    return new_start, new_end


def check_times(start: datetime, end: datetime) -> None:
    """Check the order, length and year of a shift. Raises `errors.InvalidRequest`."""
    if end <= start:
        raise errors.InvalidRequest("Must be after `startTime`.", pointer="/endTime")
    if end - start > expand.MAX_SHIFT_DURATION:
        raise errors.InvalidRequest(f"A shift lasts at most {expand.MAX_SHIFT_DAYS} days.", pointer="/endTime")
    if not rrule.EARLIEST_START <= start < rules.LATEST_START:
        span = f"from {rrule.EARLIEST_START.year} to {rules.LATEST_START.year - 1}"
        raise errors.InvalidRequest(f"Must be {span}.", pointer="/startTime")


def check_day_exists(wall_time: datetime, zone: str, pointer: str) -> None:
    """Raise `errors.InvalidRequest` for a time of a day that the calendar of the zone skips."""
    if wall_clock.is_missing_day(wall_time, zone):
        detail = f"{wall_time.date()} does not exist in {zone}: the calendar there skips this day; use another."
        raise errors.InvalidRequest(detail, pointer=pointer)


def _to_wall_time(at: datetime, input_zone: str, zone: str, pointer: str) -> datetime:
    if at.tzinfo is None:
        check_day_exists(at, input_zone, pointer)
    if at.tzinfo is None and input_zone == zone:
        return at
    return wall_clock.to_wall_time(at if at.tzinfo else wall_clock.to_instant(at, input_zone), zone)


def to_recurrence_id(series: Series, start: datetime) -> datetime:
    """The wall time at which a rule starts a shift; ``start`` is naive already, or the instant."""
    if start.tzinfo is None:
        return start
    wall_time = wall_clock.to_wall_time(start, series.zone)
    if series.rule and rules.has_start(series.rule, series.start, wall_time):
        return wall_time
    # a start that a clock change skips takes place later; the rule names the time that is skipped
    offset_before = wall_clock.to_zoned_time(start - wall_clock.MAX_CLOCK_JUMP, series.zone).utcoffset() or timedelta()
    skipped_time = (start + offset_before).replace(tzinfo=None)
    return skipped_time if wall_clock.to_instant(skipped_time, series.zone) == start else wall_time
