"""The outbox: dead letters, and messages that wait."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from config import outbox
from config.admin import dead_letters
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.backoffice.links import Panel, PanelItem, admin_list_url, link_to, to_json
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.records.models import Projection

LATE_AFTER_SECONDS = 120
"""Seconds after which a due message is late."""


class OutboxEntry(Projection, record=outbox.OutboxMessage):
    """A message of the outbox."""

    class Meta:
        verbose_name = "outbox message"

    def __str__(self) -> str:
        return f"{self.record.task} {self.record.id}"


def _retry(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = operators.author_of(request, obj.record.author["customer"])
    dead_letters.retry_dead_letter(obj.pk, author=author, at=operators.now())
    return f"{obj.record.task} will be retried."


def _discard(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = operators.author_of(request, obj.record.author["customer"])
    dead_letters.discard_dead_letter(obj.pk, author=author, at=operators.now())
    return f"{obj.record.task} was discarded."


class OutboxStateFilter(admin.SimpleListFilter):
    """Dead letters, or messages that wait."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting or due")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        shards = outbox.SHARDS if self.value() == "waiting" else (outbox.DEAD_LETTER_SHARD,)
        return queryset.filter(shard__in=shards)

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | ({"display": "Dead letters"} if choice["display"] == "All" else {})


@admin.register(OutboxEntry)
class OutboxAdmin(RecordAdmin):
    """Dead letters, and messages that wait."""

    section, icon, customer_field = "Platform", "outbox", None
    ordering = ("due_at",)
    list_display = ("task", "state", "due_at", "attempts", "error", "customer")
    list_filter = (OutboxStateFilter,)
    fields = (
        *("task", "state", "error", "due_at", "first_due_at", "attempts", "deferrals"),
        *("progress", "arguments_json", "requested_by", "customer"),
    )
    buttons = (
        Button(
            "revive",  # in the URL
            "Retry",
            "Runs the task again now. Steps that are already done are skipped.",
            _retry,
            is_available=lambda obj: obj.record.shard == outbox.DEAD_LETTER_SHARD,
            bulk_outcome="retried",
        ),
        Button(
            "give-up",
            "Discard",
            "Deletes the message. Its task will never run.",
            _discard,
            required_right=operators.LEAD,
            is_available=lambda obj: obj.record.shard == outbox.DEAD_LETTER_SHARD,
            confirmation_name=lambda obj: str(obj.record.task),
        ),
    )

    def owner_of(self, obj: Any) -> str | None:
        return str(obj.record.author["customer"])

    @display(description="State", label={"dead": "danger", "due": "warning", "waiting": "info"})
    def state(self, obj: Any) -> str:
        if obj.record.shard == outbox.DEAD_LETTER_SHARD:
            return "dead"
        return "due" if obj.record.due_at <= operators.now() else "waiting"

    @display(description="Arguments")
    def arguments_json(self, obj: Any) -> str:
        """The arguments, which are ids: a message holds no personal data."""
        return to_json(dict(obj.record.arguments))

    @display(description="Requested by")
    def requested_by(self, obj: Any) -> str:
        return f"{obj.record.author['type']} {obj.record.author['id']}"

    @display(description="Customer")
    def customer(self, obj: Any) -> str:
        return link_to("accounts", "customer", obj.record.author["customer"])


def outbox_panels(_: str | None) -> list[Panel]:
    """A late message; dead letters are on the board."""
    seconds = outbox.read_outbox_status(operators.now()).oldest_due_seconds
    delay = f"The oldest due message has waited for {seconds:.0f} seconds." if seconds >= 1 else "No message is late."
    late_items = [PanelItem(delay)] if seconds > LATE_AFTER_SECONDS else []
    return [Panel("Late outbox messages", late_items, delay, admin_list_url("config", "outboxentry"))]
