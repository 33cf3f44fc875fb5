"""A caller is erased once and wholly, whichever call of the worker fails."""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from config import dynamodb
from config.audit import reader
from telephony.caller_data import erasure, search
from telephony.models import Call
from tests.support.calls import LineFixture, create_line
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, process_outbox, simulate_call
from tests.telephony.test_caller_data import audio_files, list_traces

_numbers = itertools.count(7_500)
_rounds = itertools.count(1)


@pytest.fixture(scope="module")
def line(test_users: UserFixtures, harness: CrashHarness) -> LineFixture:
    created = create_line(test_users)
    harness.process_outbox_until_idle()
    return created


def begin_erasure(line: LineFixture) -> tuple[str, str]:
    """A caller with a voicemail and a call-back, who is to be erased; the number, and the call."""
    caller = f"+1617555{next(_numbers)}"
    call_id = str(simulate_call(line.number, **{"from": caller})["sid"])
    process_outbox()
    erasure.begin(caller, actor=line.test_users.ann.actor, at=now())
    return caller, call_id


def process(harness: CrashHarness, plan: FaultPlan) -> None:
    later = timedelta(hours=next(_rounds)).total_seconds()
    harness.process_outbox(seconds_ahead=later, plan=plan, rounds=2)
    harness.process_outbox_until_idle(later + 2_400)


@pytest.mark.parametrize("mode", CRASH_MODES)
def test_erasure_survives_crashes(
    harness: CrashHarness, line: LineFixture, mode: str, record_figure: Callable[[str], None]
) -> None:
    customer_id, baseline = str(line.test_users.customer.id), FaultPlan()
    begin_erasure(line)
    process(harness, baseline)
    cases = [call for call in baseline.calls if is_worth_trying(call) and call.service != "redis"]
    assert {"twilio", "dynamodb"} <= {call.service for call in cases}
    faults: dict[str, list[str]] = {}
    for call in cases:
        caller, call_id = begin_erasure(line)
        plan = FaultPlan(faults={call.signature: mode})
        process(harness, plan)
        faults[caller] = plan.fired_faults
        stored = dynamodb.get_record(Call, call_id)
        assert stored
        assert (stored.caller, stored.recordings, audio_files(harness.env, call_id)) == ("", [], []), plan.fired_faults
        assert search.find(search.parse_caller(caller), customer_id, at=now()).is_empty
    assert list_traces(harness.env, *faults) == [], faults
    erasures = Counter(
        entry.body["subject"]["id"] for entry in reader.iter_stream(customer_id) if entry.action == "caller.erased"
    )
    assert {caller: erasures[f"…{caller[-4:]}"] for caller in faults} == dict.fromkeys(faults, 1), faults
    fired = sum(map(bool, faults.values()))
    assert fired
    record_figure(f"erasure of a caller, {mode}: {fired} of {fired} survived")
