"""Calls: who was rung, why, what came of it, and the voicemail."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_safe
from unfold.decorators import display

from accounts import locations
from accounts.admin import operator_actor
from config.backoffice import operator_actor as at_the_door
from config.backoffice.badges import STATUS
from config.backoffice.columns import linked
from config.backoffice.record_admin import CUSTOMER, RecordAdmin, list_of, page_of
from telephony.admin.projected import Call
from telephony.calls import access_log, call_record, recordings

MOST_PLACES = 200


@admin.register(Call)
class CallAdmin(RecordAdmin):
    """Calls to a location, newest first."""

    section, icon = "Telephony", "phone_callback"
    of_customer = None
    whose = "Calls are listed by location; choose a customer to see its locations here."
    ordering = ("-started_at",)
    list_display = ("started_at", "caller", "state", "seconds", "recorded")
    list_filter = ("outcome",)
    fields = (
        *("started_at", "ended_at", "seconds", "caller", "number", "state", "taken_by"),
        *("people", "happened", "recordings_"),
    )
    readonly_fields = ("state", "taken_by", "people", "happened", "recordings_")

    @display(description="Outcome", label=STATUS)
    def state(self, obj: Any) -> str:
        return str(obj.kept.outcome)

    @display(description="Recorded")
    def recorded(self, obj: Any) -> str:
        return ", ".join(one.kind for one in call_record.recordings(obj.kept)) or "—"

    @display(description="Taken by")
    def taken_by(self, obj: Any) -> str:
        who = obj.kept.answered_by
        return linked("accounts", "user", who) if who and who.startswith("usr_") else who or "—"

    @display(description="Considered")
    def people(self, obj: Any) -> str:
        rows = [
            (one.name or one.id, one.why, one.why_not or "rung")
            for one in call_record.people_of(obj.kept)
        ]
        return format_html_join("", "<div>{}: {}, {}</div>", rows) or "nobody"

    @display(description="What happened")
    def happened(self, obj: Any) -> str:
        rows = []
        for event in call_record.events(obj.kept):
            more = ", ".join(f"{n}: {v}" for n, v in event.items() if n not in ("at", "kind") and v)
            rows.append((str(event.get("at", ""))[11:19], event.get("kind", ""), more))
        return format_html_join("", "<div>{} <b>{}</b> {}</div>", rows)

    @display(description="Recordings")
    def recordings_(self, obj: Any) -> str:
        rows = []
        for one in call_record.recordings(obj.kept):
            if not one.file:
                rows.append(format_html("<div>{}: still being fetched</div>", one.kind))
                continue
            url = reverse("admin:call_sound", args=(obj.pk, one.kind))
            player = '<audio controls preload="none" src="{}" aria-label="{}"></audio>'
            sound = format_html(player, url, one.kind)
            rows.append(format_html("<div>{}, {} s {}</div>", one.kind, one.seconds, sound))
        return format_html_join("", "{}", ((row,) for row in rows)) or "none"

    def ways(self, request: HttpRequest) -> list[tuple[str, str]]:
        customer = request.session.get(CUSTOMER)
        if not customer:
            return []
        actor = operator_actor.actor(request, customer["id"])
        found = locations.within_reach(actor, limit=MOST_PLACES, start=None).records
        return [
            (place.name, list_of("telephony", "call", location_id__exact=str(place.id)))
            for place in found
        ]

    def find(self, term: str) -> str | None:
        return term if call_record.is_id(term) and self.model.get(term) else None

    def looked(self, request: HttpRequest, obj: Any) -> None:
        """It shows who called, so the audit says who looked."""
        actor = operator_actor.actor(request, str(obj.kept.customer_id))
        access_log.looked_at(obj.kept, actor=actor, at=at_the_door.now())

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        kept = obj.kept
        return {
            "links": [
                ("Customer", page_of("accounts", "customer", kept.customer_id)),
                ("Location", page_of("accounts", "location", kept.location_id)),
                ("Number", page_of("telephony", "phonenumber", kept.number)),
                ("Calls", list_of("telephony", "call", location_id__exact=kept.location_id)),
                ("Audit", list_of("config", "auditentry", stream__exact=kept.customer_id)),
            ]
        }

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.sound))
        return [
            path("<str:call_id>/sound/<slug:kind>/", view, name="call_sound"),
            *super().get_urls(),
        ]

    def sound(self, request: HttpRequest, call_id: str, kind: str) -> HttpResponse:
        """What was recorded, as WAV; listening is noted."""
        call = self.model.get(call_id)
        customer_id = str(call.kept.customer_id) if call else ""
        actor = operator_actor.actor(request, customer_id)
        now = at_the_door.now()
        found = recordings.sound(call_id, kind=kind, actor=actor, at=now)
        access_log.listened(call.kept, kind, actor=actor, at=now)
        answer = HttpResponse(found, content_type="audio/wav")
        answer["Content-Disposition"] = "inline"
        return answer
