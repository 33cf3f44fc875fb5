"""People are told once, and call-backs are returned once, whichever call of the worker fails."""

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from accounts import permissions
from config import dynamodb, journal
from config.audit import reader
from telephony.callbacks import callback_record
from telephony.models import Call, Callback
from tests.support.calls import LineFixture, create_line, local_times_around
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.devices import list_pushes, register_device
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.proxy import FaultPlan, ProxiedCall
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now

_case_numbers = itertools.count(1)
ROUNDS = 4
"""Passes of the outbox, each 20 minutes after the one before."""


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users)


@pytest.fixture(scope="module")
def sue(test_users: UserFixtures, env: Environment, line: LineFixture, harness: CrashHarness) -> SignedInUser:
    """On duty for two weeks, with a device."""
    user = test_users.create_user(locations=[line.location.id])
    person = register_device(accept_invitation(env, test_users.ann.web, user))
    line.put_on_duty(*local_times_around(now(), hours=350), user=user, has_ringing_phone=False)
    harness.process_outbox_until_idle()
    return person


def store_callback(line: LineFixture, holder: str | None = None) -> Callback:
    """A call-back that is open, or that somebody holds who went off duty; its task waits."""
    at = now()
    call = Call(
        id=f"CA{uuid.uuid4().hex}",
        customer_id=line.test_users.customer.id,
        location_id=line.location.id,
        number=line.number,
        caller=f"+1617{uuid.uuid4().int % 10**7:07}",
        started_at=at,
        expires_at=int(at.timestamp()) + 86_400,
    )
    callback = callback_record.new_callback(call, due_at=at, at=at)
    if holder:
        callback = callback_record.change(callback, at, status="taken", taken_by=holder, taken_until=at)
    with journal.write(permissions.system_actor(call.customer_id), "callback.opened", callback, at) as write:
        callback_record.add_to(write, callback, None)
        if holder:
            write.enqueue("telephony.return_callback", callback_id=callback.id)
        else:
            write.enqueue("telephony.tell_missed", callback_id=callback.id, call_id=call.id)
    return callback


def list_fault_calls(plan: FaultPlan) -> Iterator[ProxiedCall]:
    """The writes of records and the sending; ``make scale`` tries claims of messages too."""
    for call in plan.calls:
        if is_worth_trying(call) and (IS_SCALE_RUN or call.service == "expo" or call.operation == "TransactWriteItems"):
            yield call


def process_outbox(harness: CrashHarness, plan: FaultPlan) -> None:
    """Two hours after the last time, so that the last message was sent long ago."""
    later = timedelta(hours=2 * next(_case_numbers)).total_seconds()
    harness.process_outbox(seconds_ahead=later, plan=plan, rounds=ROUNDS)
    harness.process_outbox_until_idle(later + 1200 * ROUNDS)


@pytest.mark.parametrize("mode", CRASH_MODES)
@pytest.mark.parametrize("task", ["tell_missed", "return_callback"])
def test_tasks_survive_crashes(
    harness: CrashHarness,
    line: LineFixture,
    sue: SignedInUser,
    task: str,
    mode: str,
    record_figure: Callable[[str], None],
) -> None:
    holder = line.test_users.sam.id if task == "return_callback" else None
    baseline = FaultPlan()
    store_callback(line, holder)
    process_outbox(harness, baseline)
    case_count = 0
    for call in list_fault_calls(baseline):
        count_before = len(list_pushes(sue))
        callback = store_callback(line, holder)
        plan = FaultPlan(faults={call.signature: mode})
        process_outbox(harness, plan)
        if not plan.fired_faults:
            continue
        case_count += 1
        messages = len(list_pushes(sue)) - count_before
        assert 1 <= messages <= (1 if _is_before_sending(call, plan) else 2), plan.fired_faults
        if holder:
            _check_returned(callback, plan)
        dynamodb.call("DeleteItem", TableName=Callback.table_name(), Key={"id": {"S": callback.id}})
    assert case_count
    record_figure(f"{task}, {mode}: {case_count} of {case_count} survived")


def _is_before_sending(call: ProxiedCall, plan: FaultPlan) -> bool:
    """Whether the fault came before a message was sent, in the order of this run."""
    signatures = [made.signature for made in plan.calls]
    sent = next((index for index, made in enumerate(plan.calls) if made.service == "expo"), len(plan.calls))
    return signatures.index(call.signature) < sent


def _check_returned(callback: Callback, plan: FaultPlan) -> None:
    stored = callback_record.load(str(callback.id))
    assert stored
    assert (stored.status, stored.version) == ("open", callback.version + 1), plan.fired_faults
    entries = [
        entry.body for entry in reader.iter_stream(str(callback.taken_by)) if entry.action == "callback.returned"
    ]
    assert sum(entry["subject"]["id"] == callback.id for entry in entries) == 1, plan.fired_faults
