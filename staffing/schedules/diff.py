"""What an audit entry says of a change of schedules.

`staffing.notifications.rota_changes` notifies people of it.
"""

from datetime import datetime
from itertools import chain
from typing import Any

from config import audit
from staffing.models import Schedule
from staffing.recurrence import expand, rrule
from staffing.recurrence.expand import Change, Series

MOST = 20
"""Single shifts that one entry tells one by one."""
_TOLD = ("staffId", "locationId", "startTime", "endTime", "timeZone", "rrule")
Shift = dict[str, Any]


def between(
    before: Schedule | None, after: list[Schedule], *, allow_overlap: bool = False
) -> list[audit.Change]:
    """Fields of the schedule, ``rest/…`` of what was split off, ``shift/…`` of single shifts."""
    kept = after[0] if after else None
    was, is_now = _shown(before), _shown(kept)
    found = [audit.Change(n, was[n], is_now[n]) for n in _TOLD if was[n] != is_now[n]]
    for rest in after[1:]:
        found.append(audit.Change("splitOff", None, rest.id))
        for name, value in _shown(rest).items():
            earlier = was[name] if name == "staffId" else None
            found += [audit.Change(f"rest/{name}", earlier, value)] if value is not None else []
    shifts = _of_series(before, kept) if before and kept and len(after) == 1 else None
    if shifts is None:
        shifts = _of_others([before] if before else [], after)
    told = _some(shifts)
    found += told
    if len(shifts) > len(told):
        found.append(audit.Change("shifts", None, f"{len(shifts) - len(told)} more"))
    if allow_overlap:
        found.append(audit.Change("allowOverlap", before=None, after=True))
    return found


def _some(shifts: list[audit.Change]) -> list[audit.Change]:
    """So many as one entry tells, the first of each person among them."""
    firsts: dict[str, int] = {}
    for number, change in enumerate(shifts):
        for shift in (change.before, change.after):
            if shift:
                firsts.setdefault(shift["staffId"], number)
    chosen = list(dict.fromkeys([*firsts.values(), *range(len(shifts))]))[:MOST]
    return [shifts[number] for number in sorted(chosen)]


def _shown(one: Schedule | None) -> dict[str, Any]:
    if one is None:
        return dict.fromkeys(_TOLD)
    series = one.series()
    rule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
    values = (one.staff_id, one.location_id, one.start, one.end, one.zone, rule_text)
    return dict(zip(_TOLD, values, strict=True))


def _of_series(before: Schedule, after: Schedule) -> list[audit.Change] | None:
    """Shifts that were changed by themselves; None where the series did not stay in its place."""
    was, is_now = before.series(), after.series()
    if was.rule is None or is_now.rule is None or was.start != is_now.start:
        return None
    found = []
    for id in sorted({*was.changes, *is_now.changes}):
        earlier, later = _shift(before, was, id), _shift(after, is_now, id)
        is_cut = not _is_started(is_now, id) and (earlier or {}).get("staffId") == after.staff_id
        if earlier != later and not is_cut:  # what the end cut off of one's own, the end tells
            found.append(audit.Change(f"shift/{id.isoformat()}", earlier, later))
    return found


def _is_started(series: Series, id: datetime) -> bool:
    return series.rule is not None and expand.fits(series.rule, series.start, id)


def _shift(schedule: Schedule, series: Series, id: datetime) -> Shift | None:
    """One shift as it is; None where there is none."""
    if id not in series.changes and not _is_started(series, id):
        return None
    change = series.changes.get(id, Change(id))
    if change.start is None:
        return None
    shift = expand.single(series, id, change)
    return {
        "staffId": change.staff_id or schedule.staff_id,
        "startTime": shift.start.isoformat(),
        "endTime": shift.end.isoformat(),
        "timeZone": shift.zone,
    }


def _of_others(before: list[Schedule], after: list[Schedule]) -> list[audit.Change]:
    """Shifts that others than whose series it is had and have not, or have and had not."""
    had, have = ([*chain.from_iterable(map(_covers, some))] for some in (before, after))
    owners = {one.staff_id for one in after}
    lost = [shift for shift in had if shift not in have and shift["staffId"] not in owners]
    gained = [shift for shift in have if shift not in had]
    return [
        *(audit.Change(f"shift/{shift['startTime']}", shift, None) for shift in lost),
        *(audit.Change(f"shift/{shift['startTime']}", None, shift) for shift in gained),
    ]


def _covers(schedule: Schedule) -> list[Shift]:
    series = schedule.series()
    given = (id for id, change in sorted(series.changes.items()) if change.staff_id)
    return [shift for id in given if (shift := _shift(schedule, series, id))]
