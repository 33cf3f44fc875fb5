"""One transaction for a change of schedules: records, rows and heads, audit, what must follow."""

from datetime import datetime

from accounts import users
from config import audit, dynamodb, journal
from config.dynamodb import idempotency, optimistic
from config.journal import write_set
from staffing.models import Schedule
from staffing.recurrence.edit import Edited
from staffing.schedules import availability, diff, side_effects
from staffing.schedules.availability import Part


def members(schedule: Schedule) -> set[str]:
    """Who has shifts of it."""
    changes = (schedule.pattern or {}).get("exceptions", {}).values()
    return {schedule.staff_id, *(one["staffId"] for one in changes if "staffId" in one)}


def keep(
    before: Schedule | None,
    after: list[Schedule],
    edited: Edited,
    *,
    actor: audit.Author,
    at: datetime,
    found: dynamodb.Found,
    allow_overlap: bool = False,
    once: idempotency.Once | None = None,
) -> None:
    """One transaction: the schedules, their rows and heads, the audit, what must follow."""
    meant = after[-1] if after else None
    newcomers = _newcomers(before, after, edited, found, actor)
    if edited.fresh and meant and not allow_overlap:
        parts = [Part(staff_id, meant.id, series) for staff_id, series in edited.fresh]
        beside = [Part(staff_id, after[0].id, series) for staff_id, series in edited.beside]
        availability.check_free(
            parts, found, beside=beside, apart_from=before.id if before else None
        )
    subject = before or after[0]
    touched = availability.touched([before] if before else [], after)
    owners = {one.staff_id for one in [before, *after] if one}
    concerned = sorted({*touched, *_elsewhere(before, after)})
    with journal.write(
        actor=actor,
        action=_action(before, after),
        subject=subject.party,
        at=at,
        customer_id=subject.customer_id,
        changes=diff.between(before, after, allow_overlap=allow_overlap),
        concerns=sorted({*concerned, *owners}),
        found=found,
    ) as write:
        put(write, before, after)
        availability.settle(write, touched, found)
        for id in newcomers:
            users.require_working(write, id)
        for id in concerned:
            side_effects.add(write, id)
        if once and meant:
            write.answer(once, meant.id, status=201)


def _elsewhere(before: Schedule | None, after: list[Schedule]) -> set[str]:
    """Whose shifts are at another location than they were; no row of theirs tells that."""
    if before is None:
        return set()
    moved = [one for one in after if one.location_id != before.location_id]
    return {id for one in moved for id in members(one)}


def _newcomers(
    before: Schedule | None,
    after: list[Schedule],
    edited: Edited,
    found: dynamodb.Found,
    actor: audit.Author,
) -> list[str]:
    """Who gets shifts and had none of it, or all of it anew: they must be there at the end too."""
    had = members(before) if before else set()
    anew = {id for id, _ in edited.fresh if id == edited.staff_id}
    new = sorted(({id for one in after for id in members(one)} - had) | anew)
    for id in new:
        user = users.among(found, id, actor.customer_id, pointer="/staffId")
        users.check_working(user, pointer="/staffId")
    return new


def put(write: write_set.Write, before: Schedule | None, after: list[Schedule]) -> None:
    """The records as they are after; what is not among them any more goes."""
    as_read = Schedule.version == before.version if before else None
    if before and before.id not in {one.id for one in after}:
        write.remove(before, only_if=as_read, refusal=optimistic.changed())
    for one in after:
        is_new = before is None or one.id != before.id
        condition = Schedule.id.does_not_exist() if is_new else as_read
        write.put(one, only_if=condition, refusal=optimistic.changed())


def _action(before: Schedule | None, after: list[Schedule]) -> str:
    if before is None:
        return "schedule.created"
    if not after:
        return "schedule.removed"
    return "schedule.changed" if len(after) == 1 else "schedule.split"
