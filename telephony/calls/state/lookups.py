"""Lookups during a call: a caller must hear something within seconds.

All those of one webhook have one deadline. What begins after it is not waited for: a write is done
all the same, if the store still answers; the rota is not asked any more. One read or write that is
lost is repeated before the deadline.
"""

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from config import bulkhead, dynamodb, errors
from telephony.calls.state import call_record, unstored_calls
from telephony.calls.state.call_record import CallRecord
from telephony.lines import ResolvedLine
from telephony.models import Call
from telephony.twilio.voice import ANSWER_SECONDS, CallWebhook

logger = logging.getLogger("dutyline.calls")
P = ParamSpec("P")
T = TypeVar("T")
STORE_SECONDS = 0.6
"""Of the time of a webhook, what is left to store something where the rota does not answer."""
_lookups = bulkhead.Bulkhead("The rota", max_concurrent=16, max_per_owner=4, budget_seconds=ANSWER_SECONDS)
_ringing = bulkhead.Bulkhead("Ringing all", max_concurrent=16, max_per_owner=4, budget_seconds=ANSWER_SECONDS)
"""Their tasks wait for Twilio too, which would take the threads of the lookups while it is slow."""


def within_budget(webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call a function in a thread; None if it fails, or the deadline of the webhook comes first.

    A slow one leaves threads for the calls of others.
    """
    task = _bind(webhook, function, *args, **kwargs)
    return attempt(_lookups.call, task, owner=webhook.owner.id, deadline=webhook.deadline)


def ring_within_budget(webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """`within_budget` for what also calls phones."""
    task = _bind(webhook, function, *args, **kwargs)
    return attempt(_ringing.call, task, owner=webhook.owner.id, deadline=webhook.deadline)


def look_up_rota(
    webhook: CallWebhook, line: ResolvedLine, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T | None:
    """`within_budget` for the rota of a line, which leaves time to store what follows from it."""
    deadline = webhook.deadline - STORE_SECONDS
    if time.monotonic() >= deadline:
        return None
    task = _bind(webhook, function, *args, **kwargs)
    return attempt(_lookups.call, task, owner=line.location_id, deadline=deadline)


def begin_write(
    webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> Callable[[], T | None]:
    """Begin what `within_budget` does, and return what waits for its result."""
    task = _bind(webhook, function, *args, **kwargs)
    wait = attempt(_lookups.begin, task, owner=webhook.owner.id, deadline=webhook.deadline)
    return lambda: attempt(wait) if wait else None


def _bind(webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Callable[[], T]:
    """The task of a thread, whose calls of DynamoDB know until when somebody waits."""

    def run() -> T:
        with dynamodb.waited_for(webhook.deadline):
            return function(*args, **kwargs)

    return run


def attempt(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """The result of a function; None if it fails, which is logged."""
    try:
        return function(*args, **kwargs)
    except errors.DomainError as error:
        logger.warning("a lookup or write failed; the call continues without it", extra={"why": error.detail})
    except Exception:  # whatever the error, the caller must hear something
        logger.exception("unexpected error; the call continues without the result")
    return None


def load_call(webhook: CallWebhook) -> CallRecord:
    """The call of a webhook; one without configuration if it is unknown or the store fails."""
    return _owned(webhook, within_budget(webhook, call_record.load, webhook.call_id))


def load_call_of_caller(webhook: CallWebhook) -> CallRecord:
    """`load_call` for a webhook of the caller's call itself, stored if it could not be before."""
    return _owned(webhook, within_budget(webhook, unstored_calls.load_or_store, webhook))


def _owned(webhook: CallWebhook, call: CallRecord | None) -> CallRecord:
    if call is None:
        return CallRecord(Call(id=webhook.call_id))
    webhook.owner.id = str(call.row.location_id or webhook.owner.id)
    return call
