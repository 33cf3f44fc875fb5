"""Calls: which phones rang and why, the outcome, and recordings."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe
from unfold.decorators import display

from accounts import locations
from accounts.admin.operator_commands import actor_for, operator_actor
from accounts.admin.projected import Location
from config import dynamodb, phone_numbers
from config.api import ranges
from config.backoffice import clock, operators
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.page_customer import get_page_customer
from config.backoffice.record_admin import RecordAdmin
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader, Tone
from config.backoffice.records.list_filters import PeriodFilter
from telephony.admin import demand_page, readable
from telephony.admin.call_buttons import CALL_BUTTONS
from telephony.admin.ladder.page import build_page, load_story
from telephony.admin.projected import Call
from telephony.calls import recordings
from telephony.calls.history import caller_calls, own_calls, queries
from telephony.calls.state.call_record import CallRecord
from telephony.twilio import voice

MAX_LOCATIONS, MAX_NAMES = 200, 3
OUTCOMES = {
    "answered": "success",
    "voicemail": "info",
    "missed": "danger",
    "closed": "warning",
    "ringing": "warning",
    "blocked": "info",
}
OUTCOME_TONES: Mapping[str, Tone] = {
    "answered": "good",
    "voicemail": "info",
    "missed": "danger",
    "closed": "warning",
    "ringing": "info",
    "blocked": "neutral",
}


class StartedFilter(PeriodFilter):
    """When calls began."""

    attribute = "started_at"


@admin.register(Call)
class CallAdmin(RecordAdmin):
    """Calls to a location, newest first."""

    section, icon, customer_field = "Telephony", "phone_callback", None
    choose_customer_hint = (
        "Calls are listed by location. Choose a customer, then a location. If it is not here, find it above."
    )
    ordering, sort_column = ("-started_at",), "started_label"
    list_display = (
        *("started_label", "location_link", "caller_label", "state", "ringing_people", "answered_by_link"),
        *("seconds", "recording_kinds"),
    )
    list_filter = ("outcome", StartedFilter)
    search_help_text = "A caller's number, or an id"
    fields = (
        *("location_link", "number", "ended_label", "seconds"),
        *("recording_labels", "listeners", "callback_link"),
    )

    buttons = CALL_BUTTONS
    change_form_template = "backoffice/call.html"

    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        call, context = obj.record, self._context(obj)
        zone = context.zones.get(str(call.location_id))
        outcome = str(call.outcome)
        return RecordHeader(
            name=str(obj)[:1].upper() + str(obj)[1:],
            badge=Badge(outcome, OUTCOME_TONES[outcome]),
            facts=[
                Fact("Began", Moment(call.started_at, zone)),
                Fact("Caller", self.caller_label(obj)),
                Fact("Answered by", context.person(call.answered_by)),
            ],
        )

    @display(description="Began", ordering="started_at")
    def started_label(self, obj: Any) -> str:
        return self._context(obj).time(obj.record.started_at, str(obj.record.location_id))

    @display(description="Ended")
    def ended_label(self, obj: Any) -> str:
        return self._context(obj).time(obj.record.ended_at, str(obj.record.location_id))

    @display(description="Location")
    def location_link(self, obj: Any) -> str:
        return self._context(obj).location(str(obj.record.location_id))

    @display(description="Caller")
    def caller_label(self, obj: Any) -> str:
        if obj.record.erased_at:
            return "erased on request"
        return phone_numbers.to_readable(str(obj.record.caller)) or "withheld"

    @display(description="Outcome", label=OUTCOMES)
    def state(self, obj: Any) -> str:
        return str(obj.record.outcome)

    @display(description="Recorded")
    def recording_kinds(self, obj: Any) -> str:
        return ", ".join(recording.kind for recording in CallRecord(obj.record).recordings) or "—"

    @display(description="Rang")
    def ringing_people(self, obj: Any) -> str:
        """Whose phones rang, in order."""
        names = [self._context(obj).name(id) for id in _list_ringing(obj.record)]
        more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
        return ", ".join(names[:MAX_NAMES]) + more or "nobody"

    @display(description="Answered by")
    def answered_by_link(self, obj: Any) -> str:
        return self._context(obj).person(obj.record.answered_by)

    @display(description="Recordings")
    def recording_labels(self, obj: Any) -> str:
        rows = []
        for recording in CallRecord(obj.record).recordings:
            if not recording.file:
                rows.append(format_html("<div>{}: not available yet</div>", recording.kind))
                continue
            rows.append(format_html("<div>{}, {} s</div>", recording.kind, recording.seconds))
        return format_html_join("", "{}", ((row,) for row in rows)) or "None"

    @display(description="Listened")
    def listeners(self, obj: Any) -> str:
        context, location_id = self._context(obj), str(obj.record.location_id)
        listeners = own_calls.list_listeners(obj.record)
        rows = [(context.person(user_id), context.time(at, location_id)) for user_id, at in listeners]
        return format_html_join("", "<div>{}, {}</div>", rows) or "Nobody"

    @display(description="Call-back")
    def callback_link(self, obj: Any) -> str:
        return link_to("telephony", "callback", obj.record.callback_id, "to this caller")

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        call = CallRecord(obj.record)
        context = self._context(obj)
        ladder = build_page(call, context, obj.shifts, obj.others)
        return {**super().page_context(request, obj), "ladder": ladder}

    def _context(self, obj: Any) -> readable.Context:
        """Names and zones for the page of a call: of all who are in its story."""
        if not hasattr(obj, "context"):
            obj.context, obj.shifts, obj.others = load_story(CallRecord(obj.record))
        context: readable.Context = obj.context
        return context

    def load_related(self, objects: Any) -> None:
        readable.attach_contexts(objects, lambda record: [record.answered_by, *_list_ringing(record)])

    def customer_filters(self, customer_id: str) -> dict[str, str]:
        return {"customer_id__exact": customer_id}

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        customer = get_page_customer(request)
        if not customer:
            return super().list_links(request)
        actor = operator_actor(request, customer.id)
        reachable = locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None).records
        return [
            (location.name, admin_list_url("telephony", "call", location_id__exact=str(location.id)))
            for location in reachable
        ]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term[:400].strip()[:200]
        if not term or self.find_pk(term):
            return super().get_search_results(request, queryset, search_term)
        location = Location.get(request.GET.get("location_id__exact", ""))
        zone = location.record.time_zone if location else ""
        return queryset.filter(readable.caller_condition(term, zone)), False

    def find_pk(self, term: str) -> str | None:
        return term if voice.is_call_sid(term) and self.model.get(term) else None

    def find_others(self, text: str) -> list[Any]:
        return caller_calls.find_calls_of_caller(text)

    def keys_of_names(self, record: Any) -> list[dynamodb.RecordKey]:
        return [locations.location_key(record.location_id)]

    def describe_result(self, record: Any, names: dynamodb.BatchResult) -> dict[str, Any]:
        location = locations.find_location_in(names, record.location_id, record.customer_id)
        local = record.started_at.astimezone(ZoneInfo(location.time_zone if location else "UTC"))
        preposition, outcome = "to" if record.direction == "out" else "from", str(record.outcome)
        caller = phone_numbers.to_readable(str(record.caller))
        name = f"Call {preposition} {caller}, {clock.format_day_time(local)} {local:%Z}"
        badge = Badge(outcome, OUTCOME_TONES[outcome])
        return {"name": name, "detail": str(location.name) if location else "", "badge": badge}

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """Record the view: the page shows the caller's number."""
        queries.log_call_viewed(obj.record, actor=actor_for(request, obj), at=operators.now())

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        call = obj.record
        return [
            ("Customer", admin_change_url("accounts", "customer", call.customer_id)),
            ("Location", admin_change_url("accounts", "location", call.location_id)),
            ("Number", admin_change_url("telephony", "phonenumber", call.number)),
            ("Calls", admin_list_url("telephony", "call", location_id__exact=call.location_id)),
            ("Audit", admin_list_url("config", "auditentry", stream__exact=call.customer_id)),
        ]

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.recording_view))
        demand_view = self.admin_site.admin_view(require_safe(demand_page.location_demand))
        return [
            path("<str:call_id>/sound/<slug:kind>/", view, name="call_sound"),
            path("by-hour/<str:location_id>/", demand_view, name="location_demand"),
            *super().get_urls(),
        ]

    def recording_view(self, request: HttpRequest, call_id: str, kind: str) -> HttpResponseBase:
        """A recording as WAV; audited."""
        call = self.model.get(call_id)
        actor = operator_actor(request, str(call.record.customer_id) if call else "")
        now = operators.now()
        wav = recordings.find_recording(call_id, kind=kind, actor=actor, at=now)
        queries.log_recording_played(call.record, kind, actor=actor, at=now)
        response = ranges.file_response(request, wav, "audio/wav", disposition="inline")
        response["Cache-Control"] = "no-store"
        return response


def _list_ringing(record: Any) -> list[str]:
    """The people and numbers whose phones rang, in order."""
    events = CallRecord(record).events
    return list(dict.fromkeys(str(event["who"]) for event in events if event["kind"] == "rung" and event.get("who")))
