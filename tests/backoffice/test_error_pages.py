"""Error pages of the back office keep its menu, have a way back, and say what was stored."""

import html
import re

import httpx
import pytest

from accounts import users
from config.backoffice.links import admin_change_url
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, free_number, process_outbox


def assert_is_page_of_the_desk(response: httpx.Response, status: int) -> str:
    """The text of an error page, which must have the menu and no advice for programmers."""
    assert response.status_code == status
    assert 'id="nav-sidebar"' in response.text
    assert 'id="bo-find"' in response.text
    assert 'href="/admin/"' in response.text
    text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", response.text)).split())
    assert "/docs/" not in text
    return text


@pytest.mark.parametrize("group", ["read-only", "lead"])
def test_missing_pages_stay_in_the_back_office(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], group: str
) -> None:
    """F9: a bare page said: see /docs/."""
    operator = operator_sessions[group]
    for path in (
        "/admin/nothing/here/",
        admin_change_url("telephony", "phonenumber", "+16175550000"),
        "/admin/accounts/user/usr_5F" + "0" * 26 + "/change/",
        "/admin/staffing/schedule/rota/loc_x/",
    ):
        referrer = f"{operator.web}/admin/accounts/customer/"
        text = assert_is_page_of_the_desk(operator.get(path, headers={"Referer": referrer}), 404)
        assert "Back to the page before" in text, path
        assert "Request id" in text
    foreign = operator.get("/admin/nothing/", headers={"Referer": "https://evil.example/admin/"})
    assert "Back to the page before" not in foreign.text
    assert "evil.example" not in foreign.text


def test_refused_pages_keep_the_menu(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> None:
    reader = operator_sessions["read-only"]
    refused = reader.get(f"/admin/telephony/phonenumber/buy/{test_users.boston.id}/")
    assert "Your group does not have the permission" in assert_is_page_of_the_desk(refused, 403)
    assert_is_page_of_the_desk(reader.get("/admin/clock/"), 405)
    bad_filter = reader.get("/admin/accounts/user/?name__regex=x")
    assert_is_page_of_the_desk(bad_filter, 400)


def test_read_only_operators_get_no_links_to_pages_that_refuse_them(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    """F2: “Buy a number” and others led them to an error."""
    reader, lead = operator_sessions["read-only"], operator_sessions["lead"]
    for app, model, pk in (
        ("accounts", "customer", test_users.customer.id),
        ("accounts", "location", test_users.boston.id),
    ):
        url = admin_change_url(app, model, pk)
        related = [
            re.findall(
                r'href="([^"]+)"', session.get(url).text.partition('aria-label="Related"')[2].partition("</nav>")[0]
            )
            for session in (reader, lead)
        ]
        assert len(related[0]) < len(related[1])
        for link in related[0]:
            assert reader.get(html.unescape(link)).status_code == 200, link


def test_person_is_stored_and_completed_while_auth0_is_away(
    test_users: UserFixtures, env: Environment, operator_sessions: dict[str, OperatorSession]
) -> None:
    """F9: the form was gone, and nothing said that the person was stored."""
    support = operator_sessions["support"]
    path = f"/admin/accounts/user/add/?customer_id={test_users.customer.id}"
    support.get(path)
    email = f"pending.{free_number()[1:]}@late.example"
    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        response = support.post(path, email=email, name="Penny Pending", userRole="staff")
    assert response.status_code == 200
    assert "is stored as pending" in response.text
    assert 'value="Penny Pending"' in response.text
    process_outbox()
    assert users.find_users_by_email([email])
