"""Has each line looked at every night at three by the clock of its location.

What nobody changes may become a hole too: time goes on, and the look reaches a day further. Beat
begins one pass a day, an outbox message that goes through all customers page by page.
"""

import time
from datetime import datetime, timedelta
from datetime import time as time_of_day

import orjson

from accounts import customers, locations, permissions
from config import audit, journal, outbox
from config.dynamodb import pagination, unaudited
from staffing.recurrence import wall_clock
from telephony.models import Line
from telephony.reach import causes

TASK, MESSAGE_ID = "telephony.plan_looks", "reach-nightly"
LOOK_TIME = time_of_day(3)
CUSTOMERS_PER_PAGE = 10
SLICE_SECONDS, PAUSE_SECONDS = 2.0, 2


def begin_planning(at: datetime) -> None:
    """Have the looks of the next night planned, unless that is under way."""
    author = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
    message = outbox.build_message(TASK, {}, message_id=MESSAGE_ID, author=author, key=None, due_at=at)
    if unaudited.create(message):
        outbox.notify_worker([message.shard])


@outbox.task(TASK)
def plan_looks(*, job: outbox.TaskContext) -> None:
    """Plan the next look at each line; may be repeated: the ids are the same.

    Raises `outbox.MustWait` at the end of a slice.
    """
    cursor: pagination.Cursor | None = orjson.loads(job.progress) if job.progress else None
    deadline = time.monotonic() + SLICE_SECONDS
    while True:
        page = customers.list_checked_page(limit=CUSTOMERS_PER_PAGE, cursor=cursor)
        for customer in page.records:
            if customer.status == "active":
                plan_looks_of(str(customer.id), at=job.at)
        cursor = page.next_cursor
        if cursor is None:
            return
        job.save_progress(orjson.dumps(cursor).decode())
        if time.monotonic() >= deadline:
            raise outbox.MustWait("The next customers follow in a moment.", retry_after=PAUSE_SECONDS)


def plan_looks_of(customer_id: str, *, at: datetime) -> None:
    """Plan the next look at each line of a customer."""
    chosen: list[Line] = [line for line in causes.iter_lines(customer_id) if line.number]
    author = permissions.system_actor(customer_id)
    for start in range(0, len(chosen), causes.LOOKS_PER_WRITE):
        ids = [str(line.location_id) for line in chosen[start : start + causes.LOOKS_PER_WRITE]]
        existing = locations.load_locations(ids, customer_id)
        if existing:
            with journal.write_intent(author, at) as write:
                for location in existing.values():
                    causes.enqueue_look(write, str(location.id), next_look(at, str(location.time_zone)))


def next_look(at: datetime, zone: str) -> datetime:
    """The next three o'clock in a zone; on a day without one, when it would have been."""
    today = wall_clock.to_wall_time(at, zone).date()
    instants = [
        wall_clock.to_instant(datetime.combine(today + timedelta(days=days), LOOK_TIME), zone) for days in (0, 1, 2)
    ]
    return next(instant for instant in instants if instant > at)
