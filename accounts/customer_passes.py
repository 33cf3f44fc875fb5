"""Passes over all customers in the background: one outbox message goes from page to page."""

import time
from collections.abc import Callable
from datetime import datetime

import orjson

from accounts import customers
from config import audit, outbox
from config.dynamodb import pagination, unaudited

CUSTOMERS_PER_PAGE = 10
SLICE_SECONDS, PAUSE_SECONDS = 2.0, 2
"""After how long a pass lets other messages of its worker go first, and for how long."""


def begin(task: str, message_id: str, at: datetime) -> None:
    """Have a pass begun by a task, unless one with this id is under way."""
    author = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
    message = outbox.build_message(task, {}, message_id=message_id, author=author, key=None, due_at=at)
    if unaudited.create(message):
        outbox.notify_worker([message.shard])


def walk(job: outbox.TaskContext, visit: Callable[[str], None]) -> None:
    """Visit each active customer, by id, from where the pass is, for a slice of time.

    ``visit`` may be repeated for the customers of a page. Raises `outbox.MustWait` at the end of a
    slice.
    """
    deadline = time.monotonic() + SLICE_SECONDS
    cursor: pagination.Cursor | None = orjson.loads(job.progress) if job.progress else None
    while True:
        page = customers.list_checked_page(limit=CUSTOMERS_PER_PAGE, cursor=cursor)
        for customer in page.records:
            if customer.status == "active":
                visit(str(customer.id))
        cursor = page.next_cursor
        if cursor is None:
            return
        job.save_progress(orjson.dumps(cursor).decode())
        if time.monotonic() >= deadline:
            raise outbox.MustWait("The next customers follow in a moment.", retry_after=PAUSE_SECONDS)
