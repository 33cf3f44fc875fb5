"""Work that the outbox does about numbers and calls."""

from typing import Any

from config.dynamodb import idempotency
from config.outbox import worker
from telephony import location_guard
from telephony.calls import recordings, ring_all
from telephony.numbers import inventory, purchase
from telephony.twilio import client


@worker.task("telephony.finish_purchase")
def finish_purchase(
    *,
    job: worker.Job,
    number: str,
    purchase_id: str,
    once: dict[str, str] | None = None,
    **_: Any,
) -> None:
    """Finish a purchase that a request left behind."""
    known = idempotency.Once(**once) if once else None
    purchase.resume(number, purchase_id, actor=job.author, at=job.at, once=known)


@worker.task("telephony.release_number")
def release_number(*, job: worker.Job, number: str, purchase_id: str, **_: Any) -> None:
    """Give a number back for good."""
    inventory.release(number, purchase_id, actor=job.author, at=job.at)


@worker.task("telephony.keep_recording")
def keep_recording(*, job: worker.Job, call_id: str, recording_sid: str, **_: Any) -> None:
    """Fetch a recording and tell of it."""
    recordings.keep(call_id, recording_sid, job=job)


@worker.task("telephony.forget_at_twilio")
def forget_at_twilio(*, job: worker.Job, recording_sid: str, **_: Any) -> None:
    """Have Twilio forget what we have."""
    client.forget_recording(recording_sid)


@worker.task("telephony.forget_call")
def forget_call(*, job: worker.Job, call_id: str, file: str, **_: Any) -> None:
    """Forget a call whose time is over."""
    recordings.forget(call_id, file)


@worker.task("telephony.hang_up")
def hang_up(*, job: worker.Job, call_id: str, **_: Any) -> None:
    """End the legs of a call that nobody needs any more."""
    ring_all.hang_up(call_id)


@worker.task("telephony.clear_location")
def clear_location(*, job: worker.Job, location_id: str, **_: Any) -> None:
    """Give up the number of a location that went."""
    location_guard.clear(location_id, job=job)
