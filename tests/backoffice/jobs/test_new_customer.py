"""Job: a new customer with three locations, an owner, 12 people, a weekly rota, and a number."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from accounts import users
from accounts.models import Customer, Location, User
from config import dynamodb
from config.audit import reader
from staffing.models import Schedule
from telephony.models import Quota
from tests.backoffice.browser import NARROW_VIEWPORT, WIDE_VIEWPORT, CountedPage
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, free_number, now

MAX_ACTIONS = 30
LOCATIONS = (("Harbour", "America/New_York"), ("Hill", "America/New_York"), ("Lake", "America/Chicago"))
FIRST_NAMES = ("Ada", "Ben", "Cal", "Dee", "Eve", "Fay", "Gus", "Hal", "Ivy", "Jon", "Kim", "Lou")


def list_records(record_class: type[dynamodb.Record], customer_id: str) -> list[Any]:
    """Everything of a customer."""
    values = {":of": {"S": customer_id}}
    return list(dynamodb.iter_records(record_class, "#customer_id = :of", values, IndexName="byCustomer"))


def look_at(page: Page, name: str) -> None:
    """Save pictures, if asked for by SCREENSHOTS=folder, at both widths, light and dark."""
    folder = os.environ.get("SCREENSHOTS")
    if not folder:
        return
    for width, size in (("wide", {**WIDE_VIEWPORT, "width": 1440}), ("narrow", NARROW_VIEWPORT)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=Path(folder) / f"{name} {width} {scheme}.png", full_page=True)
    page.set_viewport_size(WIDE_VIEWPORT)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="light")


def test_new_customer_in_thirty_actions(
    test_users: UserFixtures, backoffice_url: str, open_tab: Callable[..., Page], record_figure: Callable[[str], None]
) -> None:
    """It took about 165, and a command for the customer itself."""
    mark = free_number().removeprefix("+")
    owner_email = f"olga.{mark}@cast.example"
    page = open_tab("oscar")
    page.goto(f"{backoffice_url}/admin/")
    desk = CountedPage(page)

    desk.click(page.get_by_role("link", name="Customers", exact=True).first)
    desk.click(page.get_by_role("link", name="Add customer"))
    desk.type(page.get_by_label("Name of the customer"), f"Northwind {mark}")
    desk.type(page.get_by_label("Time zone"), "America/New_York")
    desk.type(page.get_by_label("Name of the owner"), "Olga Ortiz")
    desk.type(page.get_by_label("E-mail address of the owner"), owner_email)
    look_at(page, "1 customer")
    desk.click(page.get_by_role("button", name="Create and invite the owner"))

    page.get_by_text("gets an invitation by e-mail").wait_for()
    for number, (name, zone) in enumerate(LOCATIONS, 1):
        row = page.get_by_role("group", name=f"Location {number}")
        desk.type(row.get_by_label("Name"), name)
        desk.type(row.get_by_label("Time zone"), zone)
        desk.type(row.get_by_label("Address"), f"{number} Main Street")
    look_at(page, "2 locations")
    desk.click(page.get_by_role("button", name="Save locations"))

    rows = [
        f"{name} Staff\t{name.lower()}.{mark}@cast.example\tstaff\t{LOCATIONS[index % 3][0]}"
        for index, name in enumerate(FIRST_NAMES)
    ]
    desk.type(page.get_by_label("Or paste its text"), "\n".join(["Name\tE-mail\tRole\tLocations", *rows]))
    desk.click(page.get_by_role("button", name="Preview"))
    look_at(page, "3 people")
    desk.click(page.get_by_role("button", name="Import 12 people"))

    page.get_by_role("heading", name="Shift templates").wait_for()
    look_at(page, "4 templates")
    desk.click(page.get_by_role("button", name="Save templates"))
    for index, name in enumerate(FIRST_NAMES):
        desk.pick(page.get_by_label(f"{name} Staff, Mon–Fri"), "Early" if index < 6 else "Late")
    look_at(page, "5 rota")
    desk.click(page.get_by_role("button", name="Create the rota"))

    page.get_by_text("Created: 12 weekly series.").wait_for()
    look_at(page, "6 numbers")
    desk.click(page.get_by_role("link", name="Find a number for Harbour"))
    desk.type(page.get_by_label("Area code"), "617")
    desk.click(page.get_by_role("button", name="Search"))
    look_at(page, "7 search")
    desk.click(page.get_by_role("button", name="Buy +").first)
    page.get_by_text("It costs 1.15 USD a month.").wait_for()
    look_at(page, "8 confirm")
    desk.click(page.get_by_role("button", name="Buy", exact=True))
    page.get_by_text("was bought and takes calls").wait_for()
    page.get_by_text("Until then callers reach nobody").wait_for()
    look_at(page, "9 done")
    desk.click(page.get_by_role("link", name="Finish"))

    assert len(desk.actions) <= MAX_ACTIONS, desk.actions
    record_figure(f"new customer: {len(desk.actions)} actions")
    (owner,) = users.find_users_by_email([owner_email]).values()
    customer_id = str(owner.customer_id)
    assert (owner.role, owner.status) == ("owner", "invited")
    customer = dynamodb.get_record(Customer, customer_id)
    assert customer
    assert customer.settings == {"language": "en", "time_zone": "America/New_York"}
    assert len(list_records(Location, customer_id)) == 3
    assert len(list_records(User, customer_id)) == 13
    assert len(list_records(Schedule, customer_id)) == 12
    quota = dynamodb.get_record(Quota, customer_id)
    assert quota
    assert quota.held == 1
    created = next(entry for entry in reader.iter_stream(customer_id) if entry.action == "customer.created")
    assert created.body["actor"]["type"] == "operator"


def test_setup_is_resumed_and_does_nothing_twice(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    support = operator_sessions["support"]
    mark = free_number().removeprefix("+")
    form = {
        "name": f"Eastwind {mark}",
        "language": "de",
        "timeZone": "berlin",
        "ownerName": "Otto",
        "ownerEmail": f"otto.{mark}@cast.example",
    }
    support.get("/admin/accounts/customer/add/")
    opened = support.post("/admin/accounts/customer/add/", **form)
    assert opened.url.path.endswith("/locations/"), support.visible_text(opened)
    customer_id = opened.url.path.split("/")[-3]
    shown = support.get(f"/admin/accounts/customer/{customer_id.replace('_', '_5F')}/change/").text
    assert "<span>Times: Europe/Berlin</span>" in shown, "the customer's zone is the one that was entered"
    repeated = support.post("/admin/accounts/customer/add/", **form)
    assert repeated.url.path == "/admin/accounts/customer/add/", "the address has an account already"
    assert "bo-error" in repeated.text

    rows = {"row-TOTAL_FORMS": "3", "row-INITIAL_FORMS": "0", "row-0-name": "Mitte", "row-0-timeZone": "Europe/Berlin"}
    for _ in range(2):
        support.post(opened.url.path, **rows)
    assert len(list_records(Location, customer_id)) == 1
    resumed = support.get(f"/admin/accounts/customer/setup/{customer_id}/")
    assert resumed.url.path.endswith("/people/")

    rota_path = f"/admin/accounts/customer/setup/{customer_id}/rota/"
    template = {"template-0-name": "Nacht", "template-0-start": "22:00", "template-0-end": "06:00"}
    management = {"template-TOTAL_FORMS": "3", "template-INITIAL_FORMS": "0", "save_templates": "yes"}
    for _ in range(2):
        page = support.post(rota_path, **management, **template)
    assert page.text.count("Nacht: 22:00–06:00") == 1
    (owner,) = list_records(User, customer_id)
    template_id = page.text.partition('<option value="tpl_')[2].partition('"')[0]
    week = {"first_day": now().date().isoformat(), f"week-{owner.id}": f"tpl_{template_id}", f"fr-{owner.id}": "off"}
    for _ in range(2):
        done = support.post(rota_path, **week)
        assert done.url.path.endswith("/number/"), support.visible_text(done)
    (series,) = list_records(Schedule, customer_id)
    assert series.staff_id == owner.id
    assert "Not created again, as 1 weekly series existed already." in done.text
    assert "Still missing:" in done.text
    again = " ".join(support.visible_text(support.get(rota_path)))
    assert "has weekly on Mon, Tue, Wed, Thu 22:00–06:00 at Mitte" in again
    assert "No template" not in done.text
    assert "series" in done.text


def test_hostile_setup_forms_are_refused_on_the_page(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    support, path = operator_sessions["support"], f"/admin/accounts/customer/setup/{test_users.customer.id}"
    support.get("/admin/")
    new = {"name": "x" * 401, "ownerEmail": "nobody", "timeZone": "Mars/Base", "language": "xx", "ownerName": ""}
    refused = support.post("/admin/accounts/customer/add/", **new)
    assert refused.status_code == 200
    assert refused.text.count("bo-error") >= 5
    assert support.post(f"{path}/locations/", **{"row-TOTAL_FORMS": "9" * 30}).status_code == 200
    bad_zone = {"row-TOTAL_FORMS": "1", "row-INITIAL_FORMS": "0", "row-0-name": "X", "row-0-timeZone": "UTC"}
    assert "bo-error" in support.post(f"{path}/locations/", **bad_zone).text
    test_users.create_template()
    assert "Choose a day within a year" in support.post(f"{path}/rota/", first_day="9999-12-31").text
    bad_time = {"template-TOTAL_FORMS": "1", "template-INITIAL_FORMS": "0", "template-0-name": "X"}
    bad_time |= {"template-0-start": "25:00", "save_templates": "yes"}
    assert "bo-error" in support.post(f"{path}/rota/", **bad_time).text
    assert support.get(f"{path}/unknown/").status_code == 404
    assert support.get("/admin/accounts/customer/setup/cus_unknown/").status_code == 404
