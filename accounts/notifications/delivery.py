"""Whether e-mail reaches people: what our mail server, and later the mail service, says of each.

Each e-mail is stored before it is sent, under the id of its Message-ID, for `RETENTION`. A report
changes the one e-mail that it names and no other, and nothing that is newer than what it reports.
So it may come twice, late, or in another order.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, get_args

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from accounts import permissions, users
from accounts.models import FAILED_EMAIL_STATES, SentEmail, User
from accounts.users import email_address
from config import dynamodb, errors, journal
from config.board import passes
from config.dynamodb import unaudited

logger = logging.getLogger("dutyline.mail")
RETENTION = timedelta(days=30)
CLOCK_DIFFERENCE = timedelta(minutes=10)
"""By how much the clock of a mail service may differ."""
MAX_REASON, MAX_EMAILS = 300, 20
"""Characters of a reason; the newest e-mails of a person among which the last one is looked for."""
ReportedEvent = Literal["delivered", "bounced", "complained"]
EVENTS: tuple[ReportedEvent, ...] = get_args(ReportedEvent)
_STATUS = re.compile(r"\b[245]\.(\d{1,3})\.(\d{1,3})\b")
_MEANINGS = {
    "1.1": "There is no such mailbox.",
    "1.2": "There is no such mail domain.",
    "1.10": "The domain receives no mail.",
    "2.1": "The mailbox is closed.",
    "2.2": "The mailbox is full.",
    "4.1": "The mail server of the recipient does not answer.",
    "4.4": "The mail domain has no mail server.",
    "7.1": "The mail server of the recipient rejects our mail.",
}
"""Enhanced status codes of RFC 3463, without the class."""
_MEANINGS_BY_SUBJECT = {
    "1": "The address is not valid.",
    "2": "The mailbox cannot receive mail.",
    "4": "The mail server of the recipient cannot be reached.",
    "7": "The mail server of the recipient rejects our mail.",
}


@dataclass(frozen=True)
class DeliveryEvent:
    """What the mail service reports of one e-mail."""

    event: ReportedEvent
    at: datetime
    message_id: str = ""
    """Its Message-ID, with or without brackets; or else the recipient tells which one it is."""
    recipient: str = ""
    reason: str = ""


def begin(message_id: str, user: User, kind: str, address: str, *, at: datetime) -> SentEmail:
    """Store an e-mail that is about to be sent. Raises `errors.Unavailable`."""
    sent_email = SentEmail(
        id=message_id,
        user_id=user.id,
        customer_id=user.customer_id,
        kind=kind,
        address_key=email_address.email_key(address),
        sent_at=at,
        state="sending",
        expires_at=int((at + RETENTION).timestamp()),
    )
    if not unaudited.create(sent_email):  # a repetition
        changes = [
            SentEmail.state.set("sending"),
            SentEmail.sent_at.set(at),
            SentEmail.address_key.set(sent_email.address_key),
            SentEmail.expires_at.set(sent_email.expires_at),
            *(attribute.remove() for attribute in (SentEmail.reason, SentEmail.state_at, SentEmail.failed_for)),
        ]
        unaudited.update(sent_email, changes, SentEmail.id.exists())
    return sent_email


def record_outcome(sent_email: SentEmail, state: Literal["accepted", "refused"], reason: str = "") -> None:
    """Store what our mail server said, unless the mail service has reported something by now.

    If that cannot be stored, it stays unknown: the e-mail must not be sent again for it.
    """
    changes = [SentEmail.state.set(state), _failure_mark(sent_email, state)]
    if cleaned := clean_reason(reason):
        changes.append(SentEmail.reason.set(cleaned))
    try:
        unaudited.update(sent_email, changes, SentEmail.state == "sending")
    except errors.Unavailable:
        logger.warning("the outcome of an e-mail was not stored", extra={"message_id": sent_email.id})


def record_event(event: DeliveryEvent, *, at: datetime) -> SentEmail | None:
    """Store what the mail service reports; the e-mail that it is about, if there is one.

    What failed, or no longer did, is on the board of operators soon.
    """
    sent_email = _find_email(event)
    if sent_email is None:
        return None
    reason = clean_reason(event.reason)
    changes = [
        SentEmail.state.set(event.event),
        _failure_mark(sent_email, event.event),
        SentEmail.state_at.set(event.at),
        SentEmail.reason.set(reason) if reason else SentEmail.reason.remove(),
    ]
    is_newer = SentEmail.state_at < event.at if event.event == "delivered" else SentEmail.state_at <= event.at
    is_applicable: Condition = SentEmail.id.exists() & (SentEmail.state_at.does_not_exist() | is_newer)
    item = unaudited.update(sent_email, changes, is_applicable)
    if item is None:
        return None
    if event.event in FAILED_EMAIL_STATES or sent_email.failed_for:
        with journal.write_intent(permissions.system_actor(str(sent_email.customer_id)), at) as write:
            passes.enqueue_check(write, str(sent_email.customer_id))
    return SentEmail.from_item(item)


def _failure_mark(sent_email: SentEmail, state: str) -> Action:
    is_failure = state in FAILED_EMAIL_STATES
    return SentEmail.failed_for.set(sent_email.customer_id) if is_failure else SentEmail.failed_for.remove()


def _find_email(event: DeliveryEvent) -> SentEmail | None:
    """The e-mail that a report names; by its recipient, the last one that went there by then."""
    if event.message_id:
        id = event.message_id.strip("<> ").partition("@")[0]
        return dynamodb.get_record(SentEmail, id)
    try:
        key = email_address.email_key(event.recipient)
    except email_address.InvalidEmail:
        return None
    user = users.find_users_by_email([event.recipient]).get(key)
    if user is None:
        return None
    emails = _list_newest(str(user.id), event.at + CLOCK_DIFFERENCE)
    return next((sent_email for sent_email in emails if sent_email.address_key == key), None)


def find_last_email(user: User) -> SentEmail | None:
    """The last e-mail to the present address of a person; None if there is none.

    Nor after somebody has asked to send the invitation again, until that is sent.
    """
    emails = _list_newest(str(user.id))
    sent_email = next((sent_email for sent_email in emails if sent_email.address_key == user.email_key), None)
    if sent_email and user.resent_at and user.resent_at > sent_email.sent_at:
        return None
    return sent_email


def list_failed(customer_id: str, limit: int) -> list[SentEmail]:
    """The newest e-mails to people of a customer that are known to have failed."""
    condition, values = "#failed_for = :of", {":of": {"S": customer_id}}
    options = {"IndexName": "byFailure", "ScanIndexForward": False, "Limit": limit}
    return dynamodb.query_records(SentEmail, condition, values, **options)


def keep_unreached(failed: Iterable[SentEmail], people: Mapping[str, User]) -> dict[str, str]:
    """Those of these people whose last e-mail is one of these: its id, by the person's id."""
    ids_by_user: dict[str, set[str]] = {}
    for sent_email in failed:
        user = people.get(str(sent_email.user_id))
        if user and user.status != "blocked" and sent_email.address_key == user.email_key:
            ids_by_user.setdefault(str(user.id), set()).add(str(sent_email.id))
    if not ids_by_user:
        return {}
    last_emails = dynamodb.gather(*(partial(find_last_email, people[id]) for id in ids_by_user))
    return {
        user_id: str(sent_email.id)
        for (user_id, failed_ids), sent_email in zip(ids_by_user.items(), last_emails, strict=True)
        if sent_email and sent_email.id in failed_ids
    }


def has_failed(sent_email: SentEmail | None) -> bool:
    """Whether it is known that an e-mail did not reach the person."""
    return sent_email is not None and sent_email.state in FAILED_EMAIL_STATES


def explain(reason: str) -> str:
    """What an answer of a mail server means, as a sentence; empty if that is not known."""
    match = _STATUS.search(reason)
    if match is None:
        return ""
    subject, detail = match.groups()
    return _MEANINGS.get(f"{subject}.{detail}", _MEANINGS_BY_SUBJECT.get(subject, ""))


def clean_reason(reason: str) -> str:
    """A reason on one line, without control characters."""
    words = "".join(letter if letter.isprintable() else " " for letter in reason[: 4 * MAX_REASON]).split()
    return " ".join(words)[:MAX_REASON]


def _list_newest(user_id: str, until: datetime | None = None) -> list[SentEmail]:
    condition, values = "#user_id = :user", {":user": {"S": user_id}}
    if until:
        condition += " AND #sent_at <= :until"
        values[":until"] = {"S": dynamodb.format_timestamp(until)}
    return dynamodb.query_records(
        SentEmail, condition, values, IndexName="byUser", ScanIndexForward=False, Limit=MAX_EMAILS
    )


def iter_emails(user_id: str) -> Iterator[SentEmail]:
    """The e-mails to a person, newest first."""
    condition, values = "#user_id = :user", {":user": {"S": user_id}}
    yield from dynamodb.iter_records(SentEmail, condition, values, IndexName="byUser", ScanIndexForward=False)


def forget_emails_of(user_id: str) -> None:
    """Remove what is stored about the e-mails to a person; repeatable."""
    for sent_email in list(iter_emails(user_id)):
        unaudited.remove(sent_email, SentEmail.user_id == user_id)
