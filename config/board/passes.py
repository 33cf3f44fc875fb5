"""The pass that checks all customers, again and again, in the background.

Beat begins one every ``settings.BOARD_MINUTES``, if none is under way: an outbox message, so it
survives crashes. A pass works for `SLICE_SECONDS` at a time and then lets other messages pass. How
far it got is stored with the message after each page of customers, so whoever goes on repeats one
page at most. A check that fails leaves the items of before; the pass goes on.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import orjson
from django.conf import settings

from config import audit, dynamodb, errors, outbox
from config.board import items, sources
from config.board.models import BoardPass
from config.board.sources import Findings, Source
from config.dynamodb import pagination, unaudited
from config.journal import write_set

TASK, MESSAGE_ID = "board.pass", "board-pass"
CHECK_TASK = "board.check"
SLICE_SECONDS, PAUSE_SECONDS = 2.0, 2
CUSTOMERS_PER_PAGE = 10
LATE_AFTER_INTERVALS = 3
"""Intervals without a pass that has ended, after which the board is late."""
REVIVED_AFTER = timedelta(hours=1)

logger = logging.getLogger("dutyline.board")


@dataclass
class Progress:
    """How far a pass is, as its message has it."""

    began_at: datetime
    cursor: pagination.Cursor | None = None
    """Of the next page of customers."""
    has_checked_platform: bool = False
    has_ended: bool = False
    customers: int = 0
    failures: int = 0
    checked: Counter[str] = field(default_factory=Counter)

    @classmethod
    def parse(cls, text: str) -> "Progress":
        """From what `to_text` returns."""
        members = orjson.loads(text)
        began_at = datetime.fromisoformat(members.pop("began_at"))
        return cls(**members | {"began_at": began_at, "checked": Counter(members["checked"])})

    def to_text(self) -> str:
        """As JSON."""
        return orjson.dumps({**vars(self), "checked": dict(self.checked)}).decode()


def interval() -> timedelta:
    """The time between two passes."""
    return timedelta(minutes=settings.BOARD_MINUTES)


def is_late(last_pass: BoardPass | None, at: datetime) -> bool:
    """Whether the board is out of date."""
    return last_pass is None or at - last_pass.ended_at > LATE_AFTER_INTERVALS * interval()


def begin_pass(at: datetime) -> bool:
    """Have a worker check all customers, unless a pass is under way; whether it begins.

    A pass that was given up, as each attempt crashed, begins anew after an hour.
    """
    author = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
    message = outbox.build_message(TASK, {}, message_id=MESSAGE_ID, author=author, key=None, due_at=at)
    begins = unaudited.create(message)
    if not begins:
        stored = dynamodb.get_record(outbox.OutboxMessage, MESSAGE_ID)
        if stored and stored.shard == outbox.DEAD_LETTER_SHARD and at - stored.due_at > REVIVED_AFTER:
            begins = unaudited.remove(stored, outbox.OutboxMessage.due_at == stored.due_at) and unaudited.create(
                message
            )
    if begins:
        outbox.notify_worker([message.shard])
    return begins


@outbox.task(TASK)
def run_pass(*, job: outbox.TaskContext) -> None:
    """Check customers until the slice is over, or all are checked.

    Raises `errors.Unavailable`, and `outbox.MustWait` at the end of a slice.
    """
    progress = Progress.parse(job.progress) if job.progress else Progress(job.at)
    deadline = time.monotonic() + SLICE_SECONDS
    if not progress.has_checked_platform:
        _check_platform(progress, job.at)
        progress.has_checked_platform = True
        job.save_progress(progress.to_text())
    while not progress.has_ended:
        if time.monotonic() >= deadline:
            raise outbox.MustWait("The board goes on in a moment.", retry_after=PAUSE_SECONDS)
        _check_page(progress, job.at)
        job.save_progress(progress.to_text())
    _store_pass(progress, job.at)


def _check_platform(progress: Progress, at: datetime) -> None:
    for source in sources.platform_sources():
        _run_source(source, partial(source.find, at), items.platform_scope(source.name), "", progress, at)


def _check_page(progress: Progress, at: datetime) -> None:
    page = sources.list_customers(limit=CUSTOMERS_PER_PAGE, cursor=progress.cursor)
    for customer in page.records:
        _check_customer(customer, progress, at)
        progress.customers += 1
    progress.cursor, progress.has_ended = page.next_cursor, page.next_cursor is None


def check_customer(customer_id: str, at: datetime) -> None:
    """Check one customer at once. Raises `errors.NotFound` and `errors.Unavailable`."""
    _check_customer(sources.get_customer(customer_id), Progress(at), at)


def enqueue_check(write: write_set.Write, customer_id: str) -> None:
    """Check a customer soon, as this write changes what the board has about it."""
    write.enqueue(CHECK_TASK, id=f"board-check-{customer_id}", customer_id=customer_id)


@outbox.task(CHECK_TASK)
def check_customer_soon(customer_id: str, *, job: outbox.TaskContext) -> None:
    """Check one customer, if it still exists. Raises `errors.Unavailable`."""
    with suppress(errors.NotFound):
        check_customer(customer_id, job.at)


def _check_customer(customer: Any, progress: Progress, at: datetime) -> None:
    for source in sources.customer_sources():
        _run_source(source, partial(source.find, customer, at), customer.id, customer.id, progress, at)


def _run_source(
    source: Source, find: Callable[[], Findings], scope: str, customer_id: str, progress: Progress, at: datetime
) -> None:
    try:
        findings = find()
        items.store(scope, customer_id, source.kinds, findings.problems, at)
    except (errors.Unavailable, outbox.LeaseLost):
        raise
    except Exception:  # a defect at one customer must not hide the others
        logger.exception("a check of the board failed", extra={"source": source.name, "scope": scope})
        progress.failures += 1
    else:
        progress.checked.update(findings.checked)


def _store_pass(progress: Progress, at: datetime) -> None:
    changes = [
        BoardPass.began_at.set(progress.began_at),
        BoardPass.ended_at.set(at),
        BoardPass.customers.set(progress.customers),
        BoardPass.failures.set(progress.failures),
        BoardPass.checked.set(dict(progress.checked)),
    ]
    is_newer = BoardPass.id.does_not_exist() | (BoardPass.ended_at <= at)
    unaudited.update(BoardPass(items.LAST_ID), changes, is_newer)
    seconds = round((at - progress.began_at).total_seconds(), 1)
    fields = {"customers": progress.customers, "failures": progress.failures, "seconds": seconds}
    logger.info("the board was brought up to date", extra=fields)
