"""Holes are reported, and once, whichever call of the worker fails."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from accounts import permissions
from config import dynamodb, journal
from config.dynamodb import unaudited
from telephony.models import ReachAlert
from telephony.reach import causes
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.devices import drain_outbox
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan, ProxiedCall
from tests.support.users import UserFixtures, now
from tests.telephony.reach.watched_line import LOOK_SECONDS, WatchedLine, create_watched_line

ROUNDS = 4
"""Passes of the outbox, each 20 minutes after the one before."""


@pytest.fixture(scope="module")
def watched(test_users: UserFixtures, env: Environment, harness: CrashHarness) -> WatchedLine:
    """A line with a hole that was told."""
    watched = create_watched_line(test_users, env)
    assert watched.sam.patch("/user", {"settings": {"ringing": False}}).status_code == 200
    drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 1
    harness.process_outbox_until_idle(LOOK_SECONDS)
    return watched


def forget_and_look(watched: WatchedLine) -> None:
    """Forget what was told, and have the line looked at again."""
    unaudited.remove(ReachAlert(watched.location_id), ReachAlert.location_id.exists())
    with journal.write_intent(permissions.system_actor(watched.sam.user.customer_id), now()) as write:
        causes.enqueue_look(write, watched.location_id, now())


def list_fault_calls(plan: FaultPlan) -> Iterator[ProxiedCall]:
    """The writes of records and the sending; ``make scale`` tries claims of messages too."""
    for call in plan.calls:
        if is_worth_trying(call) and (IS_SCALE_RUN or call.service == "expo" or call.operation == "TransactWriteItems"):
            yield call


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_a_look_survives_crashes(
    harness: CrashHarness, watched: WatchedLine, mode: str, record_figure: Callable[[str], None]
) -> None:
    later = timedelta(minutes=1).total_seconds()
    baseline = FaultPlan()
    forget_and_look(watched)
    harness.process_outbox(seconds_ahead=later, plan=baseline, rounds=ROUNDS)
    case_count = 0
    for call in list_fault_calls(baseline):
        count_before = len(watched.list_holes())
        forget_and_look(watched)
        plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=later, plan=plan, rounds=ROUNDS)
        harness.process_outbox_until_idle(later + 1200 * ROUNDS)
        if not plan.fired_faults:
            continue
        case_count += 1
        messages = len(watched.list_holes()) - count_before
        assert 1 <= messages <= (1 if _is_before_sending(call, plan) else 2), plan.fired_faults
        stored = dynamodb.get_record(ReachAlert, watched.location_id)
        assert stored
        assert len(stored.holes) == 1
    assert case_count
    record_figure(f"look ahead, {mode}: {case_count} of {case_count} survived")


def _is_before_sending(call: ProxiedCall, plan: FaultPlan) -> bool:
    """Whether the fault came before a message was sent, in the order of this run."""
    signatures = [item.signature for item in plan.calls]
    sent = next((index for index, item in enumerate(plan.calls) if item.service == "expo"), len(plan.calls))
    return signatures.index(call.signature) < sent
