"""The outbox in the back office: work that failed for good, and work that waits."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from config import dynamodb, outbox
from config.admin import dead_letters
from config.backoffice import operator_actor, operator_permissions
from config.backoffice.attention import Item, Panel
from config.backoffice.badges import STATUS
from config.backoffice.columns import as_json, linked
from config.backoffice.forms.actions import Button
from config.backoffice.record_admin import RecordAdmin, list_of, page_of
from config.backoffice.records.models import Projection

SHOWN = 10
LATE = 120
"""Seconds after which due work is late."""


class OutboxEntry(Projection, record=outbox.OutboxEntry):
    """Work that must still happen."""

    class Meta:
        verbose_name = "outbox entry"
        verbose_name_plural = "outbox"

    def __str__(self) -> str:
        return f"{self.kept.task} {self.kept.id}"


def _revive(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = operator_actor.author(request, obj.kept.author["customer"])
    dead_letters.revive(obj.pk, author=author, at=operator_actor.now())
    return f"{obj.kept.task} is tried again."


def _give_up(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    author = operator_actor.author(request, obj.kept.author["customer"])
    dead_letters.give_up(obj.pk, author=author, at=operator_actor.now())
    return f"{obj.kept.task} is given up."


class StateFilter(admin.SimpleListFilter):
    """Dead entries, or those that wait."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("waiting", "Waiting or due")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        shards = outbox.SHARDS if self.value() == "waiting" else (outbox.DEAD,)
        return queryset.filter(shard__in=shards)

    def choices(self, changelist: Any) -> Any:
        for choice in super().choices(changelist):
            yield choice | ({"display": "Dead"} if choice["display"] == "All" else {})


@admin.register(OutboxEntry)
class OutboxAdmin(RecordAdmin):
    """Work that failed for good, and work that waits."""

    section, icon = "House", "outbox"
    of_customer = None
    ordering = ("due_at",)
    list_display = ("task", "state", "due_at", "attempts", "error", "customer")
    list_filter = (StateFilter,)
    actions = ("revive",)
    fields = (
        *("task", "state", "error", "due_at", "first_due_at", "attempts", "deferrals"),
        *("progress", "told", "cause", "customer"),
    )
    readonly_fields = ("state", "told", "cause", "customer")
    buttons = (
        Button(
            "revive",
            "Revive",
            "It is tried again at once, from its beginning; what it did already it does no "
            "second time.",
            _revive,
            when=lambda obj: obj.kept.shard == outbox.DEAD,
        ),
        Button(
            "give-up",
            "Give up",
            "It is forgotten: what it was for will not happen.",
            _give_up,
            right=operator_permissions.LEAD,
            when=lambda obj: obj.kept.shard == outbox.DEAD,
            name_of=lambda obj: str(obj.kept.task),
        ),
    )

    @display(description="State", label=STATUS)
    def state(self, obj: Any) -> str:
        if obj.kept.shard == outbox.DEAD:
            return "dead"
        return "due" if obj.kept.due_at <= operator_actor.now() else "waiting"

    @display(description="Arguments")
    def told(self, obj: Any) -> str:
        """Ids only: an errand's arguments hold no personal data."""
        return as_json(dict(obj.kept.arguments))

    @display(description="In whose name")
    def cause(self, obj: Any) -> str:
        return f"{obj.kept.author['type']} {obj.kept.author['id']}"

    @display(description="Customer")
    def customer(self, obj: Any) -> str:
        return linked("accounts", "customer", obj.kept.author["customer"])

    @admin.action(description="Revive", permissions=["revive"])
    def revive(self, request: HttpRequest, queryset: Any) -> None:
        """Let the chosen entries try again."""

        def one(obj: Any) -> None:
            _revive(request, obj, {})

        self.in_bulk(request, queryset, one, "revived")

    def has_revive_permission(self, request: HttpRequest) -> bool:
        """Who may write."""
        return operator_permissions.may(request, operator_permissions.WRITE)


def attention(_: str | None) -> list[Panel]:
    """Work that failed for good, and how long the oldest waits."""
    now = operator_actor.now()
    dead = dynamodb.query(
        outbox.OutboxEntry,
        "#shard = :dead",
        {":dead": {"S": outbox.DEAD}},
        IndexName="byDue",
        Limit=SHOWN + 1,
    )
    entries = dynamodb.fetch(dynamodb.Key(outbox.OutboxEntry, one.id) for one in dead[:SHOWN])
    kept = [found for one in dead[:SHOWN] if (found := entries.get(outbox.OutboxEntry, one.id))]
    items = [
        Item(one.task, page_of("config", "outboxentry", one.id), one.error or "") for one in kept
    ]
    outbox_url = list_of("config", "outboxentry")
    age = outbox.state(now).oldest_due_seconds
    late = [Item(f"The oldest due entry waits {age:.0f} seconds")] if age > LATE else []
    return [
        Panel(
            "Failed work",
            items,
            "Nothing failed.",
            outbox_url,
            of_customer=False,
            more=len(dead) > SHOWN,
        ),
        Panel(
            "Outbox",
            late,
            f"The oldest due entry waits {age:.0f} s.",
            outbox_url,
            of_customer=False,
        ),
    ]
