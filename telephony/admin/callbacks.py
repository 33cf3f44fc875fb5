"""Call-backs: callers who wait for somebody, and who has taken them."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from accounts import locations
from accounts.admin.operator_commands import actor_for, operator_actor, run_command
from config import dynamodb, phone_numbers
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.page_customer import get_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader, Tone
from telephony.admin import readable
from telephony.admin.projected import Callback
from telephony.callbacks import closing, holding, queries
from telephony.calls.history import own_calls
from telephony.models import Call

STATUSES = {"open": "danger", "taken": "warning", "done": "success", "dropped": "info"}
STATUS_NAMES = {"open": "open", "taken": "taken", "done": "done", "dropped": "closed without a call"}
STATUS_TONES: Mapping[str, Tone] = {"open": "danger", "taken": "warning", "done": "good", "dropped": "neutral"}
OUTCOMES = {"reached": "reached", "no_answer": "nobody answered", "wrong_number": "wrong number", "spam": "spam"}
QUEUES = (("1#", "Open"), ("2#", "Taken"), ("3#", "Closed"))
MAX_LOCATIONS, MAX_CALLS = 200, 50


class StatusFilter(admin.SimpleListFilter):
    """Call-backs by status: each is a part of the queue, so that no others are read."""

    title, parameter_name = "status", "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        return QUEUES

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() in dict(QUEUES):
            return queryset.filter(queue__startswith=self.value())
        return queryset


class ClosingForm(forms.Form):
    """How a call-back ended."""

    outcome = form_fields.choice_field("Outcome", [("", "Choose one"), *OUTCOMES.items()])
    note = form_fields.text_field(
        "Note", required=False, max_length=closing.MAX_NOTE_LENGTH, help_text="For whoever looks at it later."
    )


def _close(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    closing.close(
        obj.pk, form_data["outcome"], note=form_data["note"], actor=actor_for(request, obj), at=operators.now()
    )
    return "The call-back is closed."


@admin.register(Callback)
class CallbackAdmin(RecordAdmin):
    """Call-backs of a customer or a location: open ones first, by due time."""

    section, icon = "Telephony", "phone_missed"
    id_prefix, subject_type = "cbk", "call-back"
    ordering = ("queue",)
    list_display = ("location_label", "caller_label", "waiting", "due", "call_count", "holder", "state")
    list_display_links = ("location_label",)
    list_filter: ClassVar[Any] = (StatusFilter,)
    search_help_text = "A caller's number, or an id"
    fields = (
        *("location_link", "caller_label", "state", "waiting", "due", "call_count", "holder", "held_until"),
        *("result", "note_text", "call_list"),
    )

    buttons = (
        Button(
            "take",
            "Take this call-back",
            "You call the caller back, outside Dutyline. For two hours nobody else can take it; then it is open again.",
            run_command(holding.take, "You have taken the call-back."),
            is_available=lambda obj: obj.record.status == "open",
        ),
        Button(
            "release",
            "Release this call-back",
            "Others can take it; those on duty are told that the caller waits.",
            run_command(holding.release, "The call-back is open again."),
            is_available=lambda obj: obj.record.status == "taken",
        ),
        Button(
            "close",
            "Close",
            "Nobody calls back any more. The next missed call of the caller opens another call-back.",
            _close,
            is_available=lambda obj: not obj.record.is_closed,
            form=ClosingForm,
            bulk_outcome="closed",
        ),
    )

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=str(obj)[:1].upper() + str(obj)[1:],
            badge=Badge(STATUS_NAMES[str(record.status)], STATUS_TONES[str(record.status)]),
            facts=[
                Fact("Location", self.location_link(obj)),
                Fact("Waiting for", self.waiting(obj)),
                Fact("Taken by", self.holder(obj)),
                Fact("Due", Moment(record.due_at, self._context(obj).zones.get(str(record.location_id)))),
            ],
            primary="take",
        )

    @display(description="Location")
    def location_label(self, obj: Any) -> str:
        return str(self._context(obj).location_names.get(str(obj.record.location_id), "a removed location"))

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        return self._context(obj).location(str(obj.record.location_id))

    @display(description="Caller")
    def caller_label(self, obj: Any) -> str:
        return phone_numbers.to_readable(str(obj.record.caller)) or "withheld"

    @display(description="Waiting for")
    def waiting(self, obj: Any) -> str:
        return readable.waiting(obj.record)

    @display(description="Due")
    def due(self, obj: Any) -> str:
        return self._time(obj, obj.record.due_at)

    @display(description="Calls")
    def call_count(self, obj: Any) -> str:
        return str(int(obj.record.calls))

    @display(description="Taken by")
    def holder(self, obj: Any) -> str:
        return self._context(obj).person(obj.record.taken_by)

    @display(description="Taken until")
    def held_until(self, obj: Any) -> str:
        return "—" if obj.record.is_closed else self._time(obj, obj.record.taken_until)

    @display(description="Status", label=STATUSES)
    def state(self, obj: Any) -> str:
        return str(obj.record.status)

    @display(description="Outcome")
    def result(self, obj: Any) -> str:
        return OUTCOMES.get(str(obj.record.outcome), "—")

    @display(description="Note")
    def note_text(self, obj: Any) -> str:
        return str(obj.record.note or "—")

    @display(description="Calls of the caller")
    def call_list(self, obj: Any) -> str:
        """The calls with when, how they ended and who listened."""
        calls = _list_calls(obj.record)
        listeners = {call.id: [id for id, _ in own_calls.list_listeners(call)] for call in calls}
        location_id = str(obj.record.location_id)
        user_ids = [id for ids in listeners.values() for id in ids]
        context = readable.load_context(str(obj.record.customer_id), user_ids, [location_id])
        rows = [
            (
                link_to("telephony", "call", str(call.id), context.time(call.started_at, location_id)),
                call.outcome if call.direction == "in" else f"call-back, {call.outcome}",
                _heard_by([context.person(id) for id in listeners[call.id]], has_recording=bool(call.recordings)),
            )
            for call in calls
        ]
        return format_html_join("", "<div>{}: {}{}</div>", rows) or "None is stored any more"

    def _context(self, obj: Any) -> readable.Context:
        if not hasattr(obj, "context"):
            self.load_related([obj])
        context: readable.Context = obj.context
        return context

    def _time(self, obj: Any, at: Any) -> str:
        return self._context(obj).time(at, str(obj.record.location_id))

    def load_related(self, objects: Any) -> None:
        readable.attach_contexts(objects, lambda record: [record.taken_by])

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is closed matters the less the older it is."""
        return ("-queue",) if request.GET.get(StatusFilter.parameter_name) == "3#" else ("queue",)

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        customer = get_page_customer(request)
        if not customer:
            return super().list_links(request)
        actor = operator_actor(request, customer.id)
        page = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None)
        return [
            (str(location.name), admin_list_url("telephony", "callback", location_id__exact=str(location.id)))
            for location in page.records
        ]

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """Record the view: the page shows the caller's number."""
        queries.log_callback_viewed(obj.record, actor=actor_for(request, obj), at=operators.now())

    def search(self, queryset: Any, term: str) -> Any:
        if dynamodb.is_id("cbk", term):
            return queryset.filter(pk=term)
        return queryset.filter(readable.caller_condition(term))

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        record = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", record.customer_id)),
            ("Location", admin_change_url("accounts", "location", record.location_id)),
            ("Last call", admin_change_url("telephony", "call", record.call_id)),
            (
                "Call-backs of the location",
                admin_list_url("telephony", "callback", location_id__exact=record.location_id),
            ),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=record.customer_id)),
        ]


def _list_calls(record: Any) -> list[Call]:
    """The calls that opened or joined a call-back, and those that it made: the latest first."""
    values = {
        ":of": {"S": str(record.location_id)},
        ":low": {"S": dynamodb.format_timestamp(record.created_at - timedelta(hours=6))},
        ":high": {"S": dynamodb.format_timestamp(max(record.last_call_at, record.updated_at))},
        ":id": {"S": str(record.id)},
    }
    condition, expression = "#location_id = :of AND #started_at BETWEEN :low AND :high", "#callback_id = :id"
    arguments = dynamodb.query_arguments(Call, condition, values)
    arguments["ExpressionAttributeNames"] = dynamodb.expression_names(f"{condition} {expression}")
    response = dynamodb.call(
        "Query", **arguments, IndexName="byLocation", FilterExpression=expression, ScanIndexForward=False, Limit=1_000
    )
    calls = [Call.from_item(item) for item in response["Items"]][:MAX_CALLS]
    if str(record.call_id) not in {call.id for call in calls}:
        last_call = dynamodb.get_record(Call, str(record.call_id))
        calls += [last_call] if last_call else []
    return calls


def _heard_by(names: list[str], *, has_recording: bool) -> str:
    if not has_recording:
        return ""
    if not names:
        return ", nobody has listened"
    return format_html(", heard by {}", format_html_join(", ", "{}", ((name,) for name in names)))
