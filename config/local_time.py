"""Times in queries that may be local: dates, and times without an offset. Pure."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from config import errors


class TimeZoneUnknown(errors.InvalidRequest):
    """The time has no offset, and nothing in the request tells its time zone."""

    code = "time_zone_unknown"


def resolve_instant(at: datetime, zone: str | None, *, pointer: str) -> datetime:
    """The instant in UTC of a time in a query; a naive one is local in ``zone``, an IANA name.

    Of an hour that occurs twice it means the first; a time that a clock change skips moves forward.
    Raises `TimeZoneUnknown` for a naive time without a zone.
    """
    if at.tzinfo is None:
        if zone is None:
            detail = "This time has no offset, and no location or customer setting tells its time zone; add an offset."
            raise TimeZoneUnknown(detail, pointer=pointer)
        at = at.replace(tzinfo=ZoneInfo(zone))
    return at.astimezone(UTC)


def resolve_range(
    since: datetime | None, until: datetime | None, zone: str | None
) -> tuple[datetime | None, datetime | None]:
    """The instants of ``from`` and ``to``. Raises `errors.InvalidRequest` for an empty range."""
    start = resolve_instant(since, zone, pointer="?from") if since else None
    end = resolve_instant(until, zone, pointer="?to") if until else None
    if start and end and start >= end:
        if since and until and since.tzinfo is until.tzinfo is None and since < until:
            raise errors.InvalidRequest(f"There is no such time in {zone}: the clock there skips it.", pointer="?from")
        raise errors.InvalidRequest("Must be later than `from`.", pointer="?to")
    return start, end
