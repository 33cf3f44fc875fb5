"""Terms: the proofs of who accepted which texts; never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from accounts.admin import operator_actor
from accounts.admin.projected import TermsAcceptance
from accounts.terms import acceptance
from config.backoffice import audit_context
from config.backoffice.record_admin import RecordAdmin, admin_change_url


@admin.register(TermsAcceptance)
class TermsAdmin(RecordAdmin):
    """What a person accepted, and when."""

    section, icon = "Records", "gavel"
    customer_field = None
    choose_customer_hint = "Open a person and follow “Terms accepted”: proofs are kept by person."
    ordering = ("version",)
    list_display = ("version", "accepted_at", "user_id")
    fields = ("version", "accepted_at", "person", "texts", "locale", "accepted_by", "attested_by")
    readonly_fields = ("person", "texts", "accepted_by", "attested_by")

    def person(self, obj: Any) -> str:
        """Whose proof it is; the account may be gone."""
        url = admin_change_url("accounts", "user", obj.record.user_id)
        return format_html('<a href="{}">{}</a>', url, obj.record.user_id)

    def texts(self, obj: Any) -> str:
        """Each text with its version and SHA-256."""
        names = ("document", "version", "locale", "sha256")
        rows = [[document[name] for name in names] for document in obj.record.documents]
        return format_html_join("", "<div>{} {} ({}) <code>{}</code></div>", rows)

    def accepted_by(self, obj: Any) -> str:
        """Who it was and from where, from the sealed part of the proof."""
        decrypted = acceptance.decrypt_acceptance(obj.record)
        shown_elsewhere = ("documents", "acceptedAt", "entryId", "version")
        return ", ".join(
            f"{name}: {value}" for name, value in decrypted.items() if value and name not in shown_elsewhere
        )

    def attested_by(self, obj: Any) -> str:
        """The audit entry that vouches for it."""
        return str(obj.record.entry_id)

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """It shows who somebody is, so the audit says who looked."""
        actor = operator_actor.actor(request, str(obj.record.customer_id))
        acceptance.audit_acceptance_view(obj.record, actor=actor, at=audit_context.current_time())
