"""Operator sessions: sign-in through the Auth0 emulator, without a browser."""

import itertools
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import connection

from accounts.models import User, make_name_key
from config import dynamodb
from tests.emulators.auth0 import operators
from tests.emulators.auth0.management import build_user
from tests.support.environment import Environment
from tests.support.users import now

CSRF_COOKIE = "dutyline-form"
ROLES_CLAIM = "roles"
_session_numbers = itertools.count()


@dataclass
class OperatorSession:
    """An HTTP client of the back office with cookies."""

    client: httpx.Client
    web: str

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(self.web + path, **options)

    def post(self, path: str, **data: Any) -> httpx.Response:
        """Submit a form with its CSRF token."""
        token = self.client.cookies.get(CSRF_COOKIE, path="/admin/") or ""
        form = {"csrfmiddlewaretoken": token, **data}
        return self.client.post(self.web + path, data=form)

    def sign_in(self, email: str) -> httpx.Response:
        """Sign in at Auth0 with a password and return."""
        self.get("/admin/login/")
        login_response = self.post("/admin/sign-in/begin/", next="/admin/")
        credentials = {"username": email, "password": operators.PASSWORD}
        return self.client.post(str(login_response.url), data=credentials)

    def visible_text(self, response: httpx.Response) -> list[str]:
        """The messages and errors of a page as text."""
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))
        return [part.strip() for part in text.split("  ") if part.strip()]


@contextmanager
def open_operator_session(web: str) -> Iterator[OperatorSession]:
    """A session with a new client and its own IP address."""
    local_address = f"127.0.{next(_session_numbers) // 200 + 1}.{next(_session_numbers) % 200 + 1}"
    transport = httpx.HTTPTransport(local_address=local_address)
    with httpx.Client(follow_redirects=True, timeout=60, transport=transport) as client:
        yield OperatorSession(client, web)


def create_operator(env: Environment, name: str, roles: Sequence[str]) -> str:
    """Create an Auth0 user with these roles; the e-mail address."""
    email = f"{name}.{dynamodb.new_id('opr', now())[-8:].lower()}@dutyline.example"
    fields = {"user_id": f"op-{email}", "email": email, "name": name.capitalize()}
    password = {"password": operators.PASSWORD, "app_metadata": {ROLES_CLAIM: list(roles)}}
    env.tenant().add_user(build_user({**fields, **password}))
    return email


def set_operator_roles(env: Environment, email: str, roles: Sequence[str]) -> None:
    """Change the roles of an Auth0 user."""
    user = env.tenant().get_user_by_email(email)
    assert user is not None
    user["app_metadata"] = {ROLES_CLAIM: list(roles)}
    env.tenant().save_user(user)


def age_sessions(seconds: float) -> None:
    """Set the renewal of all Auth0 sessions to this many seconds ago.

    For tests with the fixture ``operators_database``, in a thread of its own: in that of a browser,
    which runs an event loop, Django refuses to wait for a database.
    """
    with ThreadPoolExecutor(1) as pool:
        pool.submit(_age_sessions, seconds).result()


def _age_sessions(seconds: float) -> None:
    store = SessionStore()
    for stored in Session.objects.all():
        session = stored.get_decoded()
        if "renewed_at" in session:
            session["renewed_at"] = time.time() - seconds
            Session.objects.filter(pk=stored.pk).update(session_data=store.encode(session))
    connection.close()  # that of this thread


def create_many_users(customer_id: str, count: int, *, name_prefix: str = "Crowd") -> list[User]:
    """Write many users of a customer straight to the table."""
    created_at = now()
    created_users = []
    for number in range(count):
        id = dynamodb.new_id("usr", created_at)
        name = f"{name_prefix} {number:05}"
        email = f"{id.lower()}@crowd.example"
        created_users.append(
            User(
                id=id,
                customer_id=customer_id,
                email=email,
                email_key=email,
                name=name,
                name_key=make_name_key(name, id),
                role="staff",
                status="invited",
                created_at=created_at,
                updated_at=created_at,
                version=1,
            )
        )
    for start in range(0, count, 25):
        puts = [{"PutRequest": {"Item": user.serialize()}} for user in created_users[start : start + 25]]
        dynamodb.call("BatchWriteItem", RequestItems={User.table_name(): puts})
    return created_users


def index_users(created_users: Sequence[User]) -> None:
    """Write what support finds these users by, as the journal does with each of them."""
    entries = [user.search_entry() for user in created_users]
    for start in range(0, len(entries), 25):
        puts = [{"PutRequest": {"Item": entry.serialize()}} for entry in entries[start : start + 25]]
        dynamodb.call("BatchWriteItem", RequestItems={type(entries[0]).table_name(): puts})
