"""M6: the minutes of calls under way are reserved, and a customer's calls at once are limited."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from django.conf import settings

from config import dynamodb
from config.dynamodb import unaudited
from telephony import lines
from telephony.calls import call_record, minutes, ring_all
from telephony.calls.call_record import CallStep
from telephony.calls.minutes import CALLER_MINUTES, LEASE_GRACE, MIN_MINUTES
from telephony.calls.routing import RingCandidate, RingPlan
from telephony.models import Call, Usage
from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, post_webhook
from tests.support.environment import Environment, free_port
from tests.support.users import UserFixtures

DAILY_MINUTES = 1_000
PHONES = [f"+1617555014{digit}" for digit in range(1, 5)]
_days = count(1)
_sids = count(1)


def ring(phones: list[str], strategy: str) -> dict[str, Any]:
    action = {"type": "ring", "target": {"numbers": phones}, "strategy": strategy, "otherwise": {"type": "voicemail"}}
    return {"open": action, "closed": action}


@dataclass
class MeteredLine:
    """A line whose calls of one day are metered."""

    line: LineFixture
    web: str
    at: datetime

    @property
    def customer_id(self) -> str:
        return self.line.location.customer_id

    @property
    def usage(self) -> Usage:
        usage = dynamodb.get_record(Usage, f"calls {self.customer_id} {self.at:%Y-%m-%d}")
        assert usage
        return usage

    def set_used(self, used: int) -> None:
        minutes._load(self.customer_id, self.at)
        row = Usage(f"calls {self.customer_id} {self.at:%Y-%m-%d}")
        unaudited.update(row, [Usage.used.set(used), Usage.committed.set(used)], Usage.key.exists())

    def post(self, sid: str, path: str = "", **form: str) -> httpx.Response:
        """Post a signed webhook of a call, as Twilio does."""
        url = self.line.test_users.ann.web + "/telephony/voice" + path
        account = settings.TWILIO["account_sid"]
        call = {"AccountSid": account, "CallSid": sid, "To": self.line.number, "From": "+16175550199"}
        body = {**call, "LocalTime": self.at.isoformat(), **form}
        signature = sign_webhook(url, body, "local-twilio-token")
        return post_webhook(
            url.replace(self.line.test_users.ann.web, self.web), body, **{"X-Twilio-Signature": signature}
        )

    def post_at_once(self, number: int) -> dict[str, str]:
        """Calls that begin at the same time: the answers to their first webhooks."""
        sids = [new_sid() for _ in range(number)]
        with ThreadPoolExecutor(number) as pool:
            responses = list(pool.map(self.post, sids))
        assert {response.status_code for response in responses} == {200}
        return dict(zip(sids, (response.text for response in responses), strict=True))


def new_sid() -> str:
    return f"CA{next(_sids):032}"


def time_limit(answer: str) -> int:
    """Minutes that a conversation may take; 0 if no phone rings."""
    match = re.search(r'timeLimit="(\d+)"', answer)
    return int(match[1]) // 60 if match else 0


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users)


@pytest.fixture(scope="module")
def roomy_web(env: Environment) -> Iterator[str]:
    """A web process that takes 100 calls at once."""
    yield env.start_web("roomy", free_port(), CALLS_AT_ONCE_PER_CUSTOMER="100")
    env.stop("roomy")


@pytest.fixture
def metered(line: LineFixture, roomy_web: str) -> MeteredLine:
    """The line on a day of its own; phones ring in turn."""
    line.update_configuration(**ring(PHONES[:2], "sequence"))
    return MeteredLine(line, roomy_web, WEDNESDAY_NOON + timedelta(days=next(_days)))


def assert_consistent(usage: Usage) -> None:
    reserved = sum(minutes.Lease(*json.loads(text)).minutes for text in usage.calls.values())
    assert usage.committed == usage.used + reserved


# --- the budget -----------------------------------------------------------------------------------
def test_calls_at_once_share_the_minutes_of_the_day(metered: MeteredLine, record_figure: Callable[[str], None]) -> None:
    """M6: 39 of 40 calls at once rang, for 60 minutes each: 2,340 minutes of 1,000."""
    answers = metered.post_at_once(40)

    limits = {sid: time_limit(answer) for sid, answer in answers.items()}
    rung = [limit for limit in limits.values() if limit]
    record_figure(f"40 calls at once: {len(rung)} ring, {sum(rung)} minutes of phones, limits {sorted(rung)}")
    assert 6 <= len(rung) < 40
    assert 2 * sum(rung) <= DAILY_MINUTES, "the caller and a phone"
    assert min(rung) >= MIN_MINUTES
    assert all("<Record" in answers[sid] for sid, limit in limits.items() if not limit), "others leave a message"
    assert_consistent(metered.usage)

    with ThreadPoolExecutor(4) as pool:
        ends = pool.map(lambda sid: metered.post(sid, "/ended", CallDuration="61").status_code, answers)
        assert set(ends) == {204}
    usage = metered.usage
    assert (usage.used, usage.committed, usage.calls) == (80, 80, {})
    assert time_limit(metered.post(new_sid()).text) == 60, "what was reserved is free again"


def test_each_phone_that_rings_at_once_is_reserved(metered: MeteredLine) -> None:
    metered.line.update_configuration(**ring(PHONES, "all"))
    metered.set_used(DAILY_MINUTES - CALLER_MINUTES * 2 - 1 - 5 * 4)
    call = metered.line.call(metered.at, phones={PHONES[2]: "answers"})

    record = call_record.load(call.id)
    assert record
    plan = record.plan("closed")
    assert plan
    assert plan.minutes == MIN_MINUTES, "20 minutes are left for the caller and four phones"
    call.assert_sequence(f"talks with {PHONES[2]}")
    usage = metered.usage
    assert (usage.committed, usage.calls) == (usage.used, {})
    assert usage.used == DAILY_MINUTES - CALLER_MINUTES * 2 - 1 - 5 * 4 + 2, "the caller and one phone, a minute each"


def test_legs_are_freed_when_they_end(metered: MeteredLine) -> None:
    """While two people talk, the phones of the others reserve nothing."""
    metered.line.update_configuration(**ring(PHONES, "all"))
    sid = new_sid()
    assert "<Redirect" in metered.post(sid).text
    query = f"?c={sid}&p=closed&n="
    for number in range(3):
        leg = metered.post(new_sid(), f"/left{query}{number}", CallStatus="no-answer", CallDuration="0")
        assert leg.status_code == 204
    reserved = metered.usage.committed
    assert reserved <= CALLER_MINUTES + 1 + 60 * 2
    ended = metered.post(sid, "/ended", CallDuration="200")
    assert ended.status_code == 204
    left = metered.post(new_sid(), f"/left{query}3", CallStatus="completed", CallDuration="170")
    assert left.status_code == 204
    assert_consistent(metered.usage)
    assert not metered.usage.calls


def test_no_phone_rings_for_a_caller_who_has_hung_up(metered: MeteredLine, env: Environment) -> None:
    """What was reserved for the phones is free again by then."""
    resolved = lines.resolve_line(metered.line.number)
    assert resolved
    call, ended = (
        call_record.new_call(f"CA{'9' * 32}", resolved, caller="", entrance="open", at=metered.at) for _ in range(2)
    )
    call.save()
    assert ended.record(CallStep("ended"), updates=[Call.ended_at.set(metered.at)])
    plan = RingPlan([RingCandidate(PHONES[0], "", "named", phone=PHONES[0])], minutes=60)
    with env.apply_plan() as faults:
        ring_all.call_phones(call, "open", plan, metered.at)
    assert not [request for request in faults.calls if request.service == "twilio"]


def test_phones_in_turn_and_voicemail_count(metered: MeteredLine) -> None:
    """A mailbox costs a minute, and so does each begun minute of the caller."""
    metered.line.call(metered.at, phones={PHONES[0]: "mailbox", PHONES[1]: "answers"})
    assert (metered.usage.used, metered.usage.calls) == (1 + 1 + 1, {}), "two phones, and the caller"
    metered.line.call(metered.at, phones={})
    assert metered.usage.used == 3 + 1, "ringing and a voicemail"


def test_a_call_without_a_report_of_its_phone_counts_both(metered: MeteredLine) -> None:
    """The caller hung up, and the end of the dialled phone was not reported."""
    sid = new_sid()
    metered.post(sid)
    metered.post(sid, f"/screened?c={sid}&p=closed&n=0", Digits="1")
    metered.post(sid, "/ended", CallDuration="600")
    assert (metered.usage.used, metered.usage.committed) == (20, 20)


def test_few_minutes_left_shorten_a_call_and_none_leave_a_voicemail(metered: MeteredLine) -> None:
    for left, expected in ((240, 60), (100, 25), (8, 3), (6, 3), (5, 0), (0, 0)):
        metered.set_used(DAILY_MINUTES - CALLER_MINUTES - 2 - left)
        sid = new_sid()
        answer = metered.post(sid).text
        assert time_limit(answer) == expected, left
        assert ("<Record" in answer) == (not expected)
        metered.post(sid, "/ended", CallDuration="0")


# --- repeated and lost webhooks -------------------------------------------------------------------
def test_repeated_webhooks_reserve_and_count_once(metered: MeteredLine) -> None:
    sid = new_sid()
    with ThreadPoolExecutor(6) as pool:
        answers = {response.text for response in pool.map(metered.post, [sid] * 6)}
    assert len(answers) == 1
    assert list(metered.usage.calls) == [sid]
    assert metered.usage.committed == CALLER_MINUTES + 2 + 60 * 2
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: metered.post(sid, "/ended", CallDuration="59"), range(6)))
    assert (metered.usage.used, metered.usage.committed, metered.usage.calls) == (1, 1, {})
    assert metered.post(sid).text in answers, "a late repetition is answered alike"
    assert not metered.usage.calls


def test_calls_whose_end_is_not_reported_expire(metered: MeteredLine) -> None:
    """They count with what they had reserved, since nobody knows what they cost."""
    limit = settings.TELEPHONY["concurrent_calls"]
    assert all(minutes.begin(metered.customer_id, new_sid(), metered.at) for _ in range(limit))
    assert not minutes.begin(metered.customer_id, new_sid(), metered.at + LEASE_GRACE)
    assert minutes.begin(metered.customer_id, new_sid(), metered.at + LEASE_GRACE + timedelta(seconds=1))
    usage = metered.usage
    assert (usage.used, len(usage.calls)) == (limit * CALLER_MINUTES, 1)
    assert_consistent(usage)


# --- calls at once --------------------------------------------------------------------------------
def test_calls_at_once_are_limited(metered: MeteredLine, env: Environment) -> None:
    """Beyond them a caller hears a sentence; the business sees that the call was missed."""
    limit = settings.TELEPHONY["concurrent_calls"]
    sids = [new_sid() for _ in range(limit)]
    assert all(minutes.begin(metered.customer_id, sid, metered.at) for sid in sids)
    offset = len(env.read_log("web"))

    calls = [metered.line.call(metered.at, phones={PHONES[0]: "answers"}) for _ in range(2)]

    for call in calls:
        call.assert_sequence("All our lines are busy.", "is hung up")
        call.assert_absent("rings")
        assert call.api_record["outcome"] == "missed"
        webhook = call.webhooks[0]
        headers = {"X-Twilio-Signature": webhook["signature"]}
        assert post_webhook(webhook["url"], webhook["form"], **headers).text == webhook["answer"]
    assert metered.usage.used == 2
    assert sorted(metered.usage.calls) == sids
    assert env.read_log("web")[offset:].count('"event": "concurrent_calls_max"') == 1, "once a day"
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: minutes.begin("cus_racing", new_sid(), metered.at), range(limit + 20))) == limit


@pytest.mark.parametrize(("used", "events"), [(498, []), (499, ["half"]), (999, ["half", "all"])])
def test_operators_are_notified_once_a_day(
    metered: MeteredLine, env: Environment, used: int, events: list[str]
) -> None:
    metered.set_used(used)
    offset = len(env.read_log("roomy"))
    for _ in range(2):
        sid = new_sid()
        metered.post(sid)
        metered.post(sid, "/ended", CallDuration="1")
        if not events:
            break
    lines = [json.loads(line) for line in env.read_log("roomy")[offset:].splitlines() if '"event": "call' in line]
    assert sorted(line["event"] for line in lines) == sorted(f"call_minutes_{event}" for event in events)
    assert all(line["level"] == "WARNING" and line["customer_id"] == metered.customer_id for line in lines)


def test_counting_takes_few_round_trips(
    metered: MeteredLine, env: Environment, record_figure: Callable[[str], None]
) -> None:
    metered.post(new_sid())
    with env.apply_plan() as plan:
        assert time_limit(metered.post(new_sid()).text)
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    record_figure(f"an incoming call that rings: {len(calls)} round trips, the minutes included")
    assert len(calls) <= 10
