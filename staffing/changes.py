"""One transaction for a change of schedules: records, rows and heads, audit, what must follow."""

from datetime import datetime
from typing import Any

from accounts import users
from config import audit, decisions, dynamo, idempotency, journal, writes
from staffing import busy, follow_ups, recurrence, rules
from staffing.busy import Part
from staffing.edits import Edited
from staffing.models import Schedule
from staffing.recurrence import Change, Series


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
    found: dynamo.Found,
    allow_overlap: bool = False,
    once: idempotency.Once | None = None,
) -> None:
    """One transaction: the schedules, their rows and heads, the audit, what must follow."""
    meant = after[-1] if after else None
    newcomers = _newcomers(before, after, edited, found, actor)
    if edited.fresh and meant and not allow_overlap:
        parts = [Part(staff_id, meant.id, series) for staff_id, series in edited.fresh]
        beside = [Part(staff_id, after[0].id, series) for staff_id, series in edited.beside]
        busy.check_free(parts, found, beside=beside, apart_from=before.id if before else None)
    subject = before or after[0]
    people = sorted({id for one in [before, *after] if one for id in members(one)})
    with journal.write(
        actor=actor,
        action=_action(before, after),
        subject=subject.party,
        at=at,
        customer_id=subject.customer_id,
        changes=differences(before, after, allow_overlap=allow_overlap),
        concerns=people,
        found=found,
    ) as write:
        _put(write, before, after)
        changed = busy.settle(write, [before] if before else [], after, found)
        for id in newcomers:
            users.require_working(write, id)
        for id in changed:
            follow_ups.add(write, id)
        if once and meant:
            write.answer(once, meant.id, status=201)


def _newcomers(
    before: Schedule | None,
    after: list[Schedule],
    edited: Edited,
    found: dynamo.Found,
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


def _put(write: writes.Write, before: Schedule | None, after: list[Schedule]) -> None:
    as_read = Schedule.version == before.version if before else None
    if before and not after:
        write.remove(before, only_if=as_read, refusal=decisions.changed())
    for one in after:
        is_new = before is None or one.id != before.id
        condition = Schedule.id.does_not_exist() if is_new else as_read
        write.put(one, only_if=condition, refusal=decisions.changed())


def _action(before: Schedule | None, after: list[Schedule]) -> str:
    if before is None:
        return "schedule.created"
    if not after:
        return "schedule.removed"
    return "schedule.changed" if len(after) == 1 else "schedule.split"


_TOLD = ("staffId", "locationId", "startTime", "endTime", "timeZone", "rrule")


def _shown(one: Schedule | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(_TOLD)
    series = one.series()
    rrule = rules.to_rrule(series.rule, zone=series.zone) if series.rule else None
    values = (one.staff_id, one.location_id, one.start, one.end, one.zone, rrule)
    return dict(zip(_TOLD, values, strict=True))


def differences(
    before: Schedule | None, after: list[Schedule], *, allow_overlap: bool = False
) -> list[audit.Change]:
    """What an audit entry tells of a change: of a split, the old series and then the new one."""
    kept = after[0] if after else None
    was, is_now = _shown(before), _shown(kept)
    found = [audit.Change(n, was[n], is_now[n]) for n in _TOLD if was[n] != is_now[n]]
    if before and kept:
        found += _of_shifts(before, kept)
    for rest in after[1:]:
        values = {"splitOff": rest.id, **_shown(rest)}
        found += [audit.Change(f"rest/{n}", None, v) for n, v in values.items() if v is not None]
    if allow_overlap:
        found.append(audit.Change("allowOverlap", before=None, after=True))
    return found


def _of_shifts(before: Schedule, after: Schedule) -> list[audit.Change]:
    """Single shifts that were changed; only where the series stayed, and not beyond its end."""
    was, is_now = before.series(), after.series()
    if was.rule is None or is_now.rule is None or was.start != is_now.start:
        return []
    last = is_now.rule.until
    return [
        audit.Change(f"shift/{id.isoformat()}", _shift(before, was, id), _shift(after, is_now, id))
        for id in sorted({*was.changes, *is_now.changes})
        if was.changes.get(id) != is_now.changes.get(id) and (last is None or id <= last)
    ]


def _shift(schedule: Schedule, series: Series, id: datetime) -> dict[str, Any] | None:
    change = series.changes.get(id, Change(id))
    if change.start is None:
        return None
    shift = recurrence.single(series, id, change)
    return {
        "staffId": change.staff_id or schedule.staff_id,
        "startTime": shift.start.isoformat(),
        "endTime": shift.end.isoformat(),
        "timeZone": shift.zone,
    }
