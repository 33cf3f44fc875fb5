"""A replay of calls has bounds, however many calls and shifts there are."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from config import costs
from config.dynamodb import unaudited
from staffing.recurrence.series_update import SeriesUpdate
from staffing.schedules.changed_rota import MAX_CHANGES, RotaChange
from staffing.schedules.queries import QueryTooWide
from telephony import lines
from telephony.calls.history.location_calls import MAX_CALLS
from telephony.calls.state import call_creation
from telephony.models import Call
from telephony.reach import replay
from tests.support.calls import LineFixture, create_line, new_call_ids
from tests.support.users import UserFixtures, enable_ringing, now

MAX_CPU_SECONDS = 3
EXTRA_CALLS = 10


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    """A line that was called each half hour, a few times more than a replay reads."""
    line = create_line(test_users)
    unaudited.write_all(puts=_iter_calls(line, MAX_CALLS + EXTRA_CALLS))
    return line


def _iter_calls(line: LineFixture, count: int) -> Iterator[Call]:
    record, location = lines.get_line(line.location.id, actor=line.test_users.ann.actor)
    resolved = lines.to_resolved_line(record, location)
    for number, call_id in enumerate(new_call_ids(count)):
        at = now() - timedelta(minutes=30 * number + 1)
        call = call_creation.new_call(call_id, resolved, caller="+16175550123", entrance="open", at=at)
        call.row.outcome = "missed"
        yield call.row


def replay_calls(line: LineFixture, staff_id: str, **duration: int) -> replay.Replay:
    """With as many daily series as a request may add."""
    at = now()
    start = (at - timedelta(days=80)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    changes = [RotaChange("add", update=_daily(staff_id, start, number, duration)) for number in range(MAX_CHANGES)]
    actor, since = line.test_users.ann.actor, at - timedelta(days=80)
    return replay.replay_calls(line.location.id, since, at, changes, actor=actor, at=at)


def _daily(staff_id: str, start: datetime, number: int, duration: Any) -> SeriesUpdate:
    first_start = start + timedelta(minutes=number)
    pattern = {"frequency": "daily"}
    return SeriesUpdate(first_start, first_start + timedelta(**duration), pattern=pattern, staff_id=staff_id)


def test_the_largest_replay_takes_little_time(
    line: LineFixture, test_users: UserFixtures, record_figure: Callable[[str], None]
) -> None:
    staff = test_users.create_user(locations=[line.location.id])
    enable_ringing(staff)
    with costs.measure() as cost:
        result = replay_calls(line, staff.id, hours=24)
    assert (len(result.calls), result.is_cut, result.met.now > MAX_CALLS * 0.5) == (MAX_CALLS, True, True)
    record_figure(f"replay of {MAX_CALLS} calls with {MAX_CHANGES} more series: {cost.cpu_seconds:.2f} CPU s")
    assert cost.cpu_seconds < MAX_CPU_SECONDS


def test_shifts_that_overlap_too_much_are_refused_soon(line: LineFixture, test_users: UserFixtures) -> None:
    """It took 20 CPU s with 100 daily series of shifts that last a month."""
    staff = test_users.create_user(locations=[line.location.id])
    with costs.measure() as cost, pytest.raises(QueryTooWide, match="overlap"):
        replay_calls(line, staff.id, days=31)
    assert cost.cpu_seconds < MAX_CPU_SECONDS
