"""Pushes: notifying a person's devices of an event, and hearing what became of that.

``templates/push/<event>.<language>.txt``: the first line is the title, the rest the text. They show
on locked screens and pass through others' hands, so they name nobody but the customer.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.template.loader import render_to_string

from accounts import devices, expo, preferences
from accounts.models import Customer, PushToken, User
from config import dynamo, errands, errors, journal

LONGEST = 200
"""Characters of a title or text."""
ROUNDS = 5
"""How often a device is tried that was sent too much."""

log = logging.getLogger("dutyline.push")


def send(
    user_id: str,
    event: str,
    *,
    job: errands.Job,
    only: Sequence[str] | None = None,
    round: int = 0,
) -> None:
    """Notify an active person's devices of an event of `preferences.EVENTS`, unless they said no.

    Goes on after the last chunk that was noted, so a crash doubles one chunk at most. ``only`` are
    the keys of the devices that are tried once more. Raises `errors.Unavailable`.
    """
    user = dynamo.get(User, user_id)
    if user is None or user.status != "active":
        return
    if not preferences.wants(user.settings, "push", event):
        return
    wanted = [d for d in devices.of_person(user_id) if only is None or d.key in only]
    rest = [device for device in wanted if device.key > (job.progress or "")]
    customer = dynamo.get(Customer, user.customer_id) if rest else None
    if customer is None:
        return
    message = _message(event, user, customer)
    for start in range(0, len(rest), expo.CHUNK):
        chunk = rest[start : start + expo.CHUNK]
        outcomes = _deliver([device.token for device in chunk], message)
        sent = [(device, outcomes[device.token]) for device in chunk]
        _follow(user, event, sent, job=job, round=round)
        job.note(chunk[-1].key)


def _message(event: str, user: User, customer: Customer) -> dict[str, Any]:
    language = preferences.language(user.settings, customer.settings)
    text = render_to_string(f"push/{event}.{language}.txt", {"customer": customer.name})
    title, _, body = text.strip().partition("\n")
    return {
        "title": _cut(title),
        "body": _cut(" ".join(body.split())),
        "data": {"event": event},
        "sound": "default",
        "priority": "high",
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _deliver(tokens: Sequence[str], message: Mapping[str, Any]) -> dict[str, expo.Outcome]:
    """Send to one chunk; where its tokens belong to several projects, to each project's apart."""
    groups: Sequence[Sequence[str]] = [tokens]
    try:
        return dict(zip(tokens, expo.send(tokens, message), strict=True))
    except expo.MixedProjects as mixed:
        groups = mixed.groups
    outcomes: dict[str, expo.Outcome] = {}
    for group in groups:
        ours = [token for token in group if token in tokens]
        try:
            outcomes |= zip(ours, expo.send(ours, message), strict=True)
        except expo.MixedProjects as error:
            raise errors.Unavailable("The push service answers nonsense.") from error
    if len(outcomes) < len(tokens):
        raise errors.Unavailable("The push service answers nonsense.")
    return outcomes


def _follow(
    user: User,
    event: str,
    sent: Sequence[tuple[PushToken, expo.Outcome]],
    *,
    job: errands.Job,
    round: int,
) -> None:
    """Keep the tickets, try again what went too fast, forget what is gone."""
    tickets = [[o.ticket, d.key, d.registered_at.isoformat()] for d, o in sent if o.ticket]
    hurried = [device.key for device, outcome in sent if outcome.error == expo.TOO_FAST]
    gone = [device for device, outcome in sent if outcome.error == expo.GONE]
    part = sent[-1][0].key[:12]
    if tickets or (hurried and round < ROUNDS):
        with journal.intend(actor=job.author, at=job.at) as write:
            if tickets:
                write.later(
                    "accounts.collect_receipts",
                    id=f"{job.id}-receipts-{part}",
                    due=job.at + timedelta(seconds=expo.RECEIPTS_AFTER),
                    user_id=user.id,
                    tickets=tickets,
                    sent_at=job.at.isoformat(),
                )
            if hurried and round < ROUNDS:
                write.later(
                    "accounts.send_push",
                    id=f"{job.id}-again-{part}",
                    due=job.at + timedelta(seconds=60 * 2**round),
                    user_id=user.id,
                    event=event,
                    only=hurried,
                    round=round + 1,
                )
    devices.prune(user, gone, at=job.at)
    _log_others(outcome for _, outcome in sent)


def collect(
    user_id: str, tickets: Sequence[Sequence[str]], sent_at: datetime, *, job: errands.Job
) -> None:
    """Ask what became of messages. Each ticket comes with the device's key and when it registered.

    Raises `errors.Unavailable` while some are not known yet and Expo may still tell.
    """
    if job.at - sent_at > timedelta(seconds=expo.RECEIPTS_KEPT):
        return
    found = expo.receipts([ticket for ticket, *_ in tickets])
    gone = [
        PushToken(user_id=user_id, key=key, registered_at=datetime.fromisoformat(registered))
        for ticket, key, registered in tickets
        if ticket in found and found[ticket].error == expo.GONE
    ]
    user = dynamo.get(User, user_id) if gone else None
    if user:
        devices.prune(user, gone, at=job.at)
    _log_others(found.values())
    if len(found) < len(tickets):
        raise errors.Unavailable("Some receipts are not there yet.", retry_after=900)


def _log_others(outcomes: Iterable[expo.Outcome]) -> None:
    """What neither a retry nor forgetting mends is for whoever runs this to read."""
    for error in sorted({one.error for one in outcomes} - {"", expo.GONE, expo.TOO_FAST}):
        log.error("a push was refused", extra={"why": error})
