"""Lookups during a call: a caller must hear something within seconds.

All those of one webhook have one deadline. What begins after it is not waited for: a write is done
all the same, if the store still answers; the rota is not asked any more.
"""

import logging
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from config import bulkhead, errors
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


def within_budget(webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call a function in a thread; None if it fails, or the deadline of the webhook comes first."""
    return attempt(_lookups.call, lambda: function(*args, **kwargs), deadline=webhook.deadline)


def look_up_rota(
    webhook: CallWebhook, line: ResolvedLine, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> T | None:
    """`within_budget` for the rota of a line: a slow one leaves threads for the calls of others.

    It also leaves time to store what follows from it.
    """
    deadline = webhook.deadline - STORE_SECONDS
    if time.monotonic() >= deadline:
        return None
    task, owner = (lambda: function(*args, **kwargs)), line.location_id
    return attempt(_lookups.call, task, owner=owner, deadline=deadline)


def begin_write(
    webhook: CallWebhook, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
) -> Callable[[], T | None]:
    """Begin what `within_budget` does, and return what waits for its result."""
    task = lambda: function(*args, **kwargs)  # noqa: E731 - keeps the types of both
    wait = attempt(_lookups.begin, task, deadline=webhook.deadline)
    return lambda: attempt(wait) if wait else None


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
    return within_budget(webhook, call_record.load, webhook.call_id) or CallRecord(Call(id=webhook.call_id))


def load_call_of_caller(webhook: CallWebhook) -> CallRecord:
    """`load_call` for a webhook of the caller's call itself, stored if it could not be before."""
    return within_budget(webhook, unstored_calls.load_or_store, webhook) or CallRecord(Call(id=webhook.call_id))
