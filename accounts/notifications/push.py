"""Pushes: notifying a person's devices of an event, and hearing what became of that.

``templates/push/<event>.<language>.txt``: the first line is the title, the rest the text. They show
on locked screens and pass through others' hands, so they name nobody but the customer.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.template.loader import render_to_string

from accounts import preferences
from accounts.clients import expo
from accounts.models import Customer, PushToken, User
from accounts.notifications import devices
from config import dynamodb, errors, journal
from config.journal import write_set
from config.outbox import worker

LONGEST = 200
"""Characters of a title or text."""
ROUNDS = 5
"""How often a device is tried that was sent too much."""

log = logging.getLogger("dutyline.push")


def send(
    user_id: str,
    event: str,
    *,
    job: worker.Job,
    only: Sequence[str] | None = None,
    round: int = 0,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Notify an active person's devices of an event of `preferences.EVENTS`, if they want it.

    ``values`` are for its template, which must do without: a further try has none.

    Goes on after the last chunk that was noted, so a crash doubles one chunk at most. ``only`` are
    the keys of the devices that are tried once more, or apart from others. Raises
    `errors.Unavailable`.
    """
    user = dynamodb.get(User, user_id)
    if user is None or user.status != "active":
        return
    if not preferences.wants(user.settings, "push", event):
        return
    wanted = [d for d in devices.of_person(user_id) if only is None or d.key in only]
    rest = [device for device in wanted if device.key > (job.progress or "")]
    customer = dynamodb.get(Customer, user.customer_id) if rest else None
    if customer is None:
        return
    message = _message(event, user, customer, values or {})
    again = Again(user.id, event, round)
    for start in range(0, len(rest), expo.CHUNK):
        chunk = rest[start : start + expo.CHUNK]
        try:
            outcomes = expo.send([device.token for device in chunk], message)
        except expo.MixedProjects as mixed:
            _apart(chunk, mixed, again, job=job)
        except expo.Refused as refusal:
            log.exception("notifications were refused", extra={"why": refusal.code})
        else:
            _follow(user, list(zip(chunk, outcomes, strict=True)), again, job=job)
        job.note(chunk[-1].key)


@dataclass(frozen=True)
class Again:
    """What a further try of some devices must know."""

    user_id: str
    event: str
    round: int

    def later(self, write: write_set.Write, keys: Sequence[str], due: datetime, id: str) -> None:
        """Try these devices again."""
        write.later(
            "accounts.send_push",
            id=id,
            due=due,
            user_id=self.user_id,
            event=self.event,
            only=list(keys),
            round=self.round + 1,
        )

    def hurried(self, write: write_set.Write, keys: Sequence[str], at: datetime, id: str) -> None:
        """Try devices again that were sent too much, later and later."""
        self.later(write, keys, at + timedelta(seconds=60 * 2**self.round), id)


def _message(
    event: str, user: User, customer: Customer, values: Mapping[str, Any]
) -> dict[str, Any]:
    language = preferences.language(user.settings, customer.settings)
    text = render_to_string(f"push/{event}.{language}.txt", {"customer": customer.name, **values})
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


def _apart(
    chunk: Sequence[PushToken], mixed: expo.MixedProjects, again: Again, *, job: worker.Job
) -> None:
    """Leave the devices of each project to an errand of their own: none holds another up."""
    keys = {device.token: device.key for device in chunk}
    known = ([keys[token] for token in group if token in keys] for group in mixed.groups)
    groups = [group for group in known if group]
    if again.round >= ROUNDS or {key for group in groups for key in group} != set(keys.values()):
        raise errors.Unavailable("The push service answers nonsense.", retry_after=60)
    with journal.intend(actor=job.author, at=job.at) as write:
        for group in groups:
            again.later(write, group, job.at, f"{job.id}-apart-{min(group)[:12]}")


def _follow(
    user: User,
    sent: Sequence[tuple[PushToken, expo.Outcome]],
    again: Again,
    *,
    job: worker.Job,
) -> None:
    """Keep the tickets, try again what went too fast, forget what is gone."""
    tickets = [[o.ticket, d.key, d.registered_at.isoformat()] for d, o in sent if o.ticket]
    hurried = [device.key for device, outcome in sent if outcome.error == expo.TOO_FAST]
    gone = [device for device, outcome in sent if outcome.error == expo.GONE]
    part = sent[-1][0].key[:12]
    if tickets or (hurried and again.round < ROUNDS):
        with journal.intend(actor=job.author, at=job.at) as write:
            if tickets:
                _collect_later(write, tickets, again, job.at, job, f"{job.id}-receipts-{part}")
            if hurried and again.round < ROUNDS:
                again.hurried(write, hurried, job.at, f"{job.id}-again-{part}")
    devices.prune(user, gone, at=job.at)
    _log_others(outcome for _, outcome in sent)


def _collect_later(
    write: write_set.Write,
    tickets: Sequence[Sequence[str]],
    again: Again,
    sent_at: datetime,
    job: worker.Job,
    id: str | None = None,
) -> None:
    write.later(
        "accounts.collect_receipts",
        id=id,
        due=job.at + timedelta(seconds=expo.RECEIPTS_AFTER),
        user_id=again.user_id,
        event=again.event,
        round=again.round,
        tickets=[list(ticket) for ticket in tickets],
        sent_at=sent_at.isoformat(),
    )


def collect(
    tickets: Sequence[Sequence[str]], sent_at: datetime, again: Again, *, job: worker.Job
) -> None:
    """Ask what became of messages. Each ticket comes with the device's key and when it registered.

    What is not known yet is asked for again while Expo may still tell. Raises
    `errors.Unavailable`.
    """
    if job.at - sent_at > timedelta(seconds=expo.RECEIPTS_KEPT):
        return
    try:
        found = expo.receipts([ticket for ticket, *_ in tickets])
    except expo.Refused as refusal:
        log.exception("receipts were refused", extra={"why": refusal.code})
        return
    told = [(one, found[one[0]].error) for one in tickets if one[0] in found]
    gone = [
        PushToken(user_id=again.user_id, key=key, registered_at=datetime.fromisoformat(registered))
        for (_, key, registered), error in told
        if error == expo.GONE
    ]
    user = dynamodb.get(User, again.user_id) if gone else None
    if user:
        devices.prune(user, gone, at=job.at)
    _log_others(found.values())
    hurried = [key for (_, key, _), error in told if error == expo.TOO_FAST]
    unknown = [one for one in tickets if one[0] not in found]
    if again.round >= ROUNDS:
        hurried = []
    if hurried or unknown:
        with journal.intend(actor=job.author, at=job.at) as write:
            if hurried:
                again.hurried(write, hurried, job.at, f"{job.id}-again")
            if unknown:
                _collect_later(write, unknown, again, sent_at, job)
            write.hand_over(job.id, job.claim)


def _log_others(outcomes: Iterable[expo.Outcome]) -> None:
    """What neither a retry nor forgetting mends is for whoever runs this to read."""
    for error in sorted({one.error for one in outcomes} - {"", expo.GONE, expo.TOO_FAST}):
        log.error("a push was refused", extra={"why": error})
