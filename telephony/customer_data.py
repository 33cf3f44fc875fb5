"""What an export of everything has of a customer's numbers, calls and callers."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from config import dynamodb
from config.dynamodb import pagination
from config.privacy.customer_data import ExportSource, ReadPage, read_all, read_by_index, row_of
from config.privacy.data_map import ExportRow
from telephony.calls.state.call_record import CallRecord
from telephony.models import (
    BlockedCaller,
    Call,
    Callback,
    IvrRevision,
    Line,
    LineTest,
    NumberProfile,
    PhoneNumber,
    PublicHours,
)
from telephony.numbers import address_registration

R = TypeVar("R", PublicHours, LineTest)
LINES_AT_ONCE = 10
"""Of a page of their revisions."""
_CALL = row_of(
    *("id", "location_id", "direction", "number", "caller", "started_at", "ended_at", "seconds", "outcome"),
    *("answered_by", "callback_id"),
)


def _read_profiles(customer_id: str) -> Iterator[NumberProfile]:
    profiles = dynamodb.iter_records(NumberProfile, "#customer_id = :of", {":of": {"S": customer_id}})
    yield from map(address_registration.open_profile, profiles)


def _profile_row(profile: NumberProfile) -> ExportRow:
    return {"country": profile.country, **asdict(profile.address), "status": profile.address_status}


def _call_row(call: Call) -> ExportRow:
    record = CallRecord(call)
    recordings = [
        {"kind": item.kind, "seconds": item.seconds, "at": item.at, "file": _file_name(call, item.sid)}
        for item in record.recordings
        if item.file
    ]
    return {**_CALL(call), "events": record.events, "recordings": recordings}


def _recordings(call: Call) -> Mapping[str, str]:
    items: list[Any] = CallRecord(call).recordings
    return {_file_name(call, item.sid): item.file for item in items if item.file}


def _file_name(call: Call, sid: str) -> str:
    return f"recordings/{call.id}-{sid}.wav"


_read_lines = read_by_index(Line, limit=LINES_AT_ONCE)


def _read_revisions(customer_id: str, cursor: pagination.Cursor | None) -> pagination.CursorPage[IvrRevision]:
    """The revisions of a page of lines."""
    page = _read_lines(customer_id, cursor)
    lists = [
        dynamodb.iter_records(IvrRevision, "#location_id = :of", {":of": {"S": line.location_id}})
        for line in page.records
    ]
    revisions = [revision for each in lists for revision in each if revision.customer_id == customer_id]
    return pagination.CursorPage(revisions, page.next_cursor)


def _read_of_lines(record_class: type[R]) -> ReadPage:
    """Reads the records of a class that lines have, of a page of lines."""

    def read_page(customer_id: str, cursor: pagination.Cursor | None) -> pagination.CursorPage[R]:
        page = _read_lines(customer_id, cursor)
        records = dynamodb.batch_get(dynamodb.RecordKey(record_class, str(line.location_id)) for line in page.records)
        of_lines = (records.get(record_class, str(line.location_id)) for line in page.records)
        own = [record for record in of_lines if record and record.customer_id == customer_id]
        return pagination.CursorPage(own, page.next_cursor)

    return read_page


SOURCES = (
    ExportSource(
        "phone-numbers",
        read_by_index(PhoneNumber),
        row_of("number", "location_id", "status", "release_at", "created_at", "updated_at"),
    ),
    ExportSource(
        "ivr-configurations", read_by_index(Line), row_of("location_id", "number", "configuration", "updated_at")
    ),
    ExportSource("ivr-revisions", _read_revisions, row_of("location_id", "number", "configuration", "saved_at")),
    ExportSource("public-hours", _read_of_lines(PublicHours), row_of("location_id", "public_id", "updated_at")),
    ExportSource(
        "line-tests",
        _read_of_lines(LineTest),
        row_of("location_id", "number", "tested_at", "simulated_at", "result", "steps"),
    ),
    ExportSource("number-profiles", read_all(_read_profiles), _profile_row),
    ExportSource(
        "blocked-callers", read_by_index(BlockedCaller), row_of("number", "location_id", "reason", "created_at")
    ),
    ExportSource("calls", read_by_index(Call), _call_row, files=_recordings),
    ExportSource(
        "call-backs",
        read_by_index(Callback),
        row_of(
            *("id", "location_id", "caller", "call_id", "calls", "last_call_at", "due_at", "status", "taken_by"),
            *("taken_at", "called_at", "outcome", "note", "created_at", "updated_at"),
        ),
    ),
)
