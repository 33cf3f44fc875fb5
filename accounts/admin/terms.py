"""Terms: who accepted which documents. Read only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from accounts.admin.operator_commands import actor_for
from accounts.admin.projected import TermsAcceptance
from accounts.models import User
from accounts.terms import acceptance
from config import dynamodb
from config.backoffice import operators
from config.backoffice.links import link_to
from config.backoffice.record_admin import RecordAdmin


@admin.register(TermsAcceptance)
class TermsAdmin(RecordAdmin):
    """The terms that a person accepted."""

    section, icon, customer_field = "Records", "gavel", None
    choose_customer_hint = "Open a person and follow “Terms acceptances”."
    ordering = ("version",)
    list_display = ("version", "accepted_at", "person")
    fields = ("version", "accepted_at", "person", "texts", "locale", "accepted_by", "attested_by")

    def owner_of(self, obj: Any) -> str | None:
        return str(obj.record.user_id)

    def person(self, obj: Any) -> str:
        """The person; the account may be deleted."""
        user_id = str(obj.record.user_id)
        user = dynamodb.get_record(User, user_id)
        return link_to("accounts", "user", user_id, str(user.name)) if user else "a deleted account"

    def texts(self, obj: Any) -> str:
        """Each text with its version and SHA-256."""
        names = ("document", "version", "locale", "sha256")
        rows = [[document[name] for name in names] for document in obj.record.documents]
        return format_html_join("", "<div>{} {} ({}) <code>{}</code></div>", rows)

    def accepted_by(self, obj: Any) -> str:
        """Who accepted, and from where: the encrypted part of the record."""
        decrypted = acceptance.decrypt_acceptance(obj.record)
        shown_elsewhere = ("documents", "acceptedAt", "entryId", "version")
        return ", ".join(
            f"{name}: {value}" for name, value in decrypted.items() if value and name not in shown_elsewhere
        )

    def attested_by(self, obj: Any) -> str:
        """The id of the audit entry."""
        return str(obj.record.entry_id)

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """Record the view: the page shows personal data."""
        acceptance.audit_acceptance_view(obj.record, actor=actor_for(request, obj), at=operators.now())
