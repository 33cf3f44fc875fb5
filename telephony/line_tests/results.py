"""Running the test of a line, and what it found: stored per line, shown to users and operators."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from accounts import customers, locations
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from config.board import passes
from config.journal import write_set
from telephony import lines
from telephony.line_tests import openings, steps
from telephony.line_tests.simulation import FILES_SECONDS, Simulation
from telephony.lines import ResolvedLine
from telephony.models import Line, LineTest, PhoneNumber

if TYPE_CHECKING:
    from accounts.models import Location

TASK = "telephony.test_line"
KEPT = timedelta(days=30)
"""How long a result stays if the line is not tested again, as its number is gone."""
REPEATED_AFTER = timedelta(hours=1)
"""A failed test is repeated, so that it is known when the line works again."""
FILES_SECONDS_ON_REQUEST = 5.0
"""For audio files, while somebody waits."""


class NothingToTest(errors.Conflict):
    """The line has no number that takes calls, or its customer is suspended."""

    code = "nothing_to_test"
    example_detail = "This line takes no calls at present, so there is nothing to test."


@dataclass(frozen=True)
class TestableLine:
    """A line that takes calls."""

    line: ResolvedLine
    location: "Location"
    number: PhoneNumber
    last_test: LineTest | None
    """Of the same number."""


def load_testable(location_id: str) -> TestableLine | None:
    """The line of a location, if calls reach it. Two round trips."""
    keys = [dynamodb.RecordKey(record_class, location_id) for record_class in (Line, LineTest)]
    records = dynamodb.batch_get([*keys, locations.location_key(location_id)])
    line, last_test = records.get(Line, location_id), records.get(LineTest, location_id)
    if line is None or not line.number or not line.configuration:
        return None
    location = locations.find_location_in(records, location_id, line.customer_id)
    number_key = dynamodb.RecordKey(PhoneNumber, str(line.number))
    records = dynamodb.batch_get([customers.customer_key(line.customer_id), number_key])
    number = records.get(PhoneNumber, str(line.number))
    if location is None or not customers.is_active_in(records, line.customer_id):
        return None
    if number is None or number.status != "active" or number.location_id != location_id:
        return None
    is_of_number = last_test is not None and last_test.number == line.number
    return TestableLine(lines.to_resolved_line(line, location), location, number, last_test if is_of_number else None)


def run_test(testable: TestableLine, at: datetime, *, files_seconds: float = FILES_SECONDS) -> LineTest:
    """Test a line: with a call that arrives when it opens next, or now. Stores nothing."""
    line, hours = testable.line, openings.load_hours(testable.line, at)
    opening = openings.find_opening(hours, at)
    simulation = Simulation(line, testable.number, opening or at, opens=bool(opening), files_seconds=files_seconds)
    found_steps = simulation.run()
    result, before = steps.judge(found_steps), testable.last_test
    due_at = openings.find_due(line, hours, at)
    has_failed = result == "failed"
    return LineTest(
        location_id=line.location_id,
        customer_id=line.customer_id,
        number=line.number,
        tested_at=at,
        simulated_at=opening or at,
        result=result,
        steps=[step.to_json() for step in found_steps],
        failed_since=((before.failed_since if before else None) or at) if has_failed else None,
        due_at=min(due_at, at + REPEATED_AFTER) if has_failed else due_at,
        expires_at=int((at + KEPT).timestamp()),
    )


def add_result(write: write_set.Write, test: LineTest, before: LineTest | None) -> None:
    """Store a result with the message of the next test; what fails is on the board at once."""
    write.put(test)
    enqueue_test(write, str(test.location_id), test.due_at)
    if _list_failures(test) != _list_failures(before):
        passes.enqueue_check(write, str(test.customer_id))


def enqueue_test(write: write_set.Write, location_id: str, due_at: datetime) -> None:
    """Have a line tested then; a line has one message, so this replaces it."""
    write.enqueue(TASK, id=f"line-test-{location_id}", due=due_at, location_id=location_id)


def list_failed_steps(test: LineTest) -> list[steps.Step]:
    """The steps that failed."""
    return [step for step in steps.read_steps(test.steps) if step.result == "failed"]


def _list_failures(test: LineTest | None) -> list[tuple[str, str]]:
    return [(step.code, step.path) for step in list_failed_steps(test)] if test else []


def test_now(location_id: str, *, actor: Actor, at: datetime) -> LineTest:
    """Test a line at once, for somebody who waits; audited.

    Raises `errors.NotFound`, `errors.Forbidden`, `NothingToTest` and `errors.Unavailable`.
    """
    actor.require("ivr:update")
    lines.get_line(location_id, actor=actor)
    testable = load_testable(location_id)
    if testable is None:
        raise NothingToTest("This line takes no calls at present, so there is nothing to test.")
    test = run_test(testable, at, files_seconds=FILES_SECONDS_ON_REQUEST)
    before = testable.last_test
    changes = [audit.FieldChange("result", before.result if before else None, test.result)]
    with journal.write(actor, "line.tested", testable.location, at, changes=changes) as write:
        add_result(write, test, before)
    return test


@dataclass(frozen=True)
class TestedLine:
    """A line, with the last test of its number."""

    location: "Location"
    test: LineTest | None


def get_last_test(location_id: str, *, actor: Actor) -> TestedLine:
    """The last test of a location's line. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("calls:read")
    line, location = lines.get_line(location_id, actor=actor)
    test = dynamodb.get_record(LineTest, location_id)
    is_of_number = test is not None and test.number == line.number and test.customer_id == actor.customer_id
    return TestedLine(location, test if is_of_number else None)


def load_tests(location_ids: list[str]) -> dict[str, LineTest]:
    """The last tests of those locations that have one. One round trip."""
    records = dynamodb.batch_get(dynamodb.RecordKey(LineTest, id) for id in location_ids)
    return {id: test for id in location_ids if (test := records.get(LineTest, id))}
