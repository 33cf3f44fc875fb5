"""The outbox in the back office: work that failed for good, and work that waits."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from config import dynamodb, outbox
from config.admin import dead_letters
from config.backoffice import audit_context, operator_permissions
from config.backoffice.attention import Panel, PanelItem
from config.backoffice.badges import STATUS_COLORS
from config.backoffice.columns import link_to, to_json
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, admin_change_url, admin_list_url
from config.backoffice.records.models import Projection

PANEL_SIZE = 10
LATE_AFTER_SECONDS = 120
"""Seconds after which due work is late."""


class OutboxEntry(Projection, record=outbox.OutboxMessage):
    """Work that must still happen."""

    class Meta:
        verbose_name = "outbox entry"
        verbose_name_plural = "outbox"

    def __str__(self) -> str:
        return f"{self.record.task} {self.record.id}"


def _revive(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = audit_context.operator_author(request, obj.record.author["customer"])
    dead_letters.retry_dead_letter(obj.pk, author=author, at=audit_context.current_time())
    return f"{obj.record.task} is tried again."


def _give_up(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = audit_context.operator_author(request, obj.record.author["customer"])
    dead_letters.discard_dead_letter(obj.pk, author=author, at=audit_context.current_time())
    return f"{obj.record.task} is given up."


class OutboxStateFilter(admin.SimpleListFilter):
    """Dead entries, or those that wait."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting or due")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        shards = outbox.SHARDS if self.value() == "waiting" else (outbox.DEAD_LETTER_SHARD,)
        return queryset.filter(shard__in=shards)

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | ({"display": "Dead"} if choice["display"] == "All" else {})


@admin.register(OutboxEntry)
class OutboxAdmin(RecordAdmin):
    """Work that failed for good, and work that waits."""

    section, icon = "House", "outbox"
    customer_field = None
    ordering = ("due_at",)
    list_display = ("task", "state", "due_at", "attempts", "error", "customer")
    list_filter = (OutboxStateFilter,)
    actions = ("revive",)
    fields = (
        *("task", "state", "error", "due_at", "first_due_at", "attempts", "deferrals"),
        *("progress", "arguments_json", "requested_by", "customer"),
    )
    readonly_fields = ("state", "arguments_json", "requested_by", "customer")
    buttons = (
        Button(
            "revive",
            "Revive",
            "It is tried again at once, from its beginning; what it did already it does no second time.",
            _revive,
            is_available=lambda obj: obj.record.shard == outbox.DEAD_LETTER_SHARD,
        ),
        Button(
            "give-up",
            "Give up",
            "It is forgotten: what it was for will not happen.",
            _give_up,
            required_right=operator_permissions.LEAD,
            is_available=lambda obj: obj.record.shard == outbox.DEAD_LETTER_SHARD,
            confirmation_name=lambda obj: str(obj.record.task),
        ),
    )

    @display(description="State", label=STATUS_COLORS)
    def state(self, obj: Any) -> str:
        if obj.record.shard == outbox.DEAD_LETTER_SHARD:
            return "dead"
        return "due" if obj.record.due_at <= audit_context.current_time() else "waiting"

    @display(description="Arguments")
    def arguments_json(self, obj: Any) -> str:
        """Ids only: an errand's arguments hold no personal data."""
        return to_json(dict(obj.record.arguments))

    @display(description="In whose name")
    def requested_by(self, obj: Any) -> str:
        return f"{obj.record.author['type']} {obj.record.author['id']}"

    @display(description="Customer")
    def customer(self, obj: Any) -> str:
        return link_to("accounts", "customer", obj.record.author["customer"])

    @admin.action(description="Revive", permissions=["revive"])
    def revive(self, request: HttpRequest, queryset: Any) -> None:
        """Let the chosen entries try again."""

        def revive_entry(obj: Any) -> None:
            _revive(request, obj, {})

        self.apply_to_selected(request, queryset, revive_entry, "revived")

    def has_revive_permission(self, request: HttpRequest) -> bool:
        """Who may write."""
        return operator_permissions.has_right(request, operator_permissions.WRITE)


def outbox_panels(_: str | None) -> list[Panel]:
    """Work that failed for good, and how long the oldest waits."""
    now = audit_context.current_time()
    index_entries = dynamodb.query_records(
        outbox.OutboxMessage,
        "#shard = :dead",
        {":dead": {"S": outbox.DEAD_LETTER_SHARD}},
        IndexName="byDue",
        Limit=PANEL_SIZE + 1,
    )
    batch = dynamodb.batch_get(
        dynamodb.RecordKey(outbox.OutboxMessage, entry.id) for entry in index_entries[:PANEL_SIZE]
    )
    dead_entries = [
        dead_entry for entry in index_entries[:PANEL_SIZE] if (dead_entry := batch.get(outbox.OutboxMessage, entry.id))
    ]
    items = [
        PanelItem(entry.task, admin_change_url("config", "outboxentry", entry.id), entry.error or "")
        for entry in dead_entries
    ]
    outbox_url = admin_list_url("config", "outboxentry")
    oldest_due_seconds = outbox.read_outbox_status(now).oldest_due_seconds
    late_items = (
        [PanelItem(f"The oldest due entry waits {oldest_due_seconds:.0f} seconds")]
        if oldest_due_seconds > LATE_AFTER_SECONDS
        else []
    )
    return [
        Panel(
            "Failed work",
            items,
            "Nothing failed.",
            outbox_url,
            on_customer_page=False,
            has_more=len(index_entries) > PANEL_SIZE,
        ),
        Panel(
            "Outbox",
            late_items,
            f"The oldest due entry waits {oldest_due_seconds:.0f} s.",
            outbox_url,
            on_customer_page=False,
        ),
    ]
