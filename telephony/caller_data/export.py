"""What is stored about a caller, as readable JSON and the recordings as WAV files."""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from accounts import customers, locations
from accounts.permissions import Actor
from config import errors, journal, storage
from telephony.caller_data import search
from telephony.caller_data.search import CallerData
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallRecording
from telephony.models import Call, Callback
from telephony.models.personal_data import CALLERS

FORMAT = "dutyline-caller-data/1"
DOCUMENT = "caller-data.json"
RIGHTS = (
    "You can get this copy of what is stored about you.",
    "You can have it erased. The calls then remain without your number, for the statistics of the business.",
    "You can object to the use of your data or ask to restrict it.",
    "You can complain to the data protection authority of your country.",
)


class _LocationLabel(NamedTuple):
    name: str
    zone: str


@dataclass(frozen=True)
class CallerExport:
    """An export: the document, and the files that it names."""

    document: bytes
    files: Mapping[str, storage.StoredFile]


def export_for_operator(caller: str, *, actor: Actor, at: datetime, deadline: float | None = None) -> CallerExport:
    """What the records of the actor's customer hold about a caller; audited.

    ``deadline`` is in monotonic seconds. Raises `errors.InvalidRequest`, `errors.NotFound` if there
    is nothing, and `errors.Unavailable`.
    """
    actor.require("calls:read")
    actor.require("users:update")
    data = search.find(search.parse_caller(caller), actor.customer_id, at=at, deadline=deadline)
    if data.is_empty:
        raise errors.NotFound("Nothing is stored about this caller.")
    caller_export = _build(caller, data, at)
    journal.write_audit_event(actor, "caller.exported", search.party_of(caller, actor.customer_id), at)
    return caller_export


def save_zip(caller_export: CallerExport, target: IO[bytes]) -> None:
    """Write an export as a zip file. Raises `errors.Unavailable`."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(DOCUMENT, caller_export.document)
        for name, file in caller_export.files.items():
            with archive.open(name, "w") as member:
                for chunk in file.read_chunks(0, file.size):
                    member.write(chunk)


def save_folder(caller_export: CallerExport, folder: Path) -> None:
    """Write an export into a folder, which is created. Raises `errors.Unavailable` and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in caller_export.files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as target:
            for chunk in file.read_chunks(0, file.size):
                target.write(chunk)
    (folder / DOCUMENT).write_bytes(caller_export.document)


def _build(caller: str, data: CallerData, at: datetime) -> CallerExport:
    customer = customers.get_customer(data.customer_id)
    labels = {
        id: _LocationLabel(str(location.name), str(location.time_zone))
        for id, location in locations.load_locations(data.location_ids, data.customer_id).items()
    }
    files: dict[str, storage.StoredFile] = {}
    calls = sorted(data.calls, key=lambda call: call.started_at)
    document = {
        "format": FORMAT,
        "caller": caller,
        "business": customer.name,
        "exportedAt": at.isoformat(timespec="seconds"),
        "purpose": CALLERS.purpose,
        "kept": CALLERS.retention,
        "recipients": ["the business and the people who work there", *CALLERS.recipients],
        "rights": RIGHTS,
        "calls": [_call_facts(call, labels.get(str(call.location_id)), files) for call in calls],
        "callBacks": [_callback_facts(record, labels.get(str(record.location_id))) for record in data.callbacks],
        "blocked": [
            {"number": block.number, "reason": block.reason, "since": block.created_at.isoformat(timespec="seconds")}
            for block in data.blocks
        ],
        "lastConversations": [item.at.isoformat(timespec="seconds") for item in data.conversations],
        "callMinutesPerDay": [
            {"day": str(row.key).rpartition(" ")[2], "minutes": int(row.callers[name])} for row, name in data.counters
        ],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    return CallerExport(orjson.dumps(document, option=options), files)


def _call_facts(call: Call, label: _LocationLabel | None, files: dict[str, storage.StoredFile]) -> dict[str, Any]:
    record = CallRecord(call)
    name, zone = label or (record.line.location_name, record.line.time_zone)
    return {
        "id": record.id,
        "location": name,
        "calledNumber" if call.direction == "in" else "callingNumber": call.number,
        "direction": call.direction,
        "caller": call.caller,
        "startedAt": _to_local(call.started_at, zone),
        "endedAt": _to_local(call.ended_at, zone) if call.ended_at else None,
        "seconds": int(call.seconds) if call.seconds is not None else None,
        "outcome": call.outcome,
        "keysPressed": [event["key"] for event in record.events if event["kind"] == "key" and event.get("key")],
        "recordings": [_recording_facts(recording, record.id, zone, files) for recording in record.recordings],
    }


def _recording_facts(
    recording: CallRecording, call_id: str, zone: str, files: dict[str, storage.StoredFile]
) -> dict[str, Any]:
    """The facts of a recording, whose file is added if it is there."""
    name = f"recordings/{call_id}-{recording.sid}.wav"
    facts = {"kind": recording.kind, "seconds": recording.seconds, "at": _to_local(recording.at, zone)}
    try:
        if recording.file:
            files[name] = storage.find_file(recording.file)
    except errors.NotFound:
        return {**facts, "file": None}
    return {**facts, "file": name if name in files else None}


def _callback_facts(record: Callback, label: _LocationLabel | None) -> dict[str, Any]:
    name, zone = label or (None, "UTC")
    return {
        "location": name,
        "caller": record.caller,
        "calls": int(record.calls),
        "lastCallAt": _to_local(record.last_call_at, zone),
        "dueAt": _to_local(record.due_at, zone),
        "status": record.status,
        "outcome": record.outcome,
        "note": record.note,
    }


def _to_local(at: datetime, zone: str) -> str:
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
