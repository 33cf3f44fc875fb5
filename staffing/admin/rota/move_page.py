"""Moving the shifts of a person, or of a location, to somebody else: previewed, then run."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts import customers, locations, users
from accounts.admin import projected
from accounts.admin.operator_commands import actor_for
from accounts.permissions import Actor
from accounts.users import directory
from config import dynamodb, errors
from config.backoffice import operators
from config.backoffice.page_customer import set_page_customer
from staffing.schedules import listing, reassignment, rest
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter
from staffing.schedules.reassignment import MovePlan, PlannedMove
from staffing.serializers.days import parse_date

if TYPE_CHECKING:
    from accounts.models import Location, User

MAX_DAYS = 62
MAX_SECONDS = 20
"""How long a run may take; what is left then is reported, and can be moved by another run."""
MAX_CHOICES = 12
"""People offered where several fit what was typed."""
MAX_LISTED = 40
"""Shifts of the target that are listed."""
_NOT_TRIED = "Not tried: the run took too long. Preview again to move the rest."


@dataclass(frozen=True)
class _Source:
    """Whose shifts are moved: of a person, or at a location."""

    name: str
    actor: Actor
    rota_url: str
    filters: Mapping[str, str]


@dataclass(frozen=True)
class _Result:
    """What became of a shift."""

    move: PlannedMove
    refusal: str


def move_of_location(request: HttpRequest, location_id: str) -> HttpResponse:
    """The page that moves shifts at a location."""
    _require_write(request)
    location = projected.Location.get(location_id)
    if location is None:
        raise errors.NotFound("Location not found.")
    url = reverse("admin:rota", args=(location_id,))
    return _respond(
        request, _Source(str(location.record.name), actor_for(request, location), url, {"location_id": location_id})
    )


def move_of_person(request: HttpRequest, user_id: str) -> HttpResponse:
    """The page that moves shifts of a person; audited as a view of the person."""
    _require_write(request)
    user = projected.User.get(user_id)
    if user is None:
        raise errors.NotFound("Person not found.")
    actor = actor_for(request, user)
    users.audit_user_view(user.record, actor=actor, at=operators.now())
    url = reverse("admin:rota_of", args=(user_id,))
    filters = {"staff_id": user_id, "customer_id": str(actor.customer_id)}
    return _respond(request, _Source(str(user.record.name), actor, url, filters))


def _require_write(request: HttpRequest) -> None:
    if not operators.has_right(request, operators.WRITE):
        raise PermissionDenied


def _respond(request: HttpRequest, source: _Source) -> HttpResponse:
    set_page_customer(request, source.actor.customer_id)
    now = operators.now()
    values = request.POST if request.method == "POST" else request.GET
    first_day, last_day = _parse_days(values, now.date())
    text = values.get("to", "").strip()[:200]
    choices = _find_people(text, source.actor) if text else []
    target = choices[0] if len(choices) == 1 else None
    plan, names = _plan(source, first_day, last_day, target, now) if target else (MovePlan(), {})
    moves = plan.moves
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": f"Move shifts of {source.name}",
        "source": source,
        "first_day": first_day,
        "last_day": last_day,
        "max_shifts": reassignment.MAX_SHIFTS,
        "to": text,
        "target": target,
        "target_rota_url": reverse("admin:rota_of", args=(target.id,)) if target else "",
        "target_move_url": reverse("admin:rota_of_move", args=(target.id,)) if target else "",
        "choices": choices[:MAX_CHOICES] if len(choices) > 1 else [],
        "rota_query": f"show=week&day={first_day.isoformat()}",
    }
    if request.method == "POST" and target:
        chosen = set(request.POST.getlist("shift")[: reassignment.MAX_SHIFTS])
        results = _run([move for move in moves if move.key in chosen], target, source.actor)
        moved = [result for result in results if not result.refusal]
        context |= {
            "results": [(names[result.move.key], result.refusal) for result in results],
            "moved_count": len(moved),
            "chosen_count": len(chosen),
            "gone_count": len(chosen) - len(results),
            "ways_back": _list_ways_back(moved, names),
        }
    else:
        context |= {
            "moves": [(move, names[move.key]) for move in moves],
            "possible_count": sum(1 for move in moves if not move.problem),
            "overlap_count": sum(1 for move in moves if move.problem.startswith("Overlap")),
            "has_series": any(move.shift.schedule.is_series for move in moves if not move.problem),
            "own_shifts": [_describe(shift, {}, plan.locations_by_id) for shift in plan.own_shifts[:MAX_LISTED]],
            "more_own_shifts": max(len(plan.own_shifts) - MAX_LISTED, 0),
            "long_weeks": [
                (f"{monday:%a} {monday.day} {monday:%b}", f"{hours:g}") for monday, hours in plan.long_weeks
            ],
            "week_hours": rest.MAX_WEEK // timedelta(hours=1),
        }
    return TemplateResponse(request, "backoffice/move.html", context)


def _parse_days(values: Mapping[str, str], today: date) -> tuple[date, date]:
    """The days of the form: by default the next seven. Raises `errors.InvalidRequest`."""
    first_text, last_text = values.get("from", ""), values.get("until", "")
    first_day = parse_date(first_text) if first_text else today
    last_day = parse_date(last_text) if last_text else (first_day or today) + timedelta(days=6)
    if first_day is None or last_day is None or not 1971 <= first_day.year <= last_day.year <= 2150:
        raise errors.InvalidRequest("The days must be dates from 1971 to 2150, such as 2027-01-04.")
    if not first_day <= last_day < first_day + timedelta(days=MAX_DAYS):
        raise errors.InvalidRequest(f"The last day must not be before the first, nor {MAX_DAYS} days after it.")
    return first_day, last_day


def _find_people(text: str, actor: Actor) -> "Sequence[User]":
    """The people of the customer whom a text names: an id, an e-mail address, parts of a name."""
    if dynamodb.is_id("usr", text):
        return list(users.load_users([text], actor.customer_id).values())
    customer = customers.get_customer(actor.customer_id)
    criteria = directory.Criteria(text=text, names_only="@" not in text)
    page = directory.search(criteria, actor=actor, customer=customer, limit=MAX_CHOICES + 1, cursor=None)
    same_names = [user for user in page.records if user.name.casefold() == text.casefold()]
    return same_names if len(same_names) == 1 else list(page.records)


def _plan(
    source: _Source, first_day: date, last_day: date, target: "User", now: datetime
) -> tuple[MovePlan, dict[str, dict[str, str]]]:
    """The plan of the shifts that start on the days, and what is shown of each by its key."""
    since, until = (datetime.combine(day, clock_time(), UTC) for day in (first_day, last_day))
    shift_filter = ScheduleFilter(
        since=since - timedelta(days=1), until=until + timedelta(days=2), **source.filters
    )  # the days of every zone
    limit = reassignment.MAX_SHIFTS * 2
    page = listing.list_shifts(shift_filter, actor=source.actor, at=now, limit=limit, cursor=None)
    customer_id = str(source.actor.customer_id)
    holder_ids = {shift.staff_id for shift in page.records}
    location_ids = {str(shift.schedule.location_id) for shift in page.records}
    holders, locations_by_id = dynamodb.gather(
        lambda: users.load_users(holder_ids, customer_id), lambda: locations.load_locations(location_ids, customer_id)
    )
    shifts = [shift for shift in page.records if first_day <= _local_start(shift, locations_by_id).date() <= last_day]
    shifts = shifts[: reassignment.MAX_SHIFTS]
    plan = reassignment.plan_moves(shifts, target, holders=holders, actor=source.actor, at=now)
    return plan, {move.key: _describe(move.shift, holders, locations_by_id) for move in plan.moves}


def _list_ways_back(moved: Sequence[_Result], names: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """For each person who had some of the moved shifts: who, and which."""
    keys_by_holder: dict[str, list[str]] = {}
    for result in moved:
        keys_by_holder.setdefault(result.move.shift.staff_id, []).append(result.move.key)
    return [{"id": id, "name": names[keys[0]]["person"], "keys": keys} for id, keys in keys_by_holder.items()]


def _local_start(shift: Shift, locations_by_id: "Mapping[str, Location]") -> datetime:
    return shift.occurrence.start.astimezone(_zone_of(shift, locations_by_id))


def _zone_of(shift: Shift, locations_by_id: "Mapping[str, Location]") -> ZoneInfo:
    location = locations_by_id.get(str(shift.schedule.location_id))
    return ZoneInfo(str(location.time_zone if location else shift.schedule.zone))


def _describe(shift: Shift, holders: "Mapping[str, User]", locations_by_id: "Mapping[str, Location]") -> dict[str, str]:
    """Day, times, location and person of a shift, by the clock of the location."""
    start = _local_start(shift, locations_by_id)
    end = shift.occurrence.end.astimezone(_zone_of(shift, locations_by_id))
    location, holder = locations_by_id.get(str(shift.schedule.location_id)), holders.get(shift.staff_id)
    end_text = f"{end:%H:%M}" if (end.date() - start.date()).days <= 1 else f"{end:%a} {end.day} {end:%b %H:%M}"
    return {
        "day": f"{start:%a} {start.day} {start:%b %Y}",
        "times": f"{start:%H:%M}–{end_text}",
        "location": str(location.name) if location else "Deleted location",
        "person": str(holder.name) if holder else "Deleted person",
    }


def _run(moves: Sequence[PlannedMove], target: "User", actor: Actor) -> list[_Result]:
    """Move each shift by itself; what fails does not keep others from being moved."""
    results: list[_Result] = []
    ends_at = time.monotonic() + MAX_SECONDS
    for move in moves:
        if move.problem:
            results.append(_Result(move, move.problem))
        elif time.monotonic() > ends_at:
            results.append(_Result(move, _NOT_TRIED))
        else:
            results.append(_Result(move, _move(move, target, actor)))
    return results


def _move(move: PlannedMove, target: "User", actor: Actor) -> str:
    """Move a shift; why not, if it is refused."""
    try:
        reassignment.reassign_shift(move.shift, str(target.id), actor=actor, at=operators.now())
    except errors.DomainError as error:
        return reassignment.describe_refusal(error)
    return ""
