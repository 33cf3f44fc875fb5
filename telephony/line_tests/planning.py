"""The messages that test each line: one per line, due before it opens, renewed by each test.

A line gets its message when it is configured; a daily pass over all customers gives one to lines
that have none, such as those of an earlier release.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from accounts import customer_passes, permissions
from config import dynamodb, journal, outbox
from telephony import line_test_messages
from telephony.line_tests import openings, results
from telephony.models import PhoneNumber

ALL_TASK, ALL_ID = "telephony.plan_line_tests", "plan-line-tests"
SOON = timedelta(minutes=1)
"""When a line is tested again whose last test failed and whose configuration was changed."""
OVERDUE = timedelta(hours=2)
"""How late a test is if its message is gone."""
LINES_PER_WRITE = 20


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
    customer_passes.begin(ALL_TASK, ALL_ID, at)


@outbox.task(ALL_TASK)
def plan_missing_tests(*, job: outbox.TaskContext) -> None:
    """Give each line without a message one. Raises `outbox.MustWait` at the end of a slice."""
    customer_passes.walk(job, lambda customer_id: _plan_missing(customer_id, job.at))


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
