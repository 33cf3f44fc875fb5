"""The message that plans the next test of a line, for writes that configure it."""

from config.journal.write_set import Write

PLAN_TASK = "telephony.plan_line_test"


def enqueue_planning(write: Write, location_id: str) -> None:
    """Have the next test of a line planned: `telephony.line_tests.planning`."""
    write.enqueue(PLAN_TASK, id=f"plan-line-test-{location_id}", location_id=location_id)
