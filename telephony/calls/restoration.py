"""Recordings of calls in restored tables."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta

from config import dynamodb, errors, storage
from config.privacy.restoration import Finding, Restoration
from config.restore import checks
from telephony.calls.state.call_record import CallRecord
from telephony.models import Call

FOLDER = "recordings"
MAX_EXAMPLES = 5
MIN_AGE = timedelta(hours=1)


def check_recordings(options: checks.CheckOptions) -> Iterator[Finding]:
    """Whether the file storage has the recordings of all calls, and no others.

    Raises `errors.Unavailable`.
    """
    missing, unknown, count = compare_files()
    if missing:
        examples = ", ".join(sorted(missing)[:MAX_EXAMPLES])
        yield Finding(f"recordings: {len(missing)} of {count} files are missing, such as {examples}")
    else:
        yield checks.passed(f"recordings: all {count} files are in the file storage")
    if unknown:
        examples = ", ".join(sorted(unknown)[:MAX_EXAMPLES])
        yield checks.passed(f"recordings: {len(unknown)} files belong to no call of these tables, such as {examples}")


def reconcile_files(restoration: Restoration) -> Iterator[Finding]:
    """Bring back recordings that were deleted since, and delete those of lost calls, if allowed.

    Comes after callers were erased again. Raises `errors.Unavailable`.
    """
    missing, unknown, _ = compare_files()
    if missing and not restoration.recovers_recordings:
        yield Finding(f"{len(missing)} recordings of calls are not in the file storage; --recover-recordings")
    elif missing:
        lost = [name for name in sorted(missing) if not storage.recover_file(name)]
        yield Finding(f"{len(missing) - len(lost)} recordings are back", needs_attention=False)
        yield from (Finding(f"{name}: the file storage has no older version") for name in lost)
    unknown = {name for name in unknown if _is_of_lost_call(name, restoration)}
    if unknown and not restoration.deletes_unknown_recordings:
        text = f"{len(unknown)} recordings belong to calls that are lost; --delete-unknown-recordings"
        yield Finding(text, needs_attention=False)
    elif unknown:
        for name in unknown:
            storage.delete_file(name)
        yield Finding(f"{len(unknown)} recordings of lost calls are deleted", needs_attention=False)


def _is_of_lost_call(name: str, restoration: Restoration) -> bool:
    """Whether a file is from between the restored time and the restore.

    Files that were older are deleted by the outbox when their time is over, and one that is just
    stored has its call noted a moment later.
    """
    with suppress(errors.NotFound):
        stored_at = storage.modified_at(name)
        return restoration.restored_to <= stored_at <= restoration.at - MIN_AGE
    return False


def compare_files() -> tuple[set[str], set[str], int]:
    """Files that calls name and are missing, files that no call names, and how many are named.

    Raises `errors.Unavailable`.
    """
    named = set(_list_named_files())
    stored = set(storage.iter_files(FOLDER))
    return named - stored, stored - named, len(named)


def _list_named_files() -> Iterator[str]:
    for items in dynamodb.iter_pages("Scan", TableName=Call.table_name(), ConsistentRead=True):
        for call in map(CallRecord, map(Call.from_item, items)):
            yield from (recording.file for recording in call.recordings if recording.file)
