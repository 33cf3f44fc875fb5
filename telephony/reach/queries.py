"""The reach of a location, and of those that an actor can access, for requests."""

from dataclasses import replace
from datetime import datetime, timedelta

from accounts import customers, locations, permissions
from accounts.permissions import Actor
from config import dynamodb, errors, local_time
from config.dynamodb import pagination
from staffing.recurrence import wall_clock
from staffing.schedules.queries import QueryTooWide
from telephony.models import Line
from telephony.reach import loading
from telephony.reach.results import Reach

MAX_WINDOW, DEFAULT_WINDOW = timedelta(days=62), timedelta(days=28)
MAX_LOCATIONS, DEFAULT_LOCATIONS = 25, 10
"""Of a page of a list."""


def get_reach(
    location_id: str,
    *,
    actor: Actor,
    at: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    way: str | None = None,
    known: dynamodb.BatchResult = dynamodb.NOTHING_READ,
) -> Reach:
    """When a caller of a location would reach nobody, from ``at`` on by default, for 28 days.

    ``way``: as of `loading.load_reach`. Some of `list_keys` may be among the ``known`` records.
    Raises `errors.NotFound`, `errors.Forbidden`, `QueryTooWide`, and `errors.InvalidRequest` for an
    empty window or a way that there is not.
    """
    actor.require("calls:read")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    records = dynamodb.batch_get(list_keys(location_id, actor.customer_id), known)
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    window = resolve_window(since, until, str(location.time_zone), at)
    (reach,) = loading.load_each([location], records, since=window[0], until=window[1], way=way)
    if way is not None and not reach.ways:
        detail = "No way that rings anybody while the line is open goes through this path; `ways` has those there are."
        raise errors.InvalidRequest(detail, pointer="?key")
    return reach


def list_keys(location_id: str, customer_id: str) -> list[dynamodb.RecordKey]:
    """What `get_reach` reads first."""
    line_key = dynamodb.RecordKey(Line, location_id)
    return [locations.location_key(location_id), line_key, customers.customer_key(customer_id)]


def list_reach(
    *,
    actor: Actor,
    at: datetime,
    since: datetime | None,
    until: datetime | None,
    customer_id: str | None,
    customer_zone: str | None,
    limit: int,
    cursor: pagination.Cursor | None,
) -> pagination.CursorPage[Reach]:
    """The reach of the locations that an actor can access: pages of these by name.

    On a page, first those with the most minutes in which callers reach nobody. ``customer_id`` is
    that of the request. Raises `permissions.ForeignCustomer`, `QueryTooWide`,
    `local_time.TimeZoneUnknown` and `errors.InvalidRequest`.
    """
    actor.require("calls:read")
    if customer_id is not None:
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id, pointer="?customerId")
    window = resolve_window(since, until, customer_zone, at)
    page = locations.list_accessible_locations(actor, limit=limit, cursor=cursor)
    records = dynamodb.batch_get(key for location in page.records for key in loading.list_keys(location))
    try:
        reaches = loading.load_each(page.records, records, since=window[0], until=window[1])
    except QueryTooWide as error:
        detail = "Too many shifts in this window; choose a shorter one, or a smaller `limit`."
        raise QueryTooWide(detail, pointer="?to") from error
    return pagination.CursorPage(sorted(reaches, key=lambda reach: -reach.hole_minutes), page.next_cursor)


def resolve_window(
    since: datetime | None, until: datetime | None, zone: str | None, at: datetime
) -> tuple[datetime, datetime]:
    """The instants of a window: without a start from the minute of ``at`` on, for 28 days.

    Naive times are local in ``zone``. Raises `QueryTooWide`, `local_time.TimeZoneUnknown` and
    `errors.InvalidRequest`.
    """
    start, end = local_time.resolve_range(since, until, zone)
    start = start or at.replace(second=0, microsecond=0)
    end = end or start + DEFAULT_WINDOW
    if start >= end:
        raise errors.InvalidRequest("Must be later than `from`, which is now by default.", pointer="?to")
    if end - start > MAX_WINDOW:
        raise QueryTooWide(f"A window is at most {MAX_WINDOW.days} days long.", pointer="?to")
    return start, end


def to_local(reach: Reach) -> Reach:
    """The same with the offsets of the location, to be shown: no arithmetic is right with them."""

    def local(at: datetime) -> datetime:
        return wall_clock.to_zoned_time(at, reach.time_zone)

    holes = [
        replace(
            hole,
            start=local(hole.start),
            end=local(hole.end),
            people=[replace(person, until=person.until and local(person.until)) for person in hole.people],
        )
        for hole in reach.holes
    ]
    shared = [replace(person, start=local(person.start)) for person in reach.shared]
    return replace(reach, since=local(reach.since), until=local(reach.until), holes=holes, shared=shared)
