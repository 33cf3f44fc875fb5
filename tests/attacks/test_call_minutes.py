"""M6: the minutes of calls under way are reserved, and a customer's calls at once are limited."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings

from config import dynamodb
from config.dynamodb import unaudited
from telephony import line_lookup
from telephony.calls.limits import concurrency, minutes
from telephony.calls.limits import usage as days
from telephony.calls.limits.concurrency import Admission
from telephony.calls.limits.minutes import MIN_CONVERSATION
from telephony.calls.limits.usage import CALLER_MINUTES, LEASE_GRACE, UNREPORTED_MINUTES
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_creation, call_record
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.call_steps import CallStep
from telephony.calls.webhooks import ring_all
from telephony.models import Call, Usage
from telephony.twilio import client
from tests.emulators.twilio.account import TwilioAccount
from tests.emulators.twilio.phones import SimulatedCall, sign_webhook
from tests.support.calls import WEDNESDAY_NOON, LineFixture, create_line, new_sid, post_webhook
from tests.support.environment import Environment, free_port
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures

DAILY_MINUTES = 1_000
PHONES = [f"+1617555014{digit}" for digit in range(1, 5)]
_days = count(1)
_callers = count(1)


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
        usage = dynamodb.get_record(Usage, days.key(self.customer_id, self.at))
        assert usage
        return usage

    def set_used(self, used: int, *, reserved: int = 0, messages: int = 0) -> None:
        days.load(self.customer_id, self.at)
        row = Usage(days.key(self.customer_id, self.at))
        numbers = [Usage.used.set(used), Usage.committed.set(used + reserved), Usage.messages.set(messages)]
        unaudited.update(row, numbers, Usage.key.exists())

    def begin(self, at: datetime | None = None, *, caller: str = "+16175550199", location: str = "loc_a") -> Admission:
        """Begin a call without its webhook."""
        return concurrency.begin(self.customer_id, new_sid(), at or self.at, location_id=location, caller=caller)

    def create_call(self, caller: str = "", location: str = "") -> CallRecord:
        """A stored call that is counted."""
        resolved = line_lookup.resolve_line(self.line.number)
        assert resolved
        call = call_creation.new_call(new_sid(), resolved, caller="", entrance="open", at=self.at)
        caller = caller or f"+1617{next(_callers):07}"
        concurrency.begin(self.customer_id, call.id, self.at, caller=caller, location_id=location)
        call.row.steps = {"counted"}
        call.save()
        return call

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
    yield env.start_web(
        "roomy",
        free_port(),
        CALLS_AT_ONCE_PER_CUSTOMER="100",
        CALLS_AT_ONCE_PER_CALLER="100",
        CALL_MINUTES_PER_CALLER="2000",
    )
    env.stop("roomy")


@pytest.fixture
def metered(line: LineFixture, roomy_web: str) -> MeteredLine:
    """The line on a day of its own; phones ring in turn."""
    line.update_configuration(**ring(PHONES[:2], "sequence"))
    return MeteredLine(line, roomy_web, WEDNESDAY_NOON + timedelta(days=next(_days)))


def assert_consistent(usage: Usage) -> None:
    reserved = sum(days.Lease.parse(text).minutes for text in usage.calls.values())
    assert usage.committed == usage.used + reserved


# --- the budget -----------------------------------------------------------------------------------
def test_calls_at_once_share_the_minutes_of_the_day(metered: MeteredLine, record_figure: Callable[[str], None]) -> None:
    """M6: 39 of 40 calls at once rang, for 60 minutes each: 2,340 minutes of 1,000."""
    answers = metered.post_at_once(40)

    limits = {sid: time_limit(answer) for sid, answer in answers.items()}
    rung = [limit for limit in limits.values() if limit]
    record_figure(f"40 calls at once: {len(rung)} ring, {sum(rung)} minutes of phones, limits {sorted(rung)}")
    assert 20 <= len(rung) < 40
    assert 2 * sum(rung) <= DAILY_MINUTES * 1.5, "the caller and a phone"
    assert min(rung) >= MIN_CONVERSATION
    assert all("<Record" in answers[sid] for sid, limit in limits.items() if not limit), "others leave a message"
    assert_consistent(metered.usage)

    with ThreadPoolExecutor(4) as pool:
        ends = pool.map(lambda sid: metered.post(sid, "/ended", CallDuration="61").status_code, answers)
        assert set(ends) == {204}
    records = {sid: call_record.load(sid) for sid in answers}
    stored = {sid: record for sid, record in records.items() if record}
    assert len(stored) == 40, "also those that a busy machine could not store when they began"
    reasons = {sid: {candidate.why_not for candidate in record.candidates} for sid, record in stored.items()}
    assert {why_not for sid, limit in limits.items() if not limit for why_not in reasons[sid]} == {"minutes_reserved"}
    usage = metered.usage
    minutes = 2 * len(stored)
    assert (usage.used, usage.committed, usage.calls) == (minutes, minutes, {})
    assert time_limit(metered.post(new_sid()).text) == 60, "what was reserved is free again"


@pytest.mark.parametrize(("is_sequence", "phones"), [(False, 10), (True, 6)])
def test_as_many_calls_as_are_allowed_ring_everybody(
    metered: MeteredLine, record_figure: Callable[[str], None], is_sequence: bool, phones: int
) -> None:
    """Eight calls at once that rang ten phones: five rang nobody, with two minutes used."""
    plan = RingPlan([RingCandidate(f"+1617555{n:04}", "", "named", phone=f"+1617555{n:04}") for n in range(phones)])
    calls = [metered.create_call() for _ in range(settings.TELEPHONY["concurrent_calls"])]
    plans = [minutes.reserve(call, "open", plan, is_sequence=is_sequence, at=metered.at) for call in calls]
    usage = metered.usage
    record_figure(f"20 calls ring {phones} phones: {[plan.minutes for plan in plans]}, {usage.committed} reserved")
    assert all(len(plan.ringable) == phones and plan.minutes >= MIN_CONVERSATION for plan in plans)
    assert usage.committed <= DAILY_MINUTES * 1.5
    assert_consistent(usage)


def test_what_one_location_reserves_leaves_the_phones_of_others_ringing(metered: MeteredLine) -> None:
    """Eighteen calls to one location, and those to another rang nobody: 300 minutes were free."""
    of_location = settings.TELEPHONY["concurrent_calls_of_location"]
    metered.set_used(DAILY_MINUTES - 300, reserved=800)
    plan = RingPlan([RingCandidate(phone, "", "named", phone=phone) for phone in PHONES])
    for location in ("loc_a", "loc_b"):
        rings = []
        for _ in range(of_location + 1):
            call = metered.create_call(location=location)
            result = minutes.reserve(call, "open", plan, is_sequence=True, at=metered.at)
            rings.append(bool(result.ringable))
        assert rings == [True] * of_location + [False], "those in its own places"
    metered.set_used(DAILY_MINUTES)
    call = metered.create_call(location="loc_c")
    assert not minutes.reserve(call, "open", plan, is_sequence=True, at=metered.at).ringable


def test_a_call_that_nobody_answered_reserves_only_its_voicemail(metered: MeteredLine) -> None:
    """It kept the minutes of a conversation for caller and phone until the message ended."""
    sid = new_sid()
    assert time_limit(metered.post(sid).text)
    for number in (0, 1):
        answer = metered.post(sid, f"/dialled?p=closed&n={number}", DialCallStatus="no-answer").text
    assert "<Record" in answer
    assert metered.usage.committed == CALLER_MINUTES + 2
    metered.post(sid, "/ended", CallDuration="90")
    assert (metered.usage.used, metered.usage.committed, metered.usage.calls) == (2, 2, {})

    metered.line.update_configuration(**ring(PHONES, "all"))
    sid = new_sid()
    assert "<Redirect" in metered.post(sid).text
    assert "<Record" in metered.post(sid, "/wait?p=closed&k=40").text
    assert metered.usage.committed == 2 + CALLER_MINUTES + 1 + len(PHONES)
    assert_consistent(metered.usage)


def test_only_one_of_the_phones_that_ring_at_once_talks(metered: MeteredLine) -> None:
    metered.line.update_configuration(**ring(PHONES, "all"))
    phones = [RingCandidate(phone, "", "named", phone=phone) for phone in PHONES]
    minutes.reserve(metered.create_call(), "open", RingPlan(phones), is_sequence=False, at=metered.at)
    assert metered.usage.committed == CALLER_MINUTES + 1 + 60 + len(PHONES) + 60
    metered = replace(metered, at=metered.at + timedelta(days=180))
    metered.set_used(DAILY_MINUTES - 1)
    played = metered.line.call(metered.at, phones={PHONES[2]: "answers"})

    record = call_record.load(played.id)
    assert record
    plan = record.plan("closed")
    assert plan
    assert plan.minutes == MIN_CONVERSATION, "one minute is left"
    played.assert_sequence(f"talks with {PHONES[2]}")
    assert metered.usage.used == DAILY_MINUTES - 1 + 2, "the caller and one phone, a minute each"


def test_a_late_report_of_earlier_phones_keeps_what_later_ones_reserved(metered: MeteredLine) -> None:
    """A report of the first ring action, between the reservation and the calls of the second."""
    otherwise = ring(PHONES[2:], "all")["open"]
    metered.line.update_configuration(open={**ring(PHONES[:2], "all")["open"], "otherwise": otherwise})
    plan = RingPlan([RingCandidate(phone, "", "named", phone=phone) for phone in PHONES[:2]])
    call = metered.create_call()
    first = minutes.reserve(call, "open", plan, is_sequence=False, at=metered.at)
    call.record(CallStep("plan", "open"), plan=first)
    for step in (CallStep("place", "open"), CallStep("left", "open", 0), CallStep("left", "open", 1)):
        call.record(step)
    older = call_record.load(call.id)
    assert older
    minutes.reserve(call, "open/otherwise", plan, is_sequence=False, at=metered.at)
    reserved = metered.usage.committed
    minutes.settle(older)
    lease = days.Lease.parse(metered.usage.calls[call.id])
    assert (metered.usage.committed, lease.legs >= 60) == (reserved, True)
    call.record(CallStep("ended"), updates=[Call.ended_at.set(metered.at)])
    minutes.settle(call)
    assert not metered.usage.calls, "phones that were not called by the end are not called any more"


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
    assert reserved <= CALLER_MINUTES + 1 + 60 + 1 + 60
    ended = metered.post(sid, "/ended", CallDuration="200")
    assert ended.status_code == 204
    left = metered.post(new_sid(), f"/left{query}3", CallStatus="completed", CallDuration="170")
    assert left.status_code == 204
    assert_consistent(metered.usage)
    assert not metered.usage.calls


def test_no_phone_rings_for_a_caller_who_has_hung_up(metered: MeteredLine, env: Environment) -> None:
    """What was reserved for the phones is free again by then."""
    resolved = line_lookup.resolve_line(metered.line.number)
    assert resolved
    call, ended = (
        call_creation.new_call(f"CA{'9' * 32}", resolved, caller="", entrance="open", at=metered.at) for _ in range(2)
    )
    call.save()
    assert ended.record(CallStep("ended"), updates=[Call.ended_at.set(metered.at)])
    plan = RingPlan([RingCandidate(PHONES[0], "", "named", phone=PHONES[0])], minutes=60)
    with env.apply_plan() as faults:
        ring_all.call_again(call, "open", plan, metered.at)
    assert not [request for request in faults.calls if request.service == "twilio"]


def test_phones_in_turn_and_voicemail_count(metered: MeteredLine) -> None:
    """A mailbox costs a minute, and so does each begun minute of the caller."""
    metered.line.call(metered.at, phones={PHONES[0]: "mailbox", PHONES[1]: "answers"})
    assert (metered.usage.used, metered.usage.calls) == (1 + 1 + 2, {}), "two phones, and the caller"
    metered.line.call(metered.at, phones={})
    assert metered.usage.used == 4 + 1, "ringing and a voicemail"


def test_a_call_without_a_report_of_its_phone_counts_both(metered: MeteredLine) -> None:
    """The caller hung up, and the end of the dialled phone was not reported."""
    sid = new_sid()
    metered.post(sid)
    metered.post(sid, f"/screened?c={sid}&p=closed&n=0", Digits="1")
    metered.post(sid, "/ended", CallDuration="600")
    assert (metered.usage.used, metered.usage.committed) == (20, 20)


def test_few_minutes_left_shorten_a_call_and_none_leave_a_voicemail(metered: MeteredLine) -> None:
    ringing = CALLER_MINUTES + 2
    for left, expected in ((ringing + 480, 60), (ringing + 240, 30), (ringing + 100, 15), (1, 15), (0, 0), (-5, 0)):
        metered.set_used(DAILY_MINUTES - left)
        sid = new_sid()
        answer = metered.post(sid).text
        assert time_limit(answer) == expected, left
        assert ("<Record" in answer) == (not expected)
        record = call_record.load(sid)
        assert record
        assert {candidate.why_not for candidate in record.candidates} == {"" if expected else "minutes_used_up"}
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


def test_calls_whose_end_is_not_reported_free_what_they_reserved(metered: MeteredLine) -> None:
    """Eight lost reports took the minutes of the day: a call five hours later rang nobody."""
    for _ in range(8):
        assert time_limit(metered.post(new_sid()).text)
    assert metered.usage.committed > DAILY_MINUTES * 0.8

    later = replace(metered, at=metered.at + timedelta(hours=5))
    sid = new_sid()
    assert time_limit(later.post(sid).text) == 60
    usage = metered.usage
    assert (usage.used, list(usage.calls)) == (8 * UNREPORTED_MINUTES, [sid]), "nobody knows what they cost"
    assert_consistent(usage)


def test_phones_ring_on_the_day_of_a_deployment(metered: MeteredLine) -> None:
    """Every call reached voicemail until midnight: the row of an earlier release has no calls."""
    row = Usage(f"minutes {metered.customer_id} {metered.at:%Y-%m-%d}", used=7, expires_at=1_999_999_999)
    assert unaudited.create(row)
    later_fields = [Usage.committed.remove(), Usage.calls.remove(), Usage.callers.remove(), Usage.messages.remove()]
    assert unaudited.update(row, later_fields, Usage.key.exists())
    sid = new_sid()
    assert time_limit(metered.post(sid).text) == 60
    item = unaudited.update(row, [Usage.used.add(1)], Usage.key.exists())
    assert item
    assert (item["used"], sorted(item)) == ({"N": "8"}, ["expires_at", "key", "used"]), "processes of that release"
    metered.post(sid, "/ended", CallDuration="1")
    assert (metered.usage.used, metered.usage.calls) == (1, {})


def test_leases_of_other_releases_are_read() -> None:
    lease = days.Lease(1, own=2, legs=3, location_id="loc_a")
    assert days.Lease.parse(lease.text[:-1] + ', "a later field"]') == lease
    assert days.Lease.parse("[1, 2, 3]") == days.Lease(1, own=2, legs=3)


def test_the_end_of_a_call_is_reported_until_it_is_counted(metered: MeteredLine) -> None:
    """Twilio repeats a callback that failed only if its URL says so."""
    metered.line.update_configuration(**ring(PHONES[:1], "all"))
    call = metered.line.call(metered.at, phones={PHONES[0]: "answers"})
    overrides = {urlsplit(webhook["url"]).path.rpartition("/")[2]: webhook["overrides"] for webhook in call.webhooks}
    assert {name: text for name, text in overrides.items() if text} == {"left": "rc=3&rp=all", "ended": "rc=3&rp=all"}
    assert {webhook["status"] for webhook in call.webhooks} == {200, 204}, "their signatures are right"

    account = TwilioAccount(settings.TWILIO["account_sid"], "local-twilio-token")
    caller = SimulatedCall(account, metered.line.number, "+16175550199")
    url = f"{metered.line.test_users.ann.web}/telephony/voice/ended{client.CALLBACK_OVERRIDES}"
    caller.post_webhook(url, {"AccountSid": account.sid, "CallSid": "unknown"})
    assert [webhook["status"] for webhook in caller.webhooks] == [400] * 4


# --- calls at once --------------------------------------------------------------------------------
def test_calls_at_once_are_limited(metered: MeteredLine, env: Environment) -> None:
    """Beyond them a caller leaves a message; the business sees that the call was missed."""
    limit = settings.TELEPHONY["concurrent_calls"]
    location = metered.line.location.id
    places = [metered.begin(caller=f"+1617555{n:04}", location=location) for n in range(limit)]
    assert places == [Admission.RING] * limit
    offset = len(env.read_log("web"))

    calls = [metered.line.call(metered.at, phones={PHONES[0]: "answers"}) for _ in range(2)]

    for call in calls:
        call.assert_sequence("hears a tone", "speaks for 7 seconds")
        call.assert_absent("rings")
        assert call.api_record["outcome"] == "voicemail"
        webhook = call.webhooks[0]
        headers = {"X-Twilio-Signature": webhook["signature"]}
        assert post_webhook(webhook["url"], webhook["form"], **headers).text == webhook["answer"]
    assert metered.usage.used == 0, "messages take no minutes from those who ring"
    assert len(metered.usage.calls) == limit
    assert_consistent(metered.usage)
    assert env.read_log("web")[offset:].count('"event":"concurrent_calls_max"') == 1, "once a day"


def test_sixty_calls_at_once_leave_messages(metered: MeteredLine) -> None:
    """Forty of sixty were hung up; those beyond messages still are, and hold nothing."""
    limit = settings.TELEPHONY["concurrent_calls"]
    with ThreadPoolExecutor(8) as pool:
        places = list(pool.map(lambda n: metered.begin(caller=f"+1617555{n:04}"), range(limit * 3 + 5)))
    # of two calls at the same moment the later may see a place that the earlier one gives back
    assert limit - 4 <= places.count(Admission.RING) <= limit
    assert places.count(Admission.MESSAGE) >= limit * 2 - 4
    assert len(metered.usage.calls) == places.count(Admission.RING) + places.count(Admission.MESSAGE)
    assert_consistent(metered.usage)


def test_no_caller_takes_the_places_of_others(metered: MeteredLine) -> None:
    """One caller with twenty calls shut out every location of a customer."""
    limit, of_caller = settings.TELEPHONY["concurrent_calls"], settings.TELEPHONY["concurrent_calls_of_caller"]
    places = [metered.begin() for _ in range(60)]
    assert places == [Admission.RING] * of_caller + [Admission.MESSAGE] * of_caller + [Admission.NONE] * (
        60 - 2 * of_caller
    )
    withheld = [metered.begin(caller="") for _ in range(60)]
    assert withheld.count(Admission.RING) == limit // 2, "callers who withhold their number are one caller"
    assert metered.begin(caller="+16175550001") is Admission.RING


def test_refused_calls_use_no_minutes(metered: MeteredLine) -> None:
    """1,000 short calls used up the day of a business: each counted a minute without a lease."""
    while metered.begin() is not Admission.NONE:
        pass
    metered = replace(metered, web=metered.line.test_users.ann.web)
    for _ in range(3):
        sid = new_sid()
        answer = metered.post(sid).text
        assert ("<Dial" in answer, "<Record" in answer, "<Hangup" in answer) == (False, False, True)
        assert metered.post(sid, "/ended", CallDuration="59").status_code == 204
        assert metered.post(sid, "/ended", CallDuration="59").status_code == 204
    assert metered.usage.used == 0
    assert_consistent(metered.usage)


def test_no_caller_uses_up_the_minutes_of_a_day(metered: MeteredLine) -> None:
    """Three lines that ring ten mailboxes again and again took the day in twenty minutes."""
    limit = settings.TELEPHONY["daily_minutes_of_caller"]
    call = metered.create_call(caller="+16175550199")
    call.record(CallStep("ended"), updates=[Call.ended_at.set(metered.at), Call.seconds.set(limit * 60)])
    minutes.settle(call)
    assert metered.usage.used == limit
    assert list(metered.usage.callers.values()) == [str(limit)]
    assert metered.begin(caller="+16175550199") is Admission.MESSAGE
    assert metered.begin(caller="+16175550198") is Admission.RING
    assert metered.begin(caller="") is Admission.RING
    assert_consistent(metered.usage)


def test_messages_have_minutes_of_their_own(metered: MeteredLine) -> None:
    """They counted nothing: 40 at once all day were 57,600 minutes, of a single caller too."""
    caller, limit = "+16175550199", settings.TELEPHONY["daily_minutes_of_caller"]
    for _ in range(settings.TELEPHONY["concurrent_calls_of_caller"]):
        metered.begin(caller=caller)
    reserved = metered.usage.committed
    call = metered.create_call(caller=caller)
    assert metered.usage.committed == reserved, "a message reserves nothing that others ring with"
    call.record(CallStep("ended"), updates=[Call.ended_at.set(metered.at), Call.seconds.set(limit * 60)])
    minutes.settle(call)
    usage = metered.usage
    assert (usage.used, usage.messages, list(usage.callers.values())) == (0, limit, [str(limit)])
    assert call.id not in usage.calls
    assert metered.begin(caller=caller) is Admission.MESSAGE
    pseudonym = days.new_lease(metered.at, "", caller).caller
    row = Usage(days.key(metered.customer_id, metered.at))
    unaudited.update(row, [Usage.callers[pseudonym].set(str(limit * 3 // 2))], Usage.key.exists())
    assert metered.begin(caller=caller) is Admission.NONE
    other = "+16175550001"
    while (admission := metered.begin(caller=other)) is Admission.RING:
        pass
    assert admission is Admission.MESSAGE
    metered.set_used(0, messages=DAILY_MINUTES // 2)
    assert metered.begin(caller=other) is Admission.NONE
    assert metered.begin(caller="+16175550002") is Admission.RING, "messages keep nobody from ringing"


def test_a_day_costs_at_most_twice_its_minutes(metered: MeteredLine) -> None:
    """Once they were used, voicemails counted on without end."""
    metered.set_used(DAILY_MINUTES + 600, messages=399)
    assert metered.begin() is Admission.RING, "it reaches voicemail"
    metered.set_used(DAILY_MINUTES + 600, messages=400)
    assert metered.begin() is Admission.NONE


def test_an_unreported_message_counts_as_a_message(metered: MeteredLine) -> None:
    for _ in range(settings.TELEPHONY["concurrent_calls_of_caller"] + 1):
        metered.begin()
    metered.begin(metered.at + LEASE_GRACE + timedelta(seconds=1))
    assert metered.usage.messages == CALLER_MINUTES


def test_calls_that_could_not_be_counted_keep_their_caller(metered: MeteredLine) -> None:
    """They became those of callers who withhold their number."""
    resolved = line_lookup.resolve_line(metered.line.number)
    assert resolved
    caller, plan = "+16175550188", RingPlan([RingCandidate(PHONES[0], "", "named", phone=PHONES[0])])
    calls = [
        call_creation.new_call(new_sid(), resolved, caller=caller, entrance="open", at=metered.at) for _ in range(2)
    ]
    expected = days.new_lease(metered.at, metered.line.location.id, caller)
    minutes.reserve(calls[0], "open", plan, is_sequence=True, at=metered.at)
    lease = days.Lease.parse(metered.usage.calls[calls[0].id])
    assert (lease.caller, lease.location_id) == (expected.caller, expected.location_id)
    calls[1].row.ended_at, calls[1].row.seconds = metered.at, 90
    minutes.count_without_lease(calls[1])
    assert metered.usage.callers == {expected.caller: "2"}


def test_each_location_has_places_of_its_own(metered: MeteredLine) -> None:
    """Twenty calls to one location of sixty-four, and the phones of the others were silent."""
    limit, of_location = settings.TELEPHONY["concurrent_calls"], settings.TELEPHONY["concurrent_calls_of_location"]
    callers = (f"+1617555{n:04}" for n in range(1_000))
    assert {metered.begin(caller=next(callers)) for _ in range(limit)} == {Admission.RING}
    assert metered.begin(caller=next(callers)) is Admission.MESSAGE
    for location in ("loc_b", "loc_c"):
        places = [metered.begin(caller=next(callers), location=location) for _ in range(of_location + 1)]
        assert places == [Admission.RING] * of_location + [Admission.MESSAGE]
    later = metered.at + LEASE_GRACE + timedelta(seconds=1)
    assert metered.begin(later, caller=next(callers)) is Admission.RING, "calls without a report of their end"
    usage = metered.usage
    ringing = limit + 2 * of_location
    assert (len(usage.calls), usage.used) == (1, ringing * CALLER_MINUTES), "messages count nothing"
    assert_consistent(usage)


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
    lines = [json.loads(line) for line in env.read_log("roomy")[offset:].splitlines() if '"event":"call' in line]
    assert sorted(line["event"] for line in lines) == sorted(f"call_minutes_{event}" for event in events)
    assert all(line["level"] == "WARNING" and line["customer_id"] == metered.customer_id for line in lines)


def test_counting_takes_few_round_trips(
    metered: MeteredLine, env: Environment, record_figure: Callable[[str], None]
) -> None:
    metered.post(new_sid())
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert time_limit(metered.post(new_sid()).text)
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips = count_sequential_trips(calls)
    record_figure(f"an incoming call that rings: {trips} round trips, {len(calls)} reads and writes, with the minutes")
    assert trips <= 9
