"""The threads and the time of the lookups of webhooks."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Semaphore

import pytest

from config import costs, dynamodb, errors
from telephony.calls.limits import usage
from telephony.calls.state import lookups
from telephony.lines import ResolvedLine
from telephony.twilio import voice
from telephony.twilio.voice import CallWebhook
from tests.support.calls import new_sid
from tests.support.users import now


def receive(called_number: str = "+16175550100") -> CallWebhook:
    """A webhook of a new call."""
    return voice.parse_webhook({}, {"CallSid": new_sid(), "To": called_number}, at=now(), now=now())


def test_the_calls_to_one_number_leave_threads_for_those_to_others() -> None:
    is_done, running = Event(), Semaphore(0)

    def hold() -> None:
        running.release()
        is_done.wait(5)

    with ThreadPoolExecutor(20) as pool:
        try:
            for _ in range(20):
                pool.submit(lookups.within_budget, receive(), hold)
            assert all(running.acquire(timeout=5) for _ in range(8))
            assert lookups.within_budget(receive("+16175550101"), lambda: "result") == "result"
        finally:
            is_done.set()


def test_a_change_of_minutes_is_repeated_only_while_somebody_waits() -> None:
    began_at = time.monotonic()
    with dynamodb.waited_for(began_at + 0.1), pytest.raises(errors.Unavailable):
        usage.repeat(lambda: None)
    assert time.monotonic() - began_at < usage.WRITE_SECONDS / 2


def test_the_time_of_a_webhook_begins_when_it_arrives() -> None:
    with costs.measure(received_at=time.monotonic() - 0.3):
        assert receive().deadline - time.monotonic() <= voice.ANSWER_SECONDS - 0.3
    with costs.measure(received_at=time.monotonic() - 10):
        assert receive().deadline - time.monotonic() > voice.MIN_ANSWER_SECONDS / 2


def test_the_rota_has_a_second_also_for_a_call_that_waited_for_a_thread() -> None:
    """With 0.4 s, a call at high load reached voicemail though people were on duty."""
    with costs.measure(received_at=time.monotonic() - 3):
        webhook = receive()
    line = ResolvedLine("+16175550100", "cus_x", "loc_x", "Boston", "America/New_York", {}, is_suspended=False)

    def read_slowly() -> str:
        time.sleep(0.6)
        return "the rota"

    assert lookups.look_up_rota(webhook, line, read_slowly) == "the rota"
