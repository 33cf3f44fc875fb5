"""Bulk actions: previewed, begun, and run record by record.

The keys of a run are stored in chunks when it is previewed, so what runs is what was shown. One
outbox message processes them, for `PASS_SECONDS` at a time. Before each record it stores which one
is next, with the outcomes so far: a worker that dies leaves one record of which it is unknown
whether it was done, and the next attempt learns that it is this one.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

import orjson
from django.conf import settings
from django.utils.module_loading import import_string

from config import audit, dynamodb, errors, journal, outbox
from config.bulk.models import BulkChunk, BulkRun
from config.dynamodb import unaudited

TASK = "bulk.run"
MAX_RECORDS = 5_000
CHUNK_SIZE = 25
PASS_SECONDS = 5.0
PREVIEW_LIFETIME, REPORT_LIFETIME = timedelta(days=1), timedelta(days=30)


class Runner(Protocol):
    """Does the action of a run; ``settings.BULK_RUNNER`` builds one from the run and the author."""

    def refusal(self) -> str:
        """Why the operator may not do it any more; empty if they may."""

    def run(self, key: str, *, is_repeated: bool) -> str:
        """Do it to one record: empty, or why not. Raises `errors.Unavailable`.

        ``is_repeated``: an earlier attempt may have done it.
        """


@dataclass(frozen=True)
class Selection:
    """What an operator selected."""

    keys: Sequence[str]
    left_out: Mapping[str, str]
    """Reasons by key."""
    customer_id: str | None


@dataclass
class Progress:
    """How far a run is, as its message has it."""

    chunk: int = 0
    begun: str = ""
    """The key that was being processed."""
    outcomes: dict[str, str] = field(default_factory=dict)
    """Of the chunk."""


@dataclass(frozen=True)
class Counts:
    """How many records are done, failed, and not processed yet."""

    done: int
    failed: int
    left: int


def create_preview(
    selection: Selection,
    *,
    model: str,
    action: str,
    operator_id: str,
    operator_pk: int,
    at: datetime,
    form_values: Mapping[str, Any] | None = None,
) -> BulkRun:
    """Store what would be changed; it is forgotten after a day unless it is begun.

    ``form_values``: what its form shows at first.
    """
    expires_at = int((at + PREVIEW_LIFETIME).timestamp())
    run = BulkRun(
        id=dynamodb.new_id("blk", at),
        operator_id=operator_id,
        operator_pk=operator_pk,
        model=model,
        action=action,
        form_values=dict(form_values or {}),
        customer_id=selection.customer_id,
        total=len(selection.keys),
        left_out=len(selection.left_out),
        chunks=0,
        created_at=at,
        expires_at=expires_at,
    )
    chunks = list(_build_chunks(run, selection))
    run.chunks = len(chunks)
    dynamodb.gather(*(partial(unaudited.create, chunk) for chunk in chunks))
    unaudited.create(run)
    return run


def _build_chunks(run: BulkRun, selection: Selection) -> list[BulkChunk]:
    keys, left_out = list(selection.keys), list(selection.left_out.items())
    size = max(len(keys), len(left_out))
    return [
        BulkChunk(
            run_id=run.id,
            number=number,
            ids=keys[start : start + CHUNK_SIZE],
            left_out=dict(left_out[start : start + CHUNK_SIZE]),
            outcomes={},
            expires_at=run.expires_at,
        )
        for number, start in enumerate(range(0, size, CHUNK_SIZE))
    ]


def find_run(run_id: str, at: datetime) -> BulkRun:
    """A run that is not forgotten. Raises `errors.NotFound`."""
    run = dynamodb.get_record(BulkRun, run_id) if dynamodb.is_id("blk", run_id) else None
    if run is None or run.expires_at <= at.timestamp():
        raise errors.NotFound("There is no such bulk action, or its report was deleted after 30 days.")
    return run


def list_runs(operator_id: str, at: datetime, *, limit: int) -> list[BulkRun]:
    """The last runs that an operator began."""
    values = {":of": {"S": operator_id}}
    options = {"IndexName": "byOperator", "ScanIndexForward": False, "Limit": limit}
    runs = dynamodb.query_records(BulkRun, "#operator_id = :of", values, **options)
    return [run for run in runs if run.begun_at and run.expires_at > at.timestamp()]


def load_chunks(run: BulkRun) -> list[BulkChunk]:
    """All chunks of a run, in order."""
    values = {":of": {"S": str(run.id)}}
    return list(dynamodb.iter_records(BulkChunk, "#run_id = :of", values))


def count(run: BulkRun, chunks: Sequence[BulkChunk]) -> Counts:
    """How far a run is."""
    outcomes = [reason for chunk in chunks for reason in chunk.outcomes.values()]
    failed = sum(bool(reason) for reason in outcomes)
    return Counts(len(outcomes) - failed, failed, int(run.total) - len(outcomes))


def begin(
    run: BulkRun, form_values: Mapping[str, Any], *, author: audit.Author, subject: audit.Party, at: datetime
) -> bool:
    """Have a run done in the background, audited; False if it has begun already."""
    expires_at = int((at + REPORT_LIFETIME).timestamp())
    begun = BulkRun.from_item(run.serialize())
    begun.form_values, begun.begun_at, begun.expires_at = dict(form_values), at, expires_at
    values = {"action": run.action, "kind": run.model, "records": int(run.total)}
    changes = [audit.FieldChange(name, None, value) for name, value in values.items()]
    try:
        with journal.write(author, "bulk.begun", subject, at, changes=changes) as write:
            write.put(begun, only_if=BulkRun.begun_at.does_not_exist(), error=journal.StaleRecord())
            write.enqueue(TASK, id=f"bulk-{run.id}", run_id=run.id)
    except journal.StaleRecord:
        return False
    return True


# --- running --------------------------------------------------------------------------------------
@outbox.task(TASK)
def process(run_id: str, *, job: outbox.TaskContext) -> None:
    """Process records until the slice is over, or all are done.

    Raises `errors.Unavailable`, and `outbox.MustWait` at the end of a slice.
    """
    run = dynamodb.get_record(BulkRun, run_id)
    if run is None or run.ended_at:
        return
    runner: Runner = import_string(settings.BULK_RUNNER)(run, job)
    progress = Progress(**orjson.loads(job.progress)) if job.progress else Progress()
    deadline = time.monotonic() + PASS_SECONDS
    if reason := runner.refusal():
        _end_chunk(run, progress, job.at)
        _end(run, job.at, reason)
        return
    while progress.chunk < int(run.chunks):
        chunk = dynamodb.get_record(BulkChunk, run_id, progress.chunk)
        for key in chunk.ids if chunk else ():
            if key not in progress.outcomes:
                _process_record(key, runner, progress, job)
            if time.monotonic() > deadline:
                raise outbox.MustWait("The rest is done next.", retry_after=1)
        _end_chunk(run, progress, job.at)
        progress = Progress(progress.chunk + 1)
    _end(run, job.at, None)


def _process_record(key: str, runner: Runner, progress: Progress, job: outbox.TaskContext) -> None:
    is_repeated = progress.begun == key
    progress.begun = key
    job.save_progress(orjson.dumps(vars(progress)).decode())
    try:
        progress.outcomes[key] = runner.run(key, is_repeated=is_repeated)
    except errors.Unavailable as unavailable:
        if not job.is_last_attempt:
            raise
        progress.outcomes[key] = unavailable.detail


def _end_chunk(run: BulkRun, progress: Progress, at: datetime) -> None:
    """Note what came of a chunk; repeatable."""
    chunk = BulkChunk(run_id=run.id, number=progress.chunk)
    changes = [
        BulkChunk.outcomes.set(progress.outcomes),
        BulkChunk.ended_at.set(at),
        BulkChunk.expires_at.set(int(run.expires_at)),
    ]
    unaudited.update(chunk, changes, BulkChunk.run_id.exists())


def _end(run: BulkRun, at: datetime, reason: str | None) -> None:
    changes = [BulkRun.ended_at.set(at), *([BulkRun.stopped_because.set(reason)] if reason else [])]
    unaudited.update(run, changes, BulkRun.ended_at.does_not_exist())
