"""What is typed survives the end of a session, for the operator who typed it only."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from config.backoffice.links import admin_change_url
from tests.emulators.auth0 import operators
from tests.support.environment import Environment
from tests.support.operators import OperatorSession, create_operator, open_operator_session
from tests.support.users import UserFixtures

pytestmark = pytest.mark.usefixtures("operators_database")
KEPT = "Your session had ended, so nothing was saved."


@dataclass
class Desk:
    """A browser of an operator: it names the origin of what it sends."""

    session: OperatorSession
    email: str

    def post(self, path: str, *, origin: str = "", **data: str) -> httpx.Response:
        """Send a form from a page of the back office, or of another site."""
        token = self.session.client.cookies.get("dutyline-form", path="/admin/") or ""
        form = {"csrfmiddlewaretoken": token, **data}
        headers = {"Origin": origin or self.session.web}
        return self.session.client.post(self.session.web + path, data=form, headers=headers)

    def sign_in_at(self, login_page: httpx.Response, email: str = "") -> httpx.Response:
        """Sign in from the page to which a request without a session leads."""
        begun = self.session.post("/admin/sign-in/begin/", next=login_page.url.params["next"])
        if begun.url.path.startswith("/admin/"):
            return begun  # Auth0 still knew the operator
        credentials = {"username": email or self.email, "password": operators.PASSWORD}
        return self.session.client.post(str(begun.url), data=credentials)

    @property
    def stored_session(self) -> SessionStore:
        """The session of this browser."""
        key = next(cookie.value for cookie in self.session.client.cookies.jar if cookie.name == "dutyline-operator")
        return SessionStore(key)

    def age(self, seconds: float) -> None:
        """Set the renewal of this browser's session to this many seconds ago."""
        stored = self.stored_session
        stored["renewed_at"] = time.time() - seconds
        stored.save()

    def forget_auth0(self) -> None:
        """Have Auth0 ask for a password again, and our session end."""
        for cookie in list(self.session.client.cookies.jar):
            if cookie.name not in ("dutyline-form", "dutyline-operator-id"):
                self.session.client.cookies.jar.clear(cookie.domain, cookie.path, cookie.name)


@pytest.fixture
def desk(env: Environment, backoffice_url: str) -> Iterator[Desk]:
    """A signed-in support person."""
    email = create_operator(env, "tess", ["support"])
    with open_operator_session(backoffice_url) as session:
        assert session.sign_in(email).status_code == 200
        session.get("/admin/")
        yield Desk(session, email)


def test_form_of_a_record_is_offered_again_after_sign_in(test_users: UserFixtures, desk: Desk) -> None:
    location = test_users.create_location()
    path = admin_change_url("accounts", "location", location.id)
    fields = {"name": "Typed for long", "timeZone": "America/Denver", "address": "7 Long Road", "version": "1"}
    desk.age(4_000)

    login_page = desk.post(path, **fields, _save="Save")
    assert login_page.url.path == "/admin/login/"
    form = desk.sign_in_at(login_page)

    assert form.url.path.replace("%5F", "_") == path or form.url.path == path
    assert KEPT in form.text
    assert 'value="Typed for long"' in form.text
    assert "7 Long Road" in form.text
    stored = test_users.ann.get(f"/location/{location.id}").json()
    assert stored["name"] == location.name, "nothing is saved without the operator"
    assert KEPT not in desk.session.get(path).text, "it is offered once"
    saved = desk.post(path, **fields, _continue="yes")
    assert "was changed successfully" in saved.text


def test_session_that_is_gone_keeps_the_form_too(test_users: UserFixtures, desk: Desk) -> None:
    path = f"/admin/accounts/user/add/?customer_id={test_users.customer.id}"
    desk.session.get(path)
    desk.stored_session.delete()
    login_page = desk.post(path, email="typed@late.example", name="Typed Late", userRole="manager")
    form = desk.sign_in_at(login_page)
    assert KEPT in form.text
    assert 'value="typed@late.example"' in form.text
    assert 'value="manager" selected' in form.text


def test_other_operators_and_other_sites_get_nothing(test_users: UserFixtures, desk: Desk, env: Environment) -> None:
    location = test_users.create_location()
    path = admin_change_url("accounts", "location", location.id)
    fields = {"name": "Secret thought", "timeZone": "America/Denver", "version": "1"}
    other_email = create_operator(env, "otto", ["support"])

    desk.forget_auth0()
    login_page = desk.post(path, **fields)
    form = desk.sign_in_at(login_page, other_email)
    assert form.status_code == 200
    assert "Otto, support" in form.text
    assert "Secret thought" not in form.text
    assert not any("unsent_form" in session.get_decoded() for session in Session.objects.all())

    desk.age(4_000)
    forged = desk.post(path, origin="https://evil.example", **fields)
    assert forged.status_code == 403
    assert not any("unsent_form" in session.get_decoded() for session in Session.objects.all())


def test_anonymous_requests_store_nothing(backoffice_url: str, test_users: UserFixtures) -> None:
    with open_operator_session(backoffice_url) as session:
        session.get("/admin/login/")
        count = Session.objects.count()
        stranger = Desk(session, "")
        stranger.post(f"/admin/accounts/user/add/?customer_id={test_users.customer.id}", name="x" * 5_000)
        assert Session.objects.count() == count


def test_passwords_confirmations_and_long_forms_are_not_stored(test_users: UserFixtures, desk: Desk) -> None:
    user = test_users.create_user(name="Stays Here")
    desk.age(4_000)
    login_page = desk.post(f"/admin/accounts/user/{user.id}/do/delete/", typed="Stays Here")
    page = desk.sign_in_at(login_page)
    assert "Nothing was saved" not in page.text
    assert "Stays Here" not in page.text.partition('name="typed"')[2].partition(">")[0]
    desk.age(4_000)
    path = f"/admin/staffing/schedule/day-note/{test_users.boston.id}/?day=2033-05-02"
    page = desk.sign_in_at(desk.post(path, note="x" * 60_000))
    assert "Nothing was saved" not in page.text


def test_other_forms_are_shown_and_sent_again_on_demand(test_users: UserFixtures, desk: Desk) -> None:
    path = f"/admin/staffing/schedule/day-note/{test_users.boston.id}/?day=2033-05-03"
    desk.age(4_000)
    page = desk.sign_in_at(desk.post(path, note="Stocktaking <all> hands"))
    assert "Nothing was saved" in page.text
    assert "Stocktaking &lt;all&gt; hands" in page.text
    sent = desk.post(path, note="Stocktaking <all> hands", version="")
    assert "The note was saved." in sent.text


def test_form_of_an_earlier_sign_in_is_offered_again(test_users: UserFixtures, desk: Desk) -> None:
    """Signing in again in another tab replaces the token of forms that are still open."""
    location = test_users.create_location()
    path = admin_change_url("accounts", "location", location.id)
    page = desk.post(path, csrfmiddlewaretoken="x" * 64, name="Old tab", timeZone="America/Denver", version="1")
    assert KEPT in page.text
    assert 'value="Old tab"' in page.text


def test_choice_of_the_clock_outlives_a_renewal(desk: Desk) -> None:
    desk.session.post("/admin/clock/", clock="utc", next="/admin/")
    desk.age(700)
    assert "Show local times" in desk.session.get("/admin/").text
