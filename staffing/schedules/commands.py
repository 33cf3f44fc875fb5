"""Schedules: planning people's shifts and series, changing and removing them.

Every decision rests on the heads of the people whose shifts it touches
(`staffing.schedules.availability`), so that two managers at once never put one person in two places. What a series loses, gains and hands over
is one transaction and one audit entry.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import denied_attempts, locations, permissions, users
from accounts.permissions import Actor
from config import dynamodb, errors, journal
from config.dynamodb import idempotency, ids, optimistic
from staffing import shift_templates
from staffing.models import Schedule, Template, told
from staffing.recurrence import edit, local_time, pattern, rrule
from staffing.recurrence.edit import Asked, Edited, Scope
from staffing.recurrence.expand import Series
from staffing.schedules import availability, save


@dataclass(frozen=True)
class Wanted:
    """A schedule to be made; times without offset are the location's."""

    customer_id: str
    location_id: str
    staff_id: str
    start: datetime
    end: datetime
    recurring: bool | None = None
    pattern: Mapping[str, Any] | None = None
    template_id: str | None = None
    allow_overlap: bool = False


class Foreign(errors.Forbidden):
    """The schedule is another customer's; the contract wants that to be said."""

    code = "foreign_customer"


def create(
    wanted: Wanted, *, actor: Actor, at: datetime, once: idempotency.Once | None = None
) -> Schedule:
    """Plan a shift or a series of a person at a location.

    Raises `busy.Overlap` naming the first clash, `errors.NotFound` for what is not there, and
    `errors.Invalid` for a pattern that cannot be.
    """
    actor.require("schedules:write")
    with denied_attempts.noted(actor, at, asked={"customerId": wanted.customer_id}):
        permissions.check_customer(actor, wanted.customer_id)

    def decide() -> Schedule:
        found = _read(
            [wanted.staff_id, *_named_in(wanted.pattern)],
            actor,
            locations.key(wanted.location_id),
            *([shift_templates.key(wanted.template_id)] if wanted.template_id else []),
            *([dynamodb.Key(idempotency.Request, once.key)] if once else []),
        )
        idempotency.check_unseen(once, found, at)
        made = _made(wanted, found, actor, at)
        edited = edit.new(made.series(), made.staff_id)
        save.keep(
            None,
            [made],
            edited,
            actor=actor,
            at=at,
            found=found,
            allow_overlap=wanted.allow_overlap,
            once=once,
        )
        return made

    try:
        return optimistic.repeated(decide)
    except idempotency.Seen as seen:
        return _as_made(seen)


def _as_made(seen: idempotency.Seen) -> Schedule:
    made = dynamodb.get(Schedule, seen.resource_id)
    if made is None:
        raise errors.NotFound("The schedule that this request created is gone.") from seen
    return made


def _read(people: Iterable[str], actor: Actor, *more: dynamodb.Key) -> dynamodb.Found:
    """The people, their heads and logs, and ``more``: one round trip, before their rows."""
    ids_ = [id for id in dict.fromkeys(people) if ids.is_id("usr", id)]
    heads = availability.heads_of(ids_)
    streams = journal.keys(dict.fromkeys([actor.stream, *ids_]))
    return dynamodb.fetch([*more, *(users.key(id) for id in ids_), *heads, *streams])


def _named_in(recurrence_pattern: Mapping[str, Any] | None) -> list[str]:
    """The people to whom a pattern gives single shifts; it was not checked yet."""
    exceptions = (recurrence_pattern or {}).get("exceptions")
    values = exceptions.values() if isinstance(exceptions, Mapping) else ()
    named = (value.get("staffId") for value in values if isinstance(value, Mapping))
    found = list(dict.fromkeys(id for id in named if isinstance(id, str)))
    if len(found) > availability.MOST_OTHERS:
        raise availability.TooMuch(
            f"Shifts of one series can be given to {availability.MOST_OTHERS} other people."
        )
    return found


def _made(wanted: Wanted, found: dynamodb.Found, actor: Actor, at: datetime) -> Schedule:
    place = locations.among(found, wanted.location_id, actor, pointer="/locationId")
    locations.check_reach(actor, place.id)
    _check_people([wanted.staff_id], found, actor, "/staffId")
    template = (
        shift_templates.among(found, wanted.template_id, actor) if wanted.template_id else None
    )
    if template and template.location_id not in (None, place.id):
        raise errors.Invalid("This template is another location's.", pointer="/templateId")
    series = _series(wanted, place.time_zone, template)
    return Schedule(
        id=ids.new("sch", at),
        customer_id=actor.customer_id,
        location_id=place.id,
        staff_id=wanted.staff_id,
        template_id=wanted.template_id,
        created_at=at,
        updated_at=at,
        version=1,
        **told(edit.named(series, wanted.staff_id)),
    )


def _series(wanted: Wanted, local: str, template: Template | None) -> Series:
    recurrence_pattern, recurring = wanted.pattern, wanted.recurring
    if recurrence_pattern is None and recurring is not False and template:
        recurrence_pattern = template.pattern
    if recurrence_pattern is None:
        if recurring:
            raise errors.Invalid("What recurs needs a pattern.", pointer="/recurrencePattern")
        read = local_time.walls(wanted.start, wanted.end, read_in=local, zone=local, may_move=True)
        return Series(*read)
    if recurring is False:
        raise errors.Invalid("What does not recur has no pattern.", pointer="/recurrencePattern")
    zone = rrule.known_zone(recurrence_pattern.get("timeZone", local))
    start, end, _ = local_time.walls(wanted.start, wanted.end, read_in=local, zone=zone)
    return pattern.series(recurrence_pattern, start=start, end=end, zone=zone)


def _check_people(people: Iterable[str], found: dynamodb.Found, actor: Actor, pointer: str) -> None:
    for id in dict.fromkeys(people):
        user = users.among(found, id, actor.customer_id, pointer=pointer)
        users.check_working(user, pointer=pointer)


# --- reading one ----------------------------------------------------------------------------------
def get(schedule_id: str, *, actor: Actor) -> Schedule:
    """A schedule that the actor may see: of their locations, or of their own shifts.

    Raises `errors.NotFound`, alike for nobody's and another customer's, and `errors.Forbidden`.
    """
    actor.require("schedules:read")
    schedule = _target(schedule_id, actor)
    if not sees(actor, schedule):
        raise errors.Forbidden("This location is not among yours.")
    return schedule


def sees(actor: Actor, schedule: Schedule) -> bool:
    """Whether a schedule of one's customer is one's own, or of a location within one's reach.

    Who only stands in for shifts of it sees those, by `rosters.shifts`, not the whole.
    """
    return actor.reaches([schedule.location_id]) or actor.id == schedule.staff_id


def _target(schedule_id: str, actor: Actor, *, tells: bool = False) -> Schedule:
    schedule = dynamodb.get(Schedule, schedule_id) if ids.is_id("sch", schedule_id) else None
    if schedule is None:
        raise errors.NotFound("There is no such schedule.")
    if schedule.customer_id != actor.customer_id:
        if tells:
            raise Foreign("This schedule is another customer's.")
        raise errors.NotFound("There is no such schedule.")
    return schedule


# --- changing -------------------------------------------------------------------------------------
def change(
    schedule_id: str,
    asked: Asked,
    *,
    location_id: str | None = None,
    scope: Scope = "all",
    recurrence_id: datetime | None = None,
    allow_overlap: bool = False,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Schedule:
    """Change one shift of a series, one and all that follow, or all of it; or a single shift.

    What follows becomes a series of its own: that is then answered. Raises `busy.Overlap`,
    `edits.NoSuchShift`, `errors.PreconditionFailed`, and as `create` does.
    """
    actor.require("schedules:write")

    def decide() -> Schedule:
        before = _target(schedule_id, actor)
        locations.check_reach(actor, before.location_id)
        optimistic.check_version(before, versions)
        moves = location_id if location_id and location_id != before.location_id else None
        if moves and scope == "occurrence":
            detail = "One shift of a series cannot be at another location; make it a schedule."
            raise errors.Invalid(detail, pointer="/locationId")
        named = _named_in(asked.pattern)
        people = [asked.staff_id] if asked.staff_id else []
        place_key = locations.key(moves or before.location_id)
        found = _read([*save.members(before), *people, *named], actor, place_key)
        place = locations.among(found, moves or before.location_id, actor, pointer="/locationId")
        locations.check_reach(actor, place.id)
        _check_people(people, found, actor, "/staffId")
        edited = edit.changed(
            before.series(),
            asked,
            staff_id=before.staff_id,
            scope=scope,
            id=recurrence_id,
            local=place.time_zone,
        )
        after = _after(before, edited, location_id=moves, at=at)
        if _same(before, after):
            return before
        save.keep(
            before, after, edited, actor=actor, at=at, found=found, allow_overlap=allow_overlap
        )
        return after[-1]

    return optimistic.repeated(decide)


def _after(
    before: Schedule, edited: Edited, *, location_id: str | None, at: datetime
) -> list[Schedule]:
    """The records that an edit leaves; the last is the one that was meant."""
    if edited.kept is None:
        return []
    where = {"location_id": location_id} if location_id else {}
    if edited.rest is None:
        values = {**told(edited.kept), **where, "staff_id": edited.staff_id, "updated_at": at}
        return [before.changed(**values)]
    kept = before.changed(**told(edited.kept), updated_at=at)
    rest = Schedule(
        id=ids.new("sch", at),
        customer_id=before.customer_id,
        location_id=location_id or before.location_id,
        staff_id=edited.staff_id,
        template_id=before.template_id,
        split_from=before.id,
        created_at=at,
        updated_at=at,
        version=1,
        **told(edited.rest),
    )
    return [kept, rest]


def _same(before: Schedule, after: list[Schedule]) -> bool:
    names = ("staff_id", "location_id", "start", "end", "zone", "pattern")
    return len(after) == 1 and all(getattr(before, n) == getattr(after[0], n) for n in names)


def remove(
    schedule_id: str,
    *,
    scope: Scope = "all",
    recurrence_id: datetime | None = None,
    actor: Actor,
    at: datetime,
    versions: Collection[int] | None = None,
) -> Schedule:
    """Remove a schedule, one of its shifts, or one and all that follow; answers what it was.

    Raises `errors.NotFound`, and `Foreign` for another customer's, as the contract wants it.
    """
    actor.require("schedules:write")

    def decide() -> Schedule:
        before = _target(schedule_id, actor, tells=True)
        locations.check_reach(actor, before.location_id)
        optimistic.check_version(before, versions)
        edited = edit.removed(
            before.series(), staff_id=before.staff_id, scope=scope, id=recurrence_id
        )
        found = _read(save.members(before), actor)
        after = _after(before, edited, location_id=None, at=at)
        save.keep(before, after, edited, actor=actor, at=at, found=found)
        return before

    return optimistic.repeated(decide)
