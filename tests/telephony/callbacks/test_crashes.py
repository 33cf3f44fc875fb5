"""Opening, taking and closing a call-back survive killed processes and failed calls.

As in ``tests/test_crashes.py``: a golden run counts the calls; then each call fails once, in each
mode, and what was begun is stored completely or not at all.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from config import dynamodb, outbox
from config.audit import reader
from config.journal import write_intent
from telephony.calls.state import call_messages
from telephony.models import Call, Callback, OpenCallback, caller_key
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, outbox_job, store_missed_call

_key_numbers = itertools.count(1)
CLOSING = {"outcome": "reached", "note": "Comes at ten."}


@dataclass
class CallbackCase:
    """A call-back, and what was asked of it."""

    call_id: str
    plan: FaultPlan = field(default_factory=FaultPlan)
    responses: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def call(self) -> Call:
        row = dynamodb.get_record(Call, self.call_id)
        assert row
        return row

    @property
    def callback(self) -> Callback:
        callback = dynamodb.get_record(Callback, str(self.call.callback_id))
        assert callback, self.plan.fired_faults
        return callback

    @property
    def has_marker(self) -> bool:
        key = caller_key(str(self.call.location_id), str(self.call.caller))
        return dynamodb.get_record(OpenCallback, key) is not None

    def list_actions(self) -> list[str]:
        entries = reader.iter_stream(str(self.call.customer_id))
        return [entry.action for entry in entries if entry.seq and entry.body["subject"]["id"] == self.callback.id]


def miss_call(test_users: UserFixtures) -> CallbackCase:
    """A missed call whose follow-up waits in the outbox."""
    call = store_missed_call(test_users.boston_number)
    with write_intent(outbox_job(test_users.customer.id).author, now()) as write:
        call_messages.enqueue_follow_up(write, call)
    return CallbackCase(call.id)


def open_callback(harness: CrashHarness, test_users: UserFixtures) -> CallbackCase:
    case = miss_call(test_users)
    outbox.run_message_now(f"follow-up-{case.call_id}", clock=now)
    return case


def check_message(case: CallbackCase, name: str, *, exists: bool) -> None:
    message = dynamodb.get_record(outbox.OutboxMessage, f"{name}-{case.callback.id}-{case.callback.version}")
    assert (message is not None) == exists, case.plan.fired_faults


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_opening_survives_crashes(
    harness: CrashHarness, test_users: UserFixtures, mode: str, record_figure: Callable[[str], None]
) -> None:
    harness.process_outbox_until_idle()
    baseline = FaultPlan()
    miss_call(test_users)
    harness.process_outbox(seconds_ahead=1, plan=baseline)
    harness.process_outbox_until_idle()
    cases = []
    for call in filter(is_worth_trying, baseline.calls):
        case = miss_call(test_users)
        case.plan = FaultPlan(faults={call.signature: mode})
        harness.process_outbox(seconds_ahead=1, plan=case.plan)
        harness.process_outbox_until_idle()
        if case.plan.fired_faults:
            cases.append(case)
    assert cases
    for case in cases:
        assert (case.callback.status, case.callback.calls, case.has_marker) == ("open", 1, True)
        assert case.list_actions() == ["callback.opened"], case.plan.fired_faults
    assert test_users.audit_findings() == []
    record_figure(f"call-back opened, {mode}: {len(cases)} of {len(cases)} survived")


@pytest.mark.parametrize("mode", CRASH_MODES)
@pytest.mark.parametrize("what", ["take", "close"])
def test_changes_survive_crashes(
    harness: CrashHarness, test_users: UserFixtures, what: str, mode: str, record_figure: Callable[[str], None]
) -> None:
    token, body = test_users.mia.token, CLOSING if what == "close" else {}

    def request(case: CallbackCase, plan: FaultPlan | None, key: str) -> None:
        path = f"/callback/{case.callback.id}/{what}"
        case.responses.append(harness.request(token, "POST", path, body, plan=plan, key=key))

    baseline = FaultPlan()
    request(open_callback(harness, test_users), baseline, "")
    cases = []
    for call in filter(is_worth_trying, baseline.calls):
        case, key = open_callback(harness, test_users), f"callback-crash-{next(_key_numbers)}"
        case.plan = FaultPlan(faults={call.signature: mode})
        request(case, case.plan, key)
        if case.plan.fired_faults:
            request(case, None, key)
            cases.append(case)
    assert cases
    for case in cases:
        assert case.responses[-1], case.plan.fired_faults
        assert case.responses[-1]["status"] == 200, case.responses
        assert case.callback.version == 2, case.plan.fired_faults
        assert case.callback.taken_by == test_users.mia.id
        if what == "take":
            assert (case.callback.status, case.has_marker) == ("taken", True)
            assert case.list_actions() == ["callback.opened", "callback.taken"]
        else:
            assert (case.callback.status, case.has_marker) == ("done", False)
            assert case.list_actions() == ["callback.opened", "callback.closed"]
        check_message(case, "return", exists=what == "take")
    assert test_users.audit_findings() == []
    record_figure(f"call-back {what}, {mode}: {len(cases)} of {len(cases)} survived")
