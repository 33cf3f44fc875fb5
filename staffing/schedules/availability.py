"""Who is busy when: what clashes are decided from, strongly consistent and held by a condition.

Each person has a row per schedule and a head. A decision reads the head first, then the rows; what
it writes rests on the head's version. A Query may see a transaction half done: the head names what
the last one wrote, so that is noticed, and the decision taken again (`config.dynamodb.optimistic`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from config import dynamodb, errors
from config.dynamodb import optimistic
from config.journal import write_set
from staffing.models import HEAD, Busy, Schedule, stamp, told
from staffing.recurrence import conflicts, expand
from staffing.recurrence.expand import Series
from staffing.recurrence.overlap import Clash

MOST_SERIES = 100
"""Series that one person may be on at a time: each new one is held against all of them."""
MOST_OTHERS = 12
"""People beside its own who may have shifts of one series."""


class Overlap(errors.Conflict):
    """The person is on duty elsewhere at that time."""

    code = "schedule_clash"
    title = "This person is on duty then already"

    def __init__(self, staff_id: str, schedule_id: str, clash: Clash) -> None:
        at = stamp(clash.at)
        detail = f"It overlaps schedule {schedule_id} from {at} on."
        super().__init__(detail)
        more = {"scheduleId": schedule_id, "staffId": staff_id, "at": at}
        self.faults.append(errors.Fault("/startTime", self.code, detail, more))


class TooMuch(errors.Conflict):
    """More than is decided at once."""

    code = "too_many"


@dataclass(frozen=True)
class Part:
    """Shifts of one schedule that one person gets."""

    staff_id: str
    schedule_id: str
    series: Series


def key(staff_id: str) -> dynamodb.Key:
    """The key of a person's head, to be read before their rows."""
    return dynamodb.Key(Busy, staff_id, HEAD)


# --- deciding -------------------------------------------------------------------------------------
def check_free(
    wanted: Collection[Part],
    found: dynamodb.Found,
    *,
    beside: Collection[Part],
    apart_from: str | None,
) -> None:
    """Refuse shifts that overlap what their people have already, each other, or those ``beside``.

    ``found`` holds the heads, read before; rows of the schedule ``apart_from`` do not count. Raises
    `Overlap`, naming the first moment, or `decisions.Changed` where a change is half visible.
    """
    for staff_id in dict.fromkeys(part.staff_id for part in wanted):
        own = [part for part in wanted if part.staff_id == staff_id]
        since = min(expand.begins(part.series) for part in own)
        rows = rows_from(staff_id, since, found)
        others = [row for row in rows if row.schedule_id != apart_from]
        if sum(_is_series(row) for row in others) >= MOST_SERIES:
            raise TooMuch(f"A person can be on {MOST_SERIES} series at a time.")
        theirs = [(str(row.schedule_id), series) for row in others for series in row.series()]
        theirs += [(one.schedule_id, one.series) for one in beside if one.staff_id == staff_id]
        met = conflicts.first_among([(one.schedule_id, one.series) for one in own], theirs)
        if met:
            schedule_id, clash = met
            raise Overlap(staff_id, schedule_id, clash)


def _is_series(row: Busy) -> bool:
    return any(pattern for *_, pattern in row.shifts or ())


def rows_from(
    staff_id: str, since: datetime | None, found: dynamodb.Found | None, *, consistent: bool = True
) -> list[Busy]:
    """The rows of what ends after a moment.

    Raises `decisions.Changed` where the head in ``found`` knows of what they do not show.
    """
    low = stamp(since) if since else "0"
    values = {":staff": {"S": staff_id}, ":low": {"S": low}}
    arguments = dynamodb.key_range(Busy, "#staff_id = :staff AND #end > :low", values)
    pages = dynamodb.pages("Query", **arguments, ConsistentRead=consistent)
    rows = [Busy.read(item) for items in pages for item in items]
    head = found.get(Busy, staff_id, HEAD) if found else None
    seen = {row.end: int(row.version) for row in rows}
    for end, version in (head.wrote if head else {}).items():
        if end > low and not (seen.get(end, 0) >= version if version else end not in seen):
            raise optimistic.changed()
    return rows


# --- writing --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rows:
    """What becomes of one person's rows."""

    gone: list[Busy]
    made: list[Busy]


def touched(before: Iterable[Schedule], after: Iterable[Schedule]) -> dict[str, Rows]:
    """Whose rows a change of schedules changes, and how. Raises `TooMuch`."""
    was, is_now = _rows(before), _rows(after)
    found = {}
    for staff_id in sorted({*was, *is_now}):
        old, new = was.get(staff_id, {}), is_now.get(staff_id, {})
        gone = [old[end] for end in old if end not in new]
        made = [new[end] for end in new if end not in old or _differs(old[end], new[end])]
        if gone or made:
            found[staff_id] = Rows(gone, made)
    if len(found) > MOST_OTHERS + 1:
        raise TooMuch(f"One change can concern {MOST_OTHERS + 1} people; make several.")
    return found


def settle(write: write_set.Write, changed: Mapping[str, Rows], found: dynamodb.Found) -> None:
    """Write these rows, each person's under the version of their head as it was read."""
    for staff_id, rows in changed.items():
        _put_head(write, staff_id, rows.gone, rows.made, found)
        for row in rows.gone:
            write.remove(row)
        for row in rows.made:
            write.put(row)


def _put_head(
    write: write_set.Write,
    staff_id: str,
    gone: Iterable[Busy],
    made: Iterable[Busy],
    found: dynamodb.Found,
) -> None:
    head = found.get(Busy, staff_id, HEAD)
    as_read = Busy.version == head.version if head else Busy.end.does_not_exist()
    wrote = {**{row.end: 0 for row in gone}, **{row.end: int(row.version) for row in made}}
    version = int(head.version) + 1 if head else 1
    after = Busy(staff_id=staff_id, end=HEAD, version=version, wrote=wrote)
    write.put(after, only_if=as_read, refusal=optimistic.changed())


def _rows(schedules: Iterable[Schedule]) -> dict[str, dict[str, Busy]]:
    rows: dict[str, dict[str, Busy]] = {}
    for schedule in schedules:
        shares = expand.shares(schedule.series(), schedule.staff_id)
        if len(shares) > MOST_OTHERS + 1:
            raise TooMuch(f"Shifts of one series can be given to {MOST_OTHERS} other people.")
        for staff_id, shifts in shares.items():
            row = _row(schedule, staff_id, shifts)
            rows.setdefault(staff_id, {})[row.end] = row
    return rows


def _row(schedule: Schedule, staff_id: str, shifts: list[Series]) -> Busy:
    ends = max(expand.ends(series) for series in shifts)
    kept = [told(series) for series in shifts]
    return Busy(
        staff_id=staff_id,
        end=f"{stamp(ends)}#{schedule.id}",
        version=schedule.version,
        schedule_id=schedule.id,
        shifts=[[one["start"], one["end"], one["zone"], one["pattern"]] for one in kept],
    )


def _differs(one: Busy, other: Busy) -> bool:
    return bool(one.shifts != other.shifts)


def heads_of(people: Iterable[str]) -> list[dynamodb.Key]:
    """What to read before anything of these people's schedules is changed."""
    return [key(staff_id) for staff_id in people]
