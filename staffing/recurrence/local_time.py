"""What the start and end of a request mean: wall times in a zone. Pure."""

from datetime import UTC, datetime

from config import errors
from staffing.recurrence import expand, rrule

Walls = tuple[datetime, datetime, str]
"""Start and end as wall times, and their zone."""


def walls(
    start: datetime, end: datetime, *, read_in: str, zone: str, may_move: bool = False
) -> Walls:
    """The wall times of a shift in ``zone``; those given without offset are ``read_in`` another.

    Of an hour that comes twice, wall times mean the first; what lies in the second is put in UTC
    where the zone ``may_move``, else refused. Raises `errors.Invalid`.
    """
    given = {"/startTime": start, "/endTime": end}
    found = {pointer: _wall(at, read_in, zone) for pointer, at in given.items()}
    for pointer, at in given.items():
        if at.tzinfo and expand.instant(found[pointer], zone) != at:
            if not may_move:
                raise errors.Invalid(
                    "The clock shows this time twice; name another.", pointer=pointer
                )
            begins, ends = (_moment(one, read_in).replace(tzinfo=None) for one in (start, end))
            return _checked(begins, ends, "UTC")
    return _checked(found["/startTime"], found["/endTime"], zone)


def wall(at: datetime, *, read_in: str, zone: str, pointer: str) -> datetime:
    """One wall time. Raises `errors.Invalid`."""
    found = _wall(at, read_in, zone)
    if at.tzinfo and expand.instant(found, zone) != at:
        raise errors.Invalid("The clock shows this time twice; name another.", pointer=pointer)
    return found


def check(start: datetime, end: datetime) -> None:
    """A shift lasts some time, but not for ever. Raises `errors.Invalid`."""
    if end <= start:
        raise errors.Invalid("It must be after startTime.", pointer="/endTime")
    if end - start > expand.LONGEST:
        raise errors.Invalid("A shift lasts 48 hours at most.", pointer="/endTime")
    if not rrule.EARLIEST <= start < expand.LAST:
        span = f"from {rrule.EARLIEST.year} to {expand.LAST.year - 1}"
        raise errors.Invalid(f"It must be {span}.", pointer="/startTime")


def _checked(start: datetime, end: datetime, zone: str) -> Walls:
    check(start, end)
    return start, end, zone


def _wall(at: datetime, read_in: str, zone: str) -> datetime:
    if at.tzinfo is None and read_in == zone:
        return at
    return expand.wall(_moment(at, read_in), zone)


def _moment(at: datetime, read_in: str) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else expand.instant(at, read_in)
