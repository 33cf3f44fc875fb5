"""What changes whom calls ring: each such write has the locations looked at within `DELAY`.

`CAUSES` names the tables that `routing`, the IVR and the rota read. So whoever writes one of these
records, now or later, need not think of it. At the end of a minute its changes are followed to the
lines that they concern, and a moment later each line is looked at, once for all of them.

No cause is what passes within the day: that somebody talks, or the call minutes are used up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from accounts import permissions, reach_alerts
from config import dynamodb, journal, outbox
from config.dynamodb import pagination
from config.journal.write_set import RecordChange, Write
from staffing.schedules import listing
from telephony import ivr
from telephony.calls.rota import neighbours
from telephony.models import Line

TASK, LOOK_TASK = "telephony.reach_changed", "telephony.look_ahead"
BATCH = timedelta(seconds=60)
BATCH_GRACE = timedelta(seconds=5)
"""From the end of a minute until the look, for what was written at its very end."""
DELAY = BATCH + BATCH_GRACE
LINES_AT_ONCE = 100
LOOKS_PER_WRITE = 50


@dataclass(frozen=True)
class Cause:
    """A kind of records on which it depends whom calls ring."""

    subject: str
    """The attribute with the id of the location, person or customer that it is about."""
    attributes: tuple[str, ...]
    """Those that matter; ``settings.ringing``: a member of one."""
    counts_new: bool = True
    """Whether a new record matters: a new person has no shifts, a new number is not active yet."""


CAUSES: Mapping[str, Cause] = {
    "customers": Cause("id", ("status", "settings.reach_alerts"), counts_new=False),
    "ivr": Cause("location_id", ("configuration",)),
    "locations": Cause("id", ("time_zone", "settings"), counts_new=False),
    "phone-numbers": Cause("location_id", ("status",), counts_new=False),
    "phone-pauses": Cause("user_id", ("paused_until",)),
    "phone-proofs": Cause("user_id", ("phone", "verified_at")),
    "schedules": Cause("location_id", ("location_id", "staff_id", "start", "end", "zone", "pattern")),
    "users": Cause("id", ("phone", "status", "role", "skills", "locations", "settings.ringing"), counts_new=False),
}
"""By table."""


def enqueue_looks(write: Write) -> None:
    """Have the locations looked at that the changes of a write concern."""
    for subject_id, customer_id in dict(_iter_subjects(write)).items():
        minute = int(write.at.timestamp()) // int(BATCH.total_seconds())
        end = datetime.fromtimestamp((minute + 1) * BATCH.total_seconds(), UTC)
        arguments = {"subject_id": subject_id, "customer_id": customer_id, "look_at": (end + BATCH_GRACE).isoformat()}
        write.enqueue(TASK, id=f"reach-{subject_id}-{minute}", due=end, **arguments)


def _iter_subjects(write: Write) -> Iterator[tuple[str, str]]:
    """The ids of what the changes are about, each with that of its customer."""
    prefix = f"{settings.DYNAMODB['prefix']}-"
    for change in write.record_changes:
        record = change.after or change.before
        cause = CAUSES.get(record.table_name().removeprefix(prefix)) if record else None
        if cause and _matters(change, cause, write.at):
            for version in filter(None, (change.before, change.after)):
                yield str(getattr(version, cause.subject)), _customer_of(version, write)


def _customer_of(record: Any, write: Write) -> str:
    if dynamodb.is_id("cus", str(getattr(record, "id", ""))):
        return str(record.id)
    return str(getattr(record, "customer_id", None) or write.author.customer_id)


def _matters(change: RecordChange, cause: Cause, at: datetime) -> bool:
    before, after = change.before, change.after
    if change.updated:
        return any(name.partition(".")[0] in change.updated for name in cause.attributes)
    if before is None:
        return cause.counts_new or getattr(after, "created_at", None) != at
    return after is None or any(_value_of(before, name) != _value_of(after, name) for name in cause.attributes)


def _value_of(record: dynamodb.Record, name: str) -> Any:
    attribute, _, member = name.partition(".")
    value = getattr(record, attribute)
    return (value or {}).get(member) if member else value


# --- which locations a change concerns ------------------------------------------------------------
@outbox.task(TASK)
def enqueue_location_looks(subject_id: str, customer_id: str, look_at: str, *, job: outbox.TaskContext) -> None:
    """Have each line looked at that may ring others than before.

    Of a location: its own, and those that ring its people. Of a person: the lines of where they
    have shifts, and those that name them. Of a customer: all.
    """
    location_ids = {subject_id}
    if dynamodb.is_id("usr", subject_id):
        until = job.at + timedelta(days=reach_alerts.MAX_DAYS + 1)
        location_ids = set(listing.list_locations_of_shifts(subject_id, job.at, until))
    chosen = [
        str(line.location_id)
        for line in iter_lines(customer_id)
        if subject_id == customer_id or _rings(line, location_ids, subject_id)
    ]
    author = permissions.system_actor(customer_id)
    for start in range(0, len(chosen), LOOKS_PER_WRITE):
        part = chosen[start : start + LOOKS_PER_WRITE]
        with journal.write_intent(author, job.at) as write:
            for location_id in part:
                enqueue_look(write, location_id, datetime.fromisoformat(look_at))
            if start + LOOKS_PER_WRITE >= len(chosen):
                write.replace(job.id, job.claim)


def enqueue_look(write: Write, location_id: str, due: datetime) -> None:
    """Have one location looked at then; several times at the same time are one message."""
    id = f"look-{location_id}-{int(due.timestamp())}"
    write.enqueue(LOOK_TASK, id=id, due=due, location_id=location_id, customer_id=write.author.customer_id)


def _rings(line: Line, location_ids: set[str], subject_id: str) -> bool:
    if line.location_id in location_ids:  # also if it has just lost its number
        return True
    if not line.number:
        return False
    configuration = dict(line.configuration)
    named = {id for _, id in ivr.list_user_references(configuration)}
    return subject_id in named or not location_ids.isdisjoint(neighbours.read_neighbours(configuration))


def iter_lines(customer_id: str) -> Iterator[Line]:
    """The lines of a customer that have a configuration, perhaps no number; a page at a time."""
    cursor: pagination.Cursor | None = None
    while True:
        condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
        page = pagination.query_page(Line, "byCustomer", condition, values, limit=LINES_AT_ONCE, cursor=cursor)
        records = dynamodb.batch_get(dynamodb.RecordKey(Line, line.location_id) for line in page.records)
        lines = [line for key in page.records if (line := records.get(Line, key.location_id))]
        own = [line for line in lines if line.customer_id == customer_id]  # the index may lag behind
        yield from (line for line in own if line.configuration)
        cursor = page.next_cursor
        if cursor is None:
            return
