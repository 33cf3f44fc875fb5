"""Panels about phone numbers and call-backs."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.http import urlencode

from config import dynamodb, phone_numbers
from config.backoffice import clock, operators
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url
from config.board import items
from staffing.schedules import first_shifts
from telephony import problems
from telephony.admin import board, readable
from telephony.admin.numbers import STATUS_NAMES
from telephony.admin.projected import PhoneNumber
from telephony.models import Call, Callback

MAX_NUMBERS, MAX_ITEMS, PANEL_SIZE, MAX_CALLS = 50, 100, 10, 6
OUTCOME_WORDS = {
    "missed": "nobody answered",
    "voicemail": "nobody answered, left a message",
    "closed": "while closed",
    "blocked": "rejected: the caller is blocked",
    "ringing": "under way",
}


def telephony_panels(customer_id: str) -> list[Panel]:
    """Problems with a customer's numbers."""
    now = operators.now()
    page = _list_numbers(customer_id)
    numbers, is_partial = page.records, page.next_cursor is not None
    active_numbers = [number for number in numbers if number.status == "active"]
    location_ids = (str(number.location_id) for number in active_numbers)
    staffed_ids = first_shifts.find_locations_with_future_shifts(location_ids, now)
    without_shifts = [
        PanelItem(
            phone_numbers.to_readable(str(number.number)),
            reverse("admin:rota", args=(number.location_id,)),
            "no shifts to come",
        )
        for number in active_numbers
        if number.location_id not in staffed_ids
    ]
    stuck_purchases = [_number_item(number, "not bought yet") for number in numbers if problems.is_stuck(number, now)]
    hint = f" Looked at: the first {MAX_NUMBERS} numbers." if is_partial else ""
    panels = {
        "Numbers without shifts": (without_shifts, f"No number is without shifts to come.{hint}"),
        "Stuck purchases": (stuck_purchases, f"No purchase is stuck.{hint}"),
    }
    return [
        Panel(title, items, empty_text, has_more=is_partial and bool(items))
        for title, (items, empty_text) in panels.items()
    ]


def hole_panels(customer_id: str) -> list[Panel]:
    """When calls of a customer ring nobody, as the last check of the board found it."""
    now = operators.now()
    listed = items.list_of_customer(customer_id, MAX_ITEMS).items
    holes = [item for item in listed if item.kind == problems.ROTA_HOLE]
    records = dynamodb.batch_get(key for item in holes for key in board.list_hole_keys(item))
    lines = [line for item in holes if (line := board.describe_hole(item, records, now))]
    return [
        Panel(
            "Rota holes",
            [PanelItem(line.text, line.url, line.detail) for line in lines[:PANEL_SIZE]],
            "The last check of the board found none.",
            f"{reverse('admin:index')}?{urlencode({'customer': customer_id, 'kind': problems.ROTA_HOLE})}",
            has_more=len(lines) > PANEL_SIZE,
        )
    ]


def number_panels(customer_id: str) -> list[Panel]:
    """The numbers of a customer."""
    numbers = _list_numbers(customer_id).records
    items = [_number_item(number, STATUS_NAMES[str(number.status)]) for number in numbers[:PANEL_SIZE]]
    url = admin_list_url("telephony", "phonenumber", customer_id__exact=customer_id)
    return [Panel("Numbers", items, "No numbers.", url, has_more=len(numbers) > PANEL_SIZE, is_informational=True)]


def call_panels(customer_id: str) -> list[Panel]:
    """The last calls of a customer. Two round trips."""
    url = admin_list_url("telephony", "call", customer_id__exact=customer_id)
    return [_build_call_panel("byCustomer", "customer_id", customer_id, url)]


def location_call_panels(location_id: str) -> list[Panel]:
    """The last calls of a location. Two round trips."""
    url = admin_list_url("telephony", "call", location_id__exact=location_id)
    return [_build_call_panel("byLocation", "location_id", location_id, url)]


def _build_call_panel(index: str, name: str, value: str, url: str) -> Panel:
    options = {"IndexName": index, "ScanIndexForward": False, "Limit": MAX_CALLS}
    calls = dynamodb.query_records(Call, f"#{name} = :of", {":of": {"S": value}}, **options)
    items: list[PanelItem] = []
    if calls:
        location_ids = {str(call.location_id) for call in calls}
        customer_id = str(calls[0].customer_id)
        context = readable.load_context(customer_id, [call.answered_by for call in calls], location_ids)
        items = [_call_item(call, context, has_location=name == "customer_id") for call in calls]
    return Panel("Last calls", items, "No calls yet.", url, is_informational=True)


def _call_item(call: Call, context: readable.Context, *, has_location: bool) -> PanelItem:
    local = call.started_at.astimezone(
        UTC if clock.shows_utc() else ZoneInfo(context.zones.get(str(call.location_id), "UTC"))
    )
    where = f"{_name_in(context, call)}, " if has_location else ""
    outcome = OUTCOME_WORDS.get(str(call.outcome), str(call.outcome))
    if call.outcome == "answered" and call.answered_by:
        outcome = f"answered by {context.name(str(call.answered_by))}"
    title = f"{clock.format_day_time(local)} {local:%Z}"
    return PanelItem(title, admin_change_url("telephony", "call", str(call.id)), f"{where}{outcome}")


def callback_panels(customer_id: str) -> list[Panel]:
    """Callers of a customer who wait too long."""
    rows = problems.list_waiting(customer_id, operators.now(), PANEL_SIZE + 1)
    records = dynamodb.batch_get(dynamodb.RecordKey(Callback, str(row.id)) for row in rows[:PANEL_SIZE])
    callbacks = [record for row in rows[:PANEL_SIZE] if (record := records.get(Callback, str(row.id)))]
    context = readable.load_context(customer_id, [], [str(record.location_id) for record in callbacks])
    items = [
        PanelItem(
            phone_numbers.to_readable(str(record.caller)) or "withheld",
            admin_change_url("telephony", "callback", str(record.id)),
            f"{_name_in(context, record)}, {readable.waiting(record)}",
        )
        for record in callbacks
    ]
    return [
        Panel(
            "Waiting longer than 1 h",
            items,
            "No caller waits longer than an hour to be called back.",
            admin_list_url("telephony", "callback", customer_id__exact=customer_id, status="1#"),
            has_more=len(rows) > PANEL_SIZE,
        )
    ]


def _name_in(context: readable.Context, record: Call | Callback) -> str:
    return context.location_names.get(str(record.location_id), "a removed location")


def _list_numbers(customer_id: str) -> Any:
    return PhoneNumber.objects.filter(customer_id=customer_id).page(MAX_NUMBERS)


def _number_item(record: Any, detail: str, model: str = "phonenumber") -> PanelItem:
    text = phone_numbers.to_readable(str(record.number))
    return PanelItem(text, admin_change_url("telephony", model, record.number), detail)
