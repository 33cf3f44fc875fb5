"""Buttons that delete a customer, undo that, and erase it, and what operators read about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html

from accounts.admin.operator_commands import run_command
from accounts.models import Customer
from accounts.privacy import customer_deletion
from accounts.users import delete
from config.backoffice import operators
from config.backoffice.clock import format_day
from config.backoffice.forms.actions import Button
from config.backoffice.forms.record_form import ConfirmNameForm
from config.backoffice.record_header import Fact, Moment

RESTORED = (
    "The status is again what it was before: of an active customer, people can sign in again and the numbers take "
    "calls again, at once.",
    "People, rota, numbers, IVR configurations and recordings are as they were. Calendar feeds work again.",
    "Shifts went on by the rota meanwhile. Callers heard that the line is closed; they are in no list.",
)
ERASED = (
    "Nothing can be restored any more. Export everything first, if the customer may still want it.",
    "It takes minutes, for a customer with many people or calls hours, and goes on in the background. Calls that are "
    "under way end first.",
    "The numbers are given back to Twilio: the customer cannot get them again.",
)


def describe_deletion(at: datetime) -> Sequence[str]:
    """What deleting a customer does, for the page that asks."""
    day = format_day(at + delete.grace())
    return (
        "People: at once nobody can use the app, no link to sign in works, and nobody gets invitations, e-mails or "
        "notifications. Calendar feeds stop.",
        "Shifts to come: they stay as they are, but nobody is told of them and no phone rings for them.",
        "Numbers: they answer with the sentence that the line is closed. They stay the customer's until the erasure, "
        "and are given back to Twilio then. A call under way goes on to its end.",
        "Call-backs and voicemail: they stay, but nobody sees them.",
        f"Until {day} “Undo deletion” brings all of it back, and everything can still be exported.",
        f"On {day} everything is erased, here, at Auth0 and at Twilio: people, rota, numbers, calls, recordings and "
        "exports. The audit log stays without anything readable of them. “Erase now” does it earlier.",
    )


def deletion_facts(customer: Customer) -> list[Fact]:
    """When a deleted customer was deleted, and when it is erased."""
    if not customer.is_deleted:
        return []
    erased = "under way" if customer.status == "erasing" else Moment(customer.erase_at)
    return [Fact("Deleted", Moment(customer.deleted_at)), Fact("Erasure", erased)]


def describe_end(customer: Customer, *, with_undo: bool = False) -> str:
    """When a customer of a list is erased, perhaps with the link that undoes its deletion."""
    if customer.status == "erasing":
        return "being erased"
    if not customer.is_deleted or customer.erase_at is None:
        return "—"
    text = f"erased on {format_day(customer.erase_at)}"
    if not with_undo:
        return text
    url = reverse("admin:accounts_customer_do", args=(quote(customer.id), "undo-deletion"))
    link = '{} · <a href="{}" aria-label="Undo the deletion of {}">Undo</a>'
    return format_html(link, text, url, customer.name)


def deletion_context(customer: Customer) -> dict[str, Any]:
    """What the page of an export needs to offer the deletion: nothing of a deleted customer."""
    if customer.is_deleted:
        return {}
    return {
        "deletion": describe_deletion(operators.now()),
        "deletion_form": ConfirmNameForm(name=str(customer.name)),
        "deletion_url": reverse("admin:accounts_customer_do", args=(quote(customer.id), BUTTONS[0].name)),
    }


def _name_of(obj: Any) -> str:
    return str(obj.record.name)


BUTTONS = (
    Button(
        "delete-customer",
        "Delete customer",
        "The customer leaves: it is closed at once and erased later.",
        run_command(customer_deletion.delete_customer, "{obj} is deleted. “Undo deletion” restores it."),
        required_right=operators.LEAD,
        is_available=lambda obj: not obj.record.is_deleted,
        confirmation_name=_name_of,
        details=lambda obj: describe_deletion(operators.now()),
    ),
    Button(
        "undo-deletion",
        "Undo deletion",
        "The customer does not leave, or not yet.",
        run_command(customer_deletion.restore_customer, "{obj} is restored.", of_deleted_customers=True),
        required_right=operators.LEAD,
        is_available=lambda obj: obj.record.status == "deleted",
        is_for_closed_customers=True,
        details=lambda obj: RESTORED,
    ),
    Button(
        "erase-customer",
        "Erase now",
        "For a customer who wants everything erased before the time to undo the deletion is over.",
        run_command(
            customer_deletion.erase_customer_now,
            "{obj} is erased within minutes, in the background.",
            of_deleted_customers=True,
        ),
        required_right=operators.LEAD,
        is_available=lambda obj: obj.record.status == "deleted",
        is_for_closed_customers=True,
        confirmation_name=_name_of,
        details=lambda obj: ERASED,
    ),
)
