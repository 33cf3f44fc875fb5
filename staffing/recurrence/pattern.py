"""``recurrencePattern``: a series as JSON, its rule and what became of single shifts. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from config import errors
from staffing.recurrence import expand, limits, rrule
from staffing.recurrence.expand import Change, Rule, Series

MOST_CHANGES = 500
FARTHEST = timedelta(days=400)
"""How far a shift may be put from where the rule has it."""


class Mismatch(errors.Invalid):
    """The first occurrence is none of the rule's."""

    code = "recurrence_start_mismatch"


class Rare(errors.Invalid):
    """Between two occurrences of the rule lie many years."""

    code = "recurrence_too_rare"


def series(given: Mapping[str, Any], *, start: datetime, end: datetime, zone: str) -> Series:
    """The series that a pattern makes of a first shift, whose wall times these are.

    ``zone`` holds where the pattern names none. Raises `errors.Invalid`, `Unsupported` or
    `Mismatch`, naming the member.
    """
    zone = rrule.known_zone(given.get("timeZone", zone))
    gap = given.get("gap", "shift")
    if gap not in ("shift", "skip"):
        raise rrule.wrong("gap", "It must be shift or skip.")
    rule = rrule.parse(given, zone=zone)
    if not rrule.EARLIEST <= start < expand.LAST:
        raise errors.Invalid("It is too early or too late.", pointer="/startTime")
    made = Series(start, end, zone, rule, gap=gap)
    check(made)
    return replace(made, changes=_changes(given.get("exceptions", {}), rule, start))


def check(one: Series, *, is_new: bool = True) -> None:
    """The first shift must be one of the rule's. Raises `Mismatch`, `Rare` or `errors.Invalid`."""
    if one.rule is None:
        return
    if not (limits.may_fit(one.rule, one.start) and _fits(one.rule, one.start)):
        raise Mismatch("The first shift does not fit the rule.", pointer="/startTime")
    if not expand.is_complete(one.rule, one.start):
        raise rrule.wrong("count", f"It would go on beyond {expand.LAST.year}.")
    if one.rule.until and one.rule.until >= expand.LAST:
        raise rrule.wrong("until", f"It must be before {expand.LAST.year}.")
    if is_new and limits.is_rare(one.rule, one.start):
        raise Rare("It comes too seldom to be a series.", pointer="/recurrencePattern")


def _fits(rule: Rule, start: datetime) -> bool:
    return expand.fits(rule, start, start)


def to_pattern(one: Series) -> dict[str, Any]:
    """A series as a pattern, in canonical form."""
    if one.rule is None:
        raise TypeError("A single shift has no pattern.")
    exceptions = {id.isoformat(): _told(change) for id, change in sorted(one.changes.items())}
    return {
        **rrule.to_members(one.rule),
        "timeZone": one.zone,
        **({"gap": one.gap} if one.gap != "shift" else {}),
        **({"exceptions": exceptions} if exceptions else {}),
        "rrule": rrule.to_rrule(one.rule, zone=one.zone),
    }


def _told(change: Change) -> dict[str, Any]:
    if change.start is None:
        return {"excluded": True}
    told = {
        "startTime": change.start.isoformat(),
        "endTime": change.end.isoformat() if change.end else None,
        "staffId": change.staff_id,
    }
    return {name: value for name, value in told.items() if value}


def _changes(given: Any, rule: Rule, first: datetime) -> dict[datetime, Change]:
    if not isinstance(given, Mapping) or len(given) > MOST_CHANGES:
        detail = f"It must be an object of at most {MOST_CHANGES} changes by original start."
        raise rrule.wrong("exceptions", detail)
    found = {}
    for key, value in given.items():
        name = f"exceptions/{key[:40]}"
        start = rrule.local(key, name)
        if not expand.fits(rule, first, start):
            raise rrule.wrong(name, "The rule starts no shift then.")
        found[start] = _change(value, start, name)
    return found


def _change(value: Any, start: datetime, name: str) -> Change:
    if value == {"excluded": True} and value["excluded"] is True:
        return Change()
    known = {"startTime", "endTime", "staffId"}
    if not isinstance(value, Mapping) or not value or set(value) - known:
        raise rrule.wrong(name, "It must be excluded: true, or any of startTime, endTime, staffId.")
    begins = rrule.local(value["startTime"], f"{name}/startTime") if "startTime" in value else start
    if abs(begins - start) > FARTHEST:
        raise rrule.wrong(f"{name}/startTime", f"It must be within {FARTHEST.days} days.")
    ends = rrule.local(value["endTime"], f"{name}/endTime") if "endTime" in value else None
    if ends and not timedelta() < ends - begins <= expand.LONGEST:
        raise rrule.wrong(f"{name}/endTime", "It must be after the start, by 48 hours at most.")
    staff_id = value.get("staffId")
    if staff_id is not None and not isinstance(staff_id, str):
        raise rrule.wrong(f"{name}/staffId", "It must be a string.")
    return Change(begins, ends, staff_id)


def stored(one: Series) -> dict[str, Any] | None:
    """What is kept of how a series recurs; None: it does not."""
    if one.rule is None:
        return None
    exceptions = {id.isoformat(): _told(change) for id, change in sorted(one.changes.items())}
    return {
        **rrule.to_members(one.rule),
        **({"gap": one.gap} if one.gap != "shift" else {}),
        **({"exceptions": exceptions} if exceptions else {}),
    }


def restored(start: str, end: str, zone: str, kept: Mapping[str, Any] | None) -> Series:
    """The series of what was kept: it was checked when it came."""
    begins, ends = datetime.fromisoformat(start), datetime.fromisoformat(end)
    if kept is None:
        return Series(begins, ends, zone)
    changes = {
        datetime.fromisoformat(id): _restored(told)
        for id, told in kept.get("exceptions", {}).items()
    }
    return Series(begins, ends, zone, rrule.of_members(kept), changes, kept.get("gap", "shift"))


def _restored(told: Mapping[str, Any]) -> Change:
    if "startTime" not in told:
        return Change()
    ends = told.get("endTime")
    return Change(
        datetime.fromisoformat(told["startTime"]),
        datetime.fromisoformat(ends) if ends else None,
        told.get("staffId"),
    )
