"""What operators read on the board about customers, their people and failed work."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts import customers, problems, users
from accounts.admin.mail_delivery import describe_state
from accounts.admin.unusual_volumes import LABELS
from accounts.models import Customer, SentEmail, User
from config import dynamodb
from config.backoffice.board import CustomerNames, Kind, Line, describe_age
from config.backoffice.links import admin_change_url, admin_list_url
from config.board import platform
from config.board.models import BoardItem

REASONS = {
    "MailRefused": "The mail server refuses the address.",
    "NoAuth0Account": "There is no account at Auth0.",
    "unknown_task": "This release does not know the task.",
}
"""What operators read, by the error of a task."""


def _name_customer(records: dynamodb.BatchResult, customer_id: str) -> tuple[str, str] | None:
    customer = records.get(Customer, customer_id)
    return (str(customer.name), admin_change_url("accounts", "customer", customer_id)) if customer else None


CUSTOMER_NAMES = CustomerNames(customers.customer_key, _name_customer)


def _no_keys(_: BoardItem) -> Iterable[dynamodb.RecordKey]:
    return ()


def _person_keys(item: BoardItem) -> Iterable[dynamodb.RecordKey]:
    return [users.user_key(item.facts["user"])]


def _describe_suspended(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    url = admin_change_url("accounts", "customer", str(item.customer_id))
    return Line("Suspended: nobody can sign in", url, "", "Open customer", url)


def _person_url(user_id: str) -> str:
    return admin_change_url("accounts", "user", user_id)


def _action_url(user_id: str, action: str) -> str:
    return reverse("admin:accounts_user_do", args=(user_id.replace("_", "_5F"), action))


def _describe_failed_email(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    user = records.get(User, item.facts["user"])
    sent_email = records.get(SentEmail, item.facts["email"])
    if user is None or sent_email is None:
        return None
    what = "The invitation of" if sent_email.kind == "invitation" else "An e-mail to"
    outcome = {"refused": "was refused", "bounced": "bounced", "complained": "was reported as spam"}
    text = f"{what} {user.name} {outcome.get(str(sent_email.state), 'failed')}"
    detail = " ".join(filter(None, (f"{user.email} {describe_state(sent_email)}", sent_email.reason)))
    return Line(text, _person_url(user.id), detail, "Correct the address", _person_url(user.id))


def _email_keys(item: BoardItem) -> Iterable[dynamodb.RecordKey]:
    return [users.user_key(item.facts["user"]), dynamodb.RecordKey(SentEmail, item.facts["email"])]


def _describe_invitation(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    user = records.get(User, item.facts["user"])
    if user is None or not problems.invitation_problem(user, at):
        return None
    sent_at = user.invitation_sent_at
    sent = f"sent {describe_age(sent_at, at)} ago, not accepted" if sent_at else "it was not sent yet"
    text = {
        "expired": f"The invitation of {user.name} has expired",
        "old": f"{user.name} has not accepted the invitation",
        "unsent": f"The invitation of {user.name} was not sent",
    }[item.facts["state"]]
    return Line(text, _person_url(user.id), sent, "Resend invitation", _action_url(user.id, "resend"))


def _describe_volume(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    facts = item.facts
    limit = str(facts["limit"])
    quota = settings.DAILY_LIMITS.get(limit)
    text = f"{facts['used']:,} of {quota:,} {LABELS.get(limit, limit)}" if quota else f"{facts['used']:,} of {limit}"
    detail = f"on {date.fromisoformat(facts['day']):%-d %B}"
    detail += f", {facts['refused']:,} more refused" if facts["refused"] else ""
    url = admin_list_url("config", "auditentry", listed_for__exact=str(item.customer_id))
    return Line(text, url, detail, "Open audit", url)


@cache
def _task_sentences() -> Mapping[str, str]:
    return {task: text for path in settings.TASK_SENTENCES for task, text in import_string(path).items()}


def _dead_letter_keys(item: BoardItem) -> Iterable[dynamodb.RecordKey]:
    user_id = item.facts["ids"].get("user_id", "")
    return [users.user_key(user_id)] if dynamodb.is_id("usr", user_id) else []


def _describe_dead_letter(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    facts: Mapping[str, Any] = item.facts
    user = records.get(User, str(facts["ids"].get("user_id", "")) or "-")
    what = _task_sentences().get(facts["task"], "A task failed: {task}").format(task=facts["task"])
    text = f"{what}: {user.name}" if user else what
    message_url = admin_change_url("config", "outboxentry", facts["message"])
    url = _person_url(user.id) if user else message_url
    reason = REASONS.get(facts["error"], facts["error"])
    return Line(text, url, reason, "Retry or discard", message_url)


KINDS = (
    Kind(
        platform.DEAD_LETTER,
        "Failed work",
        "Nothing has failed.",
        "Nothing has failed.",
        _dead_letter_keys,
        _describe_dead_letter,
    ),
    Kind(
        problems.EMAIL_FAILED,
        "E-mail that did not arrive",
        "All e-mail has arrived, as far as it is known.",
        "No e-mail to look at.",
        _email_keys,
        _describe_failed_email,
    ),
    Kind(
        problems.OLD_INVITATION,
        "Old invitations",
        "No invitation is old.",
        "No open invitations.",
        _person_keys,
        _describe_invitation,
    ),
    Kind(
        problems.SUSPENDED,
        "Suspended customers",
        "No customer is suspended.",
        "No customers.",
        _no_keys,
        _describe_suspended,
    ),
    Kind(
        problems.UNUSUAL_VOLUME,
        "Unusual volumes",
        "No customer used half of a daily limit.",
        "No customer used half of a daily limit.",
        _no_keys,
        _describe_volume,
    ),
)
