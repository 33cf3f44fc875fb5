"""Push notifications to a user's devices, and their receipts.

``templates/push/<event>.<language>.txt``: the first line is the title, the rest the text. They
appear on locked screens and pass through Expo, Apple and Google, so they name the customer and the
place, but no caller.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.template.loader import render_to_string

from accounts.clients import expo
from accounts.models import Location, PushToken, User
from accounts.notifications import devices, recipients
from config import dynamodb, journal, outbox
from config.journal import write_set

MAX_TEXT_LENGTH = 200
"""Characters of a title or text."""
MAX_ROUNDS = 5
"""Retries of a device that exceeded Expo's rate limit."""

logger = logging.getLogger("dutyline.push")


@outbox.task("accounts.send_push", lane="push", notifies=True)
def send_push(
    user_id: str,
    event: str,
    *,
    job: outbox.TaskContext,
    only: Sequence[str] | None = None,
    round: int = 0,
    values: Mapping[str, Any] | None = None,
    data: Mapping[str, str] | None = None,
) -> None:
    """Notify an active user's devices of an event of `preferences.EVENTS`, if they enabled it.

    ``only`` are the keys of the devices of a retry. ``values`` are for the template, which must
    work without them, as a retry has none. ``data`` are ids for the app; the text can
    name the location of its ``locationId``. A retry continues after the last chunk that was stored
    as progress, so a crash repeats at most one chunk. Raises `errors.Unavailable`.
    """
    target_devices = [d for d in devices.list_devices(user_id) if only is None or d.key in only]
    remaining_devices = [device for device in target_devices if device.key > (job.progress or "")]
    recipient = recipients.get_recipient(user_id) if remaining_devices else None
    if recipient is None or recipient.user.status != "active" or not recipient.has_enabled("push", event):
        return
    message = _build_message(event, recipient, values or {}, data or {})
    retry = PushRetry(user_id, event, round, data)
    for start in range(0, len(remaining_devices), expo.CHUNK_SIZE):
        chunk = remaining_devices[start : start + expo.CHUNK_SIZE]
        try:
            outcomes = expo.send_message([device.token for device in chunk], message)
        except expo.MixedProjects as mixed_projects:
            _send_per_project(chunk, mixed_projects, retry, job=job)
        except expo.PushRejected as refusal:
            logger.exception("Expo rejected the notifications", extra={"why": refusal.code})
        else:
            _process_results(recipient.user, list(zip(chunk, outcomes, strict=True)), retry, job=job)
        job.save_progress(chunk[-1].key)


@dataclass(frozen=True)
class PushRetry:
    """What a retry of some devices needs."""

    user_id: str
    event: str
    round: int
    data: Mapping[str, str] | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """For the messages in the outbox."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def is_last(self) -> bool:
        return self.round >= MAX_ROUNDS

    def keys_to_retry(self, device_errors: Iterable[tuple[str, str]]) -> list[str]:
        """The keys of rate-limited devices among (key, error) pairs; none in the last round."""
        return [key for key, error in device_errors if error == expo.RATE_EXCEEDED and not self.is_last]

    @property
    def backoff(self) -> timedelta:
        """How long to wait before sending to rate-limited devices again."""
        return timedelta(seconds=60 * 2**self.round)

    def enqueue(self, write: write_set.Write, keys: Sequence[str], id: str, delay: timedelta = timedelta()) -> None:
        """Send to these devices again."""
        arguments = self.arguments | {"only": keys, "round": self.round + 1}
        write.enqueue("accounts.send_push", id=id, due=write.at + delay, **arguments)

    def enqueue_receipt_check(
        self, write: write_set.Write, tickets: Sequence[Sequence[str]], sent_at: str, id: str | None = None
    ) -> None:
        """Check these tickets later; they are as `collect_receipts` takes them."""
        write.enqueue(
            "accounts.collect_receipts",
            id=id,
            due=write.at + timedelta(seconds=expo.RECEIPT_DELAY),
            **self.arguments,
            tickets=tickets,
            sent_at=sent_at,
        )


def _build_message(
    event: str, recipient: recipients.Recipient, values: Mapping[str, Any], data: Mapping[str, str]
) -> dict[str, Any]:
    location = dynamodb.get_record(Location, data["locationId"]) if "locationId" in data else None
    context = {"customer": recipient.customer.name, "location": location.name if location else "", **values}
    text = render_to_string(f"push/{event}.{recipient.language}.txt", context)
    title, _, body = text.strip().partition("\n")
    return {
        "title": _truncate(title),
        "body": _truncate(" ".join(body.split())),
        "data": {"event": event, **data},
        "sound": "default",
        "priority": "high",
    }


def _truncate(text: str) -> str:
    return text if len(text) <= MAX_TEXT_LENGTH else text[: MAX_TEXT_LENGTH - 1] + "…"


def _send_per_project(
    chunk: Sequence[PushToken], mixed_projects: expo.MixedProjects, retry: PushRetry, *, job: outbox.TaskContext
) -> None:
    """Enqueue one message per project, so that none delays another."""
    keys = {device.token: device.key for device in chunk}
    known_groups = ([keys[token] for token in group if token in keys] for group in mixed_projects.groups)
    groups = [group for group in known_groups if group]
    if retry.is_last or {key for group in groups for key in group} != set(keys.values()):
        raise expo.invalid_response()
    with journal.write_intent(job.author, job.at) as write:
        for group in groups:
            retry.enqueue(write, group, f"{job.id}-apart-{min(group)[:12]}")


def _process_results(
    user: User, results: Sequence[tuple[PushToken, expo.PushResult]], retry: PushRetry, *, job: outbox.TaskContext
) -> None:
    """Check tickets later, retry rate-limited devices, delete unregistered ones."""
    tickets = [[o.ticket, d.key, d.registered_at.isoformat()] for d, o in results if o.ticket]
    rate_limited = retry.keys_to_retry((device.key, outcome.error) for device, outcome in results)
    unregistered = [device for device, outcome in results if outcome.error == expo.DEVICE_NOT_REGISTERED]
    id_suffix = results[-1][0].key[:12]
    if tickets or rate_limited:
        with journal.write_intent(job.author, job.at) as write:
            if tickets:
                retry.enqueue_receipt_check(write, tickets, job.at.isoformat(), f"{job.id}-receipts-{id_suffix}")
            if rate_limited:
                retry.enqueue(write, rate_limited, f"{job.id}-again-{id_suffix}", retry.backoff)
    devices.delete_stale_devices(user, unregistered, at=job.at)
    _log_other_errors(outcome for _, outcome in results)


@outbox.task("accounts.collect_receipts", lane="push")
def collect_receipts(
    user_id: str,
    event: str,
    round: int,
    tickets: Sequence[Sequence[str]],
    sent_at: str,
    *,
    job: outbox.TaskContext,
    data: Mapping[str, str] | None = None,
) -> None:
    """Fetch the receipts of tickets; each comes with its device's key and registration time.

    Receipts that are not available yet are fetched again for `expo.RECEIPT_TTL`. Raises
    `errors.Unavailable`.
    """
    if job.at - datetime.fromisoformat(sent_at) > timedelta(seconds=expo.RECEIPT_TTL):
        return
    try:
        results = expo.get_receipts([ticket for ticket, *_ in tickets])
    except expo.PushRejected as refusal:
        logger.exception("Expo rejected the receipt request", extra={"why": refusal.code})
        return
    ticket_errors = [(entry, results[entry[0]].error) for entry in tickets if entry[0] in results]
    unregistered = [
        PushToken(user_id=user_id, key=key, registered_at=datetime.fromisoformat(registered_at))
        for (_, key, registered_at), error in ticket_errors
        if error == expo.DEVICE_NOT_REGISTERED
    ]
    user = dynamodb.get_record(User, user_id) if unregistered else None
    if user:
        devices.delete_stale_devices(user, unregistered, at=job.at)
    _log_other_errors(results.values())
    retry = PushRetry(user_id, event, round, data)
    rate_limited = retry.keys_to_retry((key, error) for (_, key, _), error in ticket_errors)
    pending_tickets = [entry for entry in tickets if entry[0] not in results]
    if rate_limited or pending_tickets:
        with journal.write_intent(job.author, job.at) as write:
            if rate_limited:
                retry.enqueue(write, rate_limited, f"{job.id}-again", retry.backoff)
            if pending_tickets:
                retry.enqueue_receipt_check(write, pending_tickets, sent_at)
            write.replace(job.id, job.claim)


def _log_other_errors(outcomes: Iterable[expo.PushResult]) -> None:
    """Log what neither a retry nor deleting the device solves, for the operator."""
    for error in sorted({outcome.error for outcome in outcomes} - {"", expo.DEVICE_NOT_REGISTERED, expo.RATE_EXCEEDED}):
        logger.error("a push notification failed", extra={"why": error})
