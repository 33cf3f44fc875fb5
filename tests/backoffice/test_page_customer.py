"""A page shows the customer of its record or of its URL; nothing is remembered between pages."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from config.backoffice.links import admin_change_url
from tests.backoffice.test_permissions import AdminSamples, admin_samples  # noqa: F401 - a fixture
from tests.support.callbacks import put_callback
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now

pytestmark = pytest.mark.usefixtures("test_users")


def shown_customer(text: str) -> str:
    """What the bar of a page says of its customer."""
    bar = text.partition('id="page-customer">')[2].partition("</p>")[0]
    return html.unescape(re.sub(r"<[^>]+>", "", bar)).strip()


def menu_link(text: str, title: str) -> str:
    """The link of the menu with this title."""
    menu = text.partition('id="nav-sidebar-apps"')[2]
    links = re.findall(r'<a href="([^"]+)"[^>]*>(.*?)</a>', menu, re.DOTALL)
    return html.unescape(next(url for url, body in links if f"<span>{title}</span>" in body))


@dataclass(frozen=True)
class CustomerPage:
    """A path, and the customer that it must show."""

    path: str
    customer: str


def list_pages(test_users: UserFixtures, samples: AdminSamples) -> Iterator[CustomerPage]:
    """Pages of each kind of two customers."""
    name, other_name = str(test_users.customer.name), str(test_users.other_customer.name)
    apps = {"customer": "accounts", "user": "accounts", "location": "accounts", "termsacceptance": "accounts"}
    apps |= {"schedule": "staffing", "template": "staffing"}
    apps |= dict.fromkeys(("phonenumber", "line", "call", "callback", "blockedcaller", "numberprofile"), "telephony")
    apps |= {"auditentry": "config", "outboxentry": "config"}
    for model, app in apps.items():
        yield CustomerPage(admin_change_url(app, model, samples.ids_by_model[model]), name)
    boston, customer_id = test_users.boston.id, test_users.customer.id
    for path in (
        f"/admin/accounts/user/?customer_id__exact={customer_id}",
        f"/admin/accounts/user/add/?customer_id={customer_id}",
        f"/admin/accounts/user/{samples.ids_by_model['user']}/do/delete/",
        f"/admin/accounts/user/import/{customer_id}/",
        f"/admin/staffing/schedule/import/{customer_id}/",
        f"/admin/staffing/schedule/?location_id__exact={boston}",
        f"/admin/staffing/schedule/rota/{boston}/",
        f"/admin/staffing/schedule/rota-of/{test_users.sam.id}/",
        f"/admin/staffing/schedule/day-note/{boston}/?day=2033-05-02",
        f"/admin/telephony/call/?location_id__exact={boston}",
        f"/admin/telephony/call/?customer_id__exact={customer_id}",
        f"/admin/telephony/callback/?location_id__exact={boston}",
        f"/admin/telephony/phonenumber/buy/{boston}/",
        f"/admin/telephony/phonenumber/most/{customer_id}/",
        f"/admin/telephony/phonenumber/reserve/{customer_id}/",
        f"/admin/config/auditentry/?listed_for__exact={customer_id}",
        f"/admin/config/auditentry/?stream__exact={test_users.sam.id}",
        f"/admin/accounts/termsacceptance/?user_id__exact={test_users.ann.id}",
    ):
        yield CustomerPage(path, name)
    yield CustomerPage(admin_change_url("accounts", "user", test_users.cleo.id), other_name)
    yield CustomerPage(f"/admin/accounts/location/?customer_id__exact={test_users.other_customer.id}", other_name)
    yield CustomerPage(f"/admin/staffing/schedule/rota/{test_users.hilltop.id}/", other_name)


def test_each_page_names_the_customer_of_its_record_or_filter(
    test_users: UserFixtures,
    operator_sessions: dict[str, OperatorSession],
    admin_samples: AdminSamples,  # noqa: F811
) -> None:
    """F1: the bar named the customer whose page was opened last."""
    operator = operator_sessions["lead"]
    put_callback(test_users.boston, "+16175557398", test_users.recorded_call_id, now())
    for page in list_pages(test_users, admin_samples):
        response = operator.get(page.path)
        assert response.status_code == 200, page
        assert page.customer in shown_customer(response.text), page
        assert "active" in shown_customer(response.text), page
        title = html.unescape(response.text.partition("<title>")[2].partition("</title>")[0])
        assert page.customer in title, page
    for path in ("/admin/", "/admin/accounts/customer/", "/admin/telephony/orphan/", "/admin/accounts/user/"):
        assert "Across all customers" in shown_customer(operator.get(path).text), path


def test_two_tabs_of_two_customers_do_not_influence_each_other(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    """F1: a click in one tab led to the people of the customer of the other."""
    operator = operator_sessions["support"]
    user = test_users.create_user(name="Tabby First")
    first_url = admin_change_url("accounts", "user", user.id)
    first_tab = operator.get(first_url).text
    second_tab = operator.get(admin_change_url("accounts", "user", test_users.cleo.id)).text

    own_filter, other_filter = (
        f"customer_id__exact={customer.id}" for customer in (test_users.customer, test_users.other_customer)
    )
    for title in ("People", "Locations", "Schedules", "Phone numbers", "Calls"):
        assert own_filter in menu_link(first_tab, title), title
        assert other_filter in menu_link(second_tab, title), title
    people = operator.get(menu_link(first_tab, "People")).text
    assert test_users.cleo.user.email not in people
    assert "Add person" in people

    saved = operator.post(first_url, name="Tabby Saved", version=str(user.version), _save="Save", **unchanged(user))
    assert saved.url.path == "/admin/accounts/user/"
    assert saved.url.params["customer_id__exact"] == test_users.customer.id
    assert str(test_users.customer.name) in shown_customer(saved.text)
    assert "Tabby Saved" in saved.text


def unchanged(user: object) -> dict[str, str]:
    """Required fields of the form of a person, as stored."""
    return {"email": str(user.email), "userRole": str(user.role)}  # type: ignore[attr-defined]


def test_saving_returns_to_the_list_that_the_page_was_opened_from(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator, location = operator_sessions["support"], test_users.create_location()
    list_path = f"/admin/accounts/location/?customer_id__exact={test_users.customer.id}&q=a"
    url = f"{admin_change_url('accounts', 'location', location.id)}?_changelist_filters=customer_id__exact%3D"
    assert operator.get(list_path).status_code == 200
    saved = operator.post(
        f"{url}{test_users.customer.id}%26q%3Da",
        name=location.name,
        timeZone=location.time_zone,
        address="1 Pier Road",
        version=str(location.version),
        _save="Save",
    )
    assert str(saved.url).endswith(list_path)


def test_operators_choose_between_local_times_and_utc(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator = operator_sessions["read-only"]
    path = admin_change_url("telephony", "call", test_users.recorded_call_id)
    local_page = operator.get(path).text
    assert re.search(r"<time [^>]*>\w{3} \d+ \w{3} \d{4}, \d\d:\d\d (EST|EDT)</time>", local_page)
    chosen = operator.post("/admin/clock/", clock="utc", next=path)
    assert chosen.url.path == path
    assert re.search(r"<time [^>]*>\w{3} \d+ \w{3} \d{4}, \d\d:\d\d UTC</time>", chosen.text)
    assert not re.search(r"<time [^>]*>[^<]* (EST|EDT)</time>", chosen.text)
    assert operator.post("/admin/clock/", clock="local", next="//evil.example/admin/").url.path == "/admin/"
    assert "EST</time>" in operator.get(path).text or "EDT</time>" in operator.get(path).text


def test_times_are_those_of_the_locations_if_a_customer_chose_no_zone(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator, customer = operator_sessions["support"], test_users.other_customer
    page = operator.get(admin_change_url("accounts", "customer", customer.id)).text
    assert "<span>Times: Europe/Berlin</span>" in page
    assert "Europe/Berlin (that of its locations)" in page
    listed = operator.get(f"/admin/accounts/user/?customer_id__exact={customer.id}").text
    assert re.search(r"\d\d:\d\d CES?T", listed), "lists name the zone"
