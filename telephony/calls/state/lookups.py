"""Lookups during a call: a caller must hear something within seconds, so each has a time budget."""

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from config import bulkhead, errors
from telephony.calls.state import call_record, unstored_calls
from telephony.calls.state.call_record import CallRecord
from telephony.lines import ResolvedLine
from telephony.models import Call
from telephony.twilio.voice import CallWebhook

logger = logging.getLogger("dutyline.calls")
P = ParamSpec("P")
T = TypeVar("T")
_lookups = bulkhead.Bulkhead("The rota", max_concurrent=16, max_per_owner=4, budget_seconds=2.0)


def within_budget(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Call a function in a thread; None if it fails or takes longer than a caller may wait."""
    return _attempt(lambda: function(*args, **kwargs), owner="")


def look_up_rota(line: ResolvedLine, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """`within_budget` for the rota of a line: a slow one leaves threads for the calls of others."""
    return _attempt(lambda: function(*args, **kwargs), owner=line.location_id)


def _attempt(task: Callable[[], T], *, owner: str) -> T | None:
    try:
        return _lookups.call(task, owner=owner)
    except errors.DomainError as error:
        logger.warning("a lookup or write failed; the call continues without it", extra={"why": error.detail})
    except Exception:  # whatever the error, the caller must hear something
        logger.exception("unexpected error; the call continues without the result")
    return None


def load_call(webhook: CallWebhook) -> CallRecord:
    """The call of a webhook; one without configuration if it is unknown or the store fails."""
    return within_budget(call_record.load, webhook.call_id) or CallRecord(Call(id=webhook.call_id))


def load_call_of_caller(webhook: CallWebhook) -> CallRecord:
    """`load_call` for a webhook of the caller's call itself, stored if it could not be before."""
    return within_budget(unstored_calls.load_or_store, webhook) or CallRecord(Call(id=webhook.call_id))
