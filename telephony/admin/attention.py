"""Panels about phone numbers and call-backs."""

from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from django.urls import reverse

from accounts import customers
from config import dynamodb
from config.backoffice import operators
from config.backoffice.links import Panel, PanelItem, admin_change_url, admin_list_url
from staffing.schedules import first_shifts
from telephony.admin import readable
from telephony.admin.projected import PhoneNumber
from telephony.models import Callback, queue_key
from telephony.numbers import unassigned
from telephony.numbers.acquisition import TWILIO_LIST_LAG

MAX_NUMBERS, PANEL_SIZE = 50, 10
LONG_WAIT = timedelta(hours=1)
MAX_CUSTOMERS, CONCURRENT_CUSTOMERS = 100, 10
"""Customers whose call-backs the start page reads, one key of each; and how many at once."""


def telephony_panels(customer_id: str | None) -> list[Panel]:
    """Problems with a customer's numbers; across customers, unassigned numbers at Twilio."""
    if customer_id is None:
        items = [_number_item(orphan, orphan.tag, "orphan") for orphan in unassigned.list_numbers()]
        url = admin_list_url("telephony", "orphan")
        return [Panel("Unassigned numbers", items, "Every number at Twilio is assigned.", url)]
    now = operators.now()
    page = _list_numbers(customer_id)
    numbers, is_partial = page.records, page.next_cursor is not None
    active_numbers = [number for number in numbers if number.status == "active"]
    location_ids = (str(number.location_id) for number in active_numbers)
    staffed_ids = first_shifts.find_locations_with_future_shifts(location_ids, now)
    without_shifts = [
        PanelItem(number.number, reverse("admin:rota", args=(number.location_id,)), "no future shifts")
        for number in active_numbers
        if number.location_id not in staffed_ids
    ]
    stuck_purchases = [
        _number_item(number, "not bought yet")
        for number in numbers
        if number.status == "buying" and now - number.created_at > TWILIO_LIST_LAG
    ]
    hint = f" Looked at: the first {MAX_NUMBERS} numbers." if is_partial else ""
    panels = {
        "Numbers without shifts": (without_shifts, f"Every number has future shifts.{hint}"),
        "Stuck purchases": (stuck_purchases, f"No purchase is stuck.{hint}"),
    }
    return [
        Panel(title, items, empty_text, has_more=is_partial and bool(items))
        for title, (items, empty_text) in panels.items()
    ]


def number_panels(customer_id: str) -> list[Panel]:
    """The numbers of a customer."""
    numbers = _list_numbers(customer_id).records
    items = [_number_item(number, number.status) for number in numbers[:PANEL_SIZE]]
    url = admin_list_url("telephony", "phonenumber", customer_id__exact=customer_id)
    return [Panel("Numbers", items, "No numbers.", url, has_more=len(numbers) > PANEL_SIZE, is_informational=True)]


def callback_panels(customer_id: str | None) -> list[Panel]:
    """Callers who wait too long: of a customer, or the customers who have some."""
    if customer_id is None:
        return [_customers_panel()]
    rows = _waiting_too_long(customer_id, PANEL_SIZE + 1)
    records = dynamodb.batch_get(dynamodb.RecordKey(Callback, str(row.id)) for row in rows[:PANEL_SIZE])
    callbacks = [record for row in rows[:PANEL_SIZE] if (record := records.get(Callback, str(row.id)))]
    context = readable.load_context(customer_id, [], [str(record.location_id) for record in callbacks])
    items = [
        PanelItem(
            str(record.caller) or "withheld",
            admin_change_url("telephony", "callback", str(record.id)),
            f"{_name_in(context, record)}, {readable.age(record.due_at)}",
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


def _customers_panel() -> Panel:
    """The customers with callers who wait too long; of the first customers by name only."""
    looked_at = list(islice(customers.select(None), MAX_CUSTOMERS + 1))
    active = [customer for customer in looked_at[:MAX_CUSTOMERS] if customer.status == "active"]
    items = []
    for start in range(0, len(active), CONCURRENT_CUSTOMERS):
        part = active[start : start + CONCURRENT_CUSTOMERS]
        results = dynamodb.gather(*(partial(_waiting_too_long, str(customer.id), 1) for customer in part))
        items += [
            PanelItem(
                str(customer.name),
                admin_list_url("telephony", "callback", customer_id__exact=str(customer.id), status="1#"),
                f"the longest: {readable.age(_due_of(rows[0]))}",
            )
            for customer, rows in zip(part, results, strict=True)
            if rows
        ]
    is_partial = len(looked_at) > MAX_CUSTOMERS
    hint = f" Looked at: the first {MAX_CUSTOMERS} customers by name." if is_partial else ""
    return Panel(
        "Waiting longer than 1 h",
        items,
        f"No caller waits longer than an hour to be called back.{hint}",
        has_more=is_partial and bool(items),
    )


def _waiting_too_long(customer_id: str, limit: int) -> list[Callback]:
    """The keys of open call-backs that were due more than an hour ago, the longest first."""
    values = {
        ":of": {"S": customer_id},
        ":low": {"S": "1#"},
        ":high": {"S": queue_key("open", operators.now() - LONG_WAIT)},
    }
    condition = "#customer_id = :of AND #queue BETWEEN :low AND :high"
    return dynamodb.query_records(Callback, condition, values, IndexName="byCustomer", Limit=limit)


def _name_in(context: readable.Context, record: Callback) -> str:
    return context.location_names.get(str(record.location_id), "a removed location")


def _due_of(row: Callback) -> Any:
    return Callback.due_at.deserialize(str(row.queue).partition("#")[2])


def _list_numbers(customer_id: str) -> Any:
    return PhoneNumber.objects.filter(customer_id=customer_id).page(MAX_NUMBERS)


def _number_item(record: Any, detail: str, model: str = "phonenumber") -> PanelItem:
    return PanelItem(record.number, admin_change_url("telephony", model, record.number), detail)
