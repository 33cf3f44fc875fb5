"""The next four weeks of a line on the page of its location: when calls ring nobody, and why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils.text import capfirst

from accounts import locations, users
from config import dynamodb
from config.backoffice import clock
from config.backoffice.checks import Check
from staffing.schedules.queries import QueryTooWide
from telephony import reasons
from telephony.admin import reach_holes, reach_strip
from telephony.admin.reach_holes import HoleContext, format_minutes
from telephony.reach import loading
from telephony.reach.results import Reach

if TYPE_CHECKING:
    from accounts.models import Location

DAYS, SOON, MAX_SHARED = 28, timedelta(days=7), 5
LABEL = f"Next {DAYS} days"


@dataclass(frozen=True)
class LoadedReach:
    """The reach of a line, and the names of the people that are shown of it."""

    reach: Reach
    names: Mapping[str, str]
    location_names: Mapping[str, str] = field(default_factory=dict)
    """Of the other locations whose lines ring the same people."""


def load_reach(location: "Location", *, at: datetime) -> Reach | None:
    """The reach of today's rest and the days after it; None: too many shifts. Four round trips."""
    tz = ZoneInfo(str(location.time_zone))
    since = at.replace(second=0, microsecond=0)
    until = datetime.combine(since.astimezone(tz).date() + timedelta(days=DAYS), time(), tz).astimezone(UTC)
    try:
        return loading.load_reach(location, since=since, until=until)
    except QueryTooWide:
        return None


def load(location: "Location", *, at: datetime) -> LoadedReach | None:
    """The same with names, which take another round trip if there are holes."""
    reach = load_reach(location, at=at)
    if reach is None:
        return None
    shared, customer_id = reach.shared[:MAX_SHARED], str(location.customer_id)
    staff_ids = {id for id in reach_holes.list_people(reach) if not id.startswith("+")}
    staff_ids |= {person.staff_id for person in shared}
    location_ids = {person.location_id for person in shared}
    people, others = dynamodb.gather(
        lambda: users.load_users(sorted(staff_ids), customer_id) if staff_ids else {},
        lambda: locations.load_locations(sorted(location_ids), customer_id) if location_ids else {},
    )
    return LoadedReach(
        reach,
        {id: users.display_name(user) for id, user in people.items()},
        {id: str(other.name) for id, other in others.items()},
    )


def describe(reach: Reach, *, at: datetime, hours_mode: str) -> Check:
    """The reach as one check, without mends."""
    if not reach.ways:
        return Check(LABEL, capfirst(reasons.words("hole", "rings_nobody")), "warning")
    if not reach.open_minutes:
        text = "Nobody is on duty at any time" if hours_mode == "schedule" else "The line is never open"
        return Check(LABEL, text, "danger")
    if reach.holes:
        share = f"{format_minutes(reach.hole_minutes)} of {format_minutes(reach.open_minutes)}"
        callers = "Calls ring nobody" if reach_strip.list_total_holes(reach) else "After some keys calls ring nobody"
        if reach.line_version is None:
            callers = "With a number, calls would ring nobody"
        text = f"{callers} for {share} that the line is open"
        return Check(LABEL, text, "danger" if reach.holes[0].start < at + SOON else "warning")
    if reach.line_version is None:
        return Check(LABEL, "With a number, calls would ring somebody whenever somebody is on duty", "neutral")
    text = "Calls ring somebody whenever the line is open"
    if hours_mode == "schedule" and reach.closed_by_rota_minutes:
        closed = f"Nobody is on duty for {format_minutes(reach.closed_by_rota_minutes)}: the line is closed then"
        return Check(LABEL, text, detail=closed)
    return Check(LABEL, text)


def list_shared(loaded: LoadedReach, zone: str) -> list[str]:
    """Who is rung by the line of another location at the same time, in sentences."""
    return [
        f"{loaded.names[person.staff_id]} is also rung by the line of {loaded.location_names[person.location_id]}, "
        f"first on {reach_holes.format_time(person.start, zone)}, for {format_minutes(person.minutes)} in all: "
        "one call at a time takes them."
        for person in loaded.reach.shared[:MAX_SHARED]
        if person.staff_id in loaded.names and person.location_id in loaded.location_names
    ]


def render_strip(loaded: LoadedReach, location: Any, *, may_write: bool) -> str:
    """The strip, and the holes in words; empty if nothing would be on it."""
    reach = loaded.reach
    if not reach.open_minutes or not reach.ways:
        return ""
    zone = "UTC" if clock.shows_utc() else reach.time_zone
    hole_context = HoleContext(
        str(location.id),
        str(location.customer_id),
        zone,
        reach.time_zone,
        loaded.names,
        has_line=reach.line_version is not None,
        may_write=may_write,
    )
    weeks = reach_strip.build_strip(reach, zone=zone)
    first, last = weeks[0][0].day.date, weeks[-1][-1].day.date
    holes = reach_holes.describe_holes(reach, hole_context)
    context = {
        "title": f"Whom calls ring, {first.day} {first:%b} to {last.day} {last:%b %Y}",
        "zone": zone,
        "weeks": weeks,
        "has_keys": len(reach.ways) > 1,
        "assumed": format_minutes(reach.assumed_minutes) if reach.assumed_minutes else "",
        "holes": holes,
        "shared": list_shared(loaded, zone),
        "more_holes": reach_holes.count_groups(reach) - len(holes),
    }
    return render_to_string("backoffice/reach.html", context)
