"""Terms: the proofs of who accepted which texts; never changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

from accounts.admin import operator_actor
from accounts.admin.projected import TermsAcceptance
from accounts.terms import acceptance
from config.backoffice import operator_actor as at_the_door
from config.backoffice.record_admin import RecordAdmin, page_of


@admin.register(TermsAcceptance)
class TermsAdmin(RecordAdmin):
    """What a person accepted, and when."""

    section, icon = "Records", "gavel"
    of_customer = None
    whose = "Open a person and follow “Terms accepted”: proofs are kept by person."
    ordering = ("version",)
    list_display = ("version", "accepted_at", "user_id")
    fields = ("version", "accepted_at", "person", "texts", "locale", "who", "attested_by")
    readonly_fields = ("person", "texts", "who", "attested_by")

    def person(self, obj: Any) -> str:
        """Whose proof it is; the account may be gone."""
        url = page_of("accounts", "user", obj.kept.user_id)
        return format_html('<a href="{}">{}</a>', url, obj.kept.user_id)

    def texts(self, obj: Any) -> str:
        """Each text with its version and SHA-256."""
        names = ("document", "version", "locale", "sha256")
        rows = [[one[name] for name in names] for one in obj.kept.documents]
        return format_html_join("", "<div>{} {} ({}) <code>{}</code></div>", rows)

    def who(self, obj: Any) -> str:
        """Who it was and from where, from the sealed part of the proof."""
        told = acceptance.opened(obj.kept)
        plain = ("documents", "acceptedAt", "entryId", "version")
        return ", ".join(f"{n}: {value}" for n, value in told.items() if value and n not in plain)

    def attested_by(self, obj: Any) -> str:
        """The audit entry that vouches for it."""
        return str(obj.kept.entry_id)

    def looked(self, request: HttpRequest, obj: Any) -> None:
        """It shows who somebody is, so the audit says who looked."""
        actor = operator_actor.actor(request, str(obj.kept.customer_id))
        acceptance.looked_at(obj.kept, actor=actor, at=at_the_door.now())
