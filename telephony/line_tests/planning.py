"""The messages that test each line: one per line, due before it opens, renewed by each test.

A line gets its message when it is configured; a daily pass over all customers gives one to lines
that have none, such as those of an earlier release.
"""

import time
from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson

from accounts import customers, permissions
from config import audit, dynamodb, journal, outbox
from config.dynamodb import pagination, unaudited
from telephony import line_test_messages
from telephony.line_tests import openings, results
from telephony.models import PhoneNumber

ALL_TASK, ALL_ID = "telephony.plan_line_tests", "plan-line-tests"
SOON = timedelta(minutes=1)
"""When a line is tested again whose last test failed and whose configuration was changed."""
OVERDUE = timedelta(hours=2)
"""How late a test is if its message is gone."""
CUSTOMERS_PER_PAGE, LINES_PER_WRITE = 10, 20
SLICE_SECONDS, PAUSE_SECONDS = 2.0, 2


@outbox.task(results.TASK, lane="line-tests")
def test_line(location_id: str, *, job: outbox.TaskContext) -> None:
    """Test a line, and plan its next test; nothing if calls do not reach it any more."""
    testable = results.load_testable(location_id)
    if testable is None:
        return
    test = results.run_test(testable, job.at)
    with journal.write_intent(permissions.system_actor(testable.line.customer_id), job.at) as write:
        results.add_result(write, test, testable.last_test)


@outbox.task(line_test_messages.PLAN_TASK)
def plan_test(location_id: str, *, job: outbox.TaskContext) -> None:
    """Plan the next test of a line that was configured."""
    testable = results.load_testable(location_id)
    if testable is None:
        return
    has_failed = testable.last_test is not None and testable.last_test.result == "failed"
    due_at = openings.find_due(testable.line, openings.load_hours(testable.line, job.at), job.at)
    with journal.write_intent(permissions.system_actor(testable.line.customer_id), job.at) as write:
        results.enqueue_test(write, location_id, job.at + SOON if has_failed else due_at)


def begin_planning(at: datetime) -> None:
    """Have all lines looked at, unless that is under way. A daily task."""
    author = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
    message = outbox.build_message(ALL_TASK, {}, message_id=ALL_ID, author=author, key=None, due_at=at)
    if unaudited.create(message):
        outbox.notify_worker([message.shard])


@outbox.task(ALL_TASK)
def plan_missing_tests(*, job: outbox.TaskContext) -> None:
    """Give each line without a message one, page of customers by page, for a slice of time.

    Raises `outbox.MustWait` at the end of a slice.
    """
    deadline = time.monotonic() + SLICE_SECONDS
    cursor: pagination.Cursor | None = orjson.loads(job.progress) if job.progress else None
    while True:
        page = customers.list_checked_page(limit=CUSTOMERS_PER_PAGE, cursor=cursor)
        for customer in page.records:
            if customer.status == "active":
                _plan_missing(str(customer.id), job.at)
        cursor = page.next_cursor
        if cursor is None:
            return
        job.save_progress(orjson.dumps(cursor).decode())
        if time.monotonic() >= deadline:
            raise outbox.MustWait("The tests of lines are planned on in a moment.", retry_after=PAUSE_SECONDS)


def _plan_missing(customer_id: str, at: datetime) -> None:
    values = {":of": {"S": customer_id}}
    numbers = dynamodb.iter_records(PhoneNumber, "#customer_id = :of", values, IndexName="byCustomer")
    location_ids = [str(number.location_id) for number in numbers if number.status == "active"]
    tests = results.load_tests(location_ids) if location_ids else {}
    missing = [id for id in location_ids if id not in tests or tests[id].due_at + OVERDUE < at]
    for start in range(0, len(missing), LINES_PER_WRITE):
        _enqueue_planning(missing[start : start + LINES_PER_WRITE], customer_id, at)


def _enqueue_planning(location_ids: Iterable[str], customer_id: str, at: datetime) -> None:
    with journal.write_intent(permissions.system_actor(customer_id), at) as write:
        for location_id in location_ids:
            line_test_messages.enqueue_planning(write, location_id)
