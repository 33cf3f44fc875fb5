"""`SECRET_KEY` is replaced while operators work and clients page through lists."""

import re
from collections.abc import Iterator

import pytest
from django.contrib import auth
from django.contrib.sessions.models import Session
from django.test import RequestFactory, override_settings
from pytest_django.plugin import DjangoDbBlocker

from config.backoffice.sessions import SessionStore
from config.doctor import sql
from config.doctor.checks import Finding, Options
from config.doctor.settings import CHECKS as SETTINGS_CHECKS
from config.settings.base import LOCAL_SECRET_KEY
from tests.support.environment import Environment, free_port
from tests.support.operators import OperatorSession, create_operator, open_operator_session
from tests.support.users import UserFixtures

NEXT_KEY = "next-" * 12


@pytest.fixture
def operator(env: Environment, backoffice_url: str, django_db_blocker: DjangoDbBlocker) -> Iterator[OperatorSession]:
    """An operator who has signed in under `LOCAL_SECRET_KEY`, as all others have."""
    with open_operator_session(backoffice_url) as session, django_db_blocker.unblock():
        assert session.sign_in(create_operator(env, "skye", ["support"])).status_code == 200
        yield session
        Session.objects.filter(session_key=session_key_of(session)).delete()


def session_key_of(operator: OperatorSession) -> str:
    """The value of the cookie that names the session."""
    return operator.client.cookies["dutyline-operator"]


def is_signed_in(session_key: str) -> bool:
    """Whether a process with the present settings takes a session."""
    request = RequestFactory().get("/")
    request.session = SessionStore(session_key)
    return auth.get_user(request).is_authenticated


def check_sessions() -> Finding:
    (finding,) = sql.CHECKS[1].run(Options())
    return finding


def test_sessions_and_cursors_stay_valid_at_processes_with_the_next_key(
    env: Environment, operator: OperatorSession, test_users: UserFixtures
) -> None:
    port = free_port()
    own_url = f"http://127.0.0.1:{port}"
    renewed = env.start_web(
        "next-key", port, PUBLIC_BASE_URL=own_url, SECRET_KEY=NEXT_KEY, SECRET_KEY_FALLBACKS=LOCAL_SECRET_KEY
    )
    try:
        first = test_users.ann.get("/userManagement?limit=1")
        operator.web = renewed
        page = operator.get("/admin/")
        assert (page.status_code, page.url.path) == (200, "/admin/"), "nobody is asked to sign in"
        client = test_users.ann
        headers = {"Authorization": f"Bearer {client.token}"}
        second = operator.client.get(f"{renewed}{first.links['next']['url']}", headers=headers)
        assert second.status_code == 200, second.text
        assert second.json()["items"] != first.json()["items"]
    finally:
        env.stop("next-key")
    with override_settings(SECRET_KEY_FALLBACKS=[NEXT_KEY]):  # a process that is not yet replaced
        assert is_signed_in(session_key_of(operator))
    assert not is_signed_in(session_key_of(operator)), "one that lacks the next key"


def test_doctor_names_sessions_under_an_unknown_key(operator: OperatorSession) -> None:
    all_sessions = check_sessions().sentence
    assert re.fullmatch(
        r"Of (\d+) sessions of operators, \1 are signed under SECRET_KEY, 0 under SECRET_KEY_FALLBACKS\.", all_sessions
    )
    with override_settings(SECRET_KEY=NEXT_KEY):
        finding = check_sessions()
        assert (finding.status, finding.code) == ("warning", "unknown_secret_key")
        assert re.match(r"(\d+) of \1 sessions", finding.sentence)
        assert not is_signed_in(session_key_of(operator))
    with override_settings(SECRET_KEY=NEXT_KEY, SECRET_KEY_FALLBACKS=[LOCAL_SECRET_KEY]):
        assert re.search(r"^Of (\d+) .* 0 are signed under SECRET_KEY, \1 under", check_sessions().sentence)


def test_doctor_names_a_fallback_that_is_the_key() -> None:
    with override_settings(SECRET_KEY_FALLBACKS=[LOCAL_SECRET_KEY]):
        assert "same_secret_key" in {finding.code for finding in SETTINGS_CHECKS[0].run(Options())}
