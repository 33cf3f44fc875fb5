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
    *, job: worker.TaskContext, number: str, purchase_id: str, once: dict[str, str] | None = None, **_: Any
) -> None:
    """Finish a purchase that a request left behind."""
    idempotency_key = idempotency.IdempotencyKey(**once) if once else None
    purchase.resume_purchase(number, purchase_id, actor=job.author, at=job.at, idempotency_key=idempotency_key)


@worker.task("telephony.release_number")
def release_number(*, job: worker.TaskContext, number: str, purchase_id: str, **_: Any) -> None:
    """Give a number back for good."""
    inventory.release_number(number, purchase_id, actor=job.author, at=job.at)


@worker.task("telephony.keep_recording")
def store_recording(*, job: worker.TaskContext, call_id: str, recording_sid: str, **_: Any) -> None:
    """Fetch a recording and tell of it."""
    recordings.store_recording(call_id, recording_sid, job=job)


@worker.task("telephony.forget_at_twilio")
def delete_recording_at_twilio(*, job: worker.TaskContext, recording_sid: str, **_: Any) -> None:
    """Have Twilio forget what we have."""
    client.delete_recording(recording_sid)


@worker.task("telephony.forget_call")
def delete_call(*, job: worker.TaskContext, call_id: str, file: str, **_: Any) -> None:
    """Forget a call whose time is over."""
    recordings.delete_recording_and_call(call_id, file)


@worker.task("telephony.hang_up")
def hang_up_legs(*, job: worker.TaskContext, call_id: str, **_: Any) -> None:
    """End the legs of a call that nobody needs any more."""
    ring_all.hang_up_legs(call_id)


@worker.task("telephony.clear_location")
def release_location_number(*, job: worker.TaskContext, location_id: str, **_: Any) -> None:
    """Give up the number of a location that went."""
    location_guard.release_location_number(location_id, job=job)
