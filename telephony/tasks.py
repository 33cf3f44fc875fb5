"""Work that the outbox does about numbers and calls."""

from typing import Any

from config import errands, idempotency
from telephony import conferences, holds, messages, numbers, purchases
from telephony.twilio import api


@errands.task("telephony.finish_purchase")
def finish_purchase(
    *,
    job: errands.Job,
    number: str,
    purchase_id: str,
    once: dict[str, str] | None = None,
    **_: Any,
) -> None:
    """Finish a purchase that a request left behind."""
    known = idempotency.Once(**once) if once else None
    purchases.resume(number, purchase_id, actor=job.author, at=job.at, once=known)


@errands.task("telephony.release_number")
def release_number(*, job: errands.Job, number: str, purchase_id: str, **_: Any) -> None:
    """Give a number back for good."""
    numbers.release(number, purchase_id, actor=job.author, at=job.at)


@errands.task("telephony.keep_recording")
def keep_recording(*, job: errands.Job, call_id: str, recording_sid: str, **_: Any) -> None:
    """Fetch a recording and tell of it."""
    messages.keep(call_id, recording_sid, job=job)


@errands.task("telephony.forget_at_twilio")
def forget_at_twilio(*, job: errands.Job, recording_sid: str, **_: Any) -> None:
    """Have Twilio forget what we have."""
    api.forget_recording(recording_sid)


@errands.task("telephony.forget_call")
def forget_call(*, job: errands.Job, call_id: str, file: str, **_: Any) -> None:
    """Forget a call whose time is over."""
    messages.forget(call_id, file)


@errands.task("telephony.hang_up")
def hang_up(*, job: errands.Job, call_id: str, **_: Any) -> None:
    """End the legs of a call that nobody needs any more."""
    conferences.hang_up(call_id)


@errands.task("telephony.clear_location")
def clear_location(*, job: errands.Job, location_id: str, **_: Any) -> None:
    """Give up the number of a location that went."""
    holds.clear(location_id, job=job)
