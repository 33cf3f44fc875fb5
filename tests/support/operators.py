"""Operators at their desks: signing in through the Auth0 stand-in, without a browser."""

import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from accounts.models import User, name_key
from config import dynamodb
from config.dynamodb import ids
from tests.conftest import now
from tests.emulators.auth0 import operators
from tests.emulators.auth0.management import made
from tests.support.environment import World

FORM_COOKIE = "dutyline-form"
CLAIM = "roles"
_desks = itertools.count()


@dataclass
class Operator:
    """Somebody at the back office, with a browser's memory."""

    client: httpx.Client
    web: str

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.client.get(self.web + path, **more)

    def post(self, path: str, **data: Any) -> httpx.Response:
        """Send a form, as a page of ours would."""
        token = self.client.cookies.get(FORM_COOKIE, path="/admin/") or ""
        given = {"csrfmiddlewaretoken": token, **data}
        return self.client.post(self.web + path, data=given)

    def sign_in(self, email: str) -> httpx.Response:
        """Go to Auth0, give the password there, and come back."""
        self.get("/admin/login/")
        asked = self.post("/admin/sign-in/begin/", next="/admin/")
        given = {"username": email, "password": operators.PASSWORD}
        return self.client.post(str(asked.url), data=given)

    def said(self, answer: httpx.Response) -> list[str]:
        """The messages and errors that a page shows, without tags."""
        text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
        return [part.strip() for part in text.split("  ") if part.strip()]


@contextmanager
def at_desk(web: str) -> Iterator[Operator]:
    """A desk with a fresh browser, at an address of its own."""
    place = f"127.0.{next(_desks) // 200 + 1}.{next(_desks) % 200 + 1}"
    transport = httpx.HTTPTransport(local_address=place)
    with httpx.Client(follow_redirects=True, timeout=60, transport=transport) as client:
        yield Operator(client, web)


def employ(world: World, name: str, roles: Sequence[str]) -> str:
    """Somebody new at Auth0 with these roles; their e-mail address."""
    email = f"{name}.{ids.new('opr', now())[-8:].lower()}@dutyline.example"
    given = {"user_id": f"op-{email}", "email": email, "name": name.capitalize()}
    password = {"password": operators.PASSWORD, "app_metadata": {CLAIM: list(roles)}}
    world.tenant().add_user(made({**given, **password}))
    return email


def give_roles(world: World, email: str, roles: Sequence[str]) -> None:
    """Change somebody's roles at Auth0."""
    user = world.tenant().user_by_email(email)
    assert user is not None
    user["app_metadata"] = {CLAIM: list(roles)}
    world.tenant().keep_user(user)


def crowd(customer_id: str, many: int, *, first: str = "Crowd") -> list[User]:
    """Many people of a customer, written straight to the table."""
    at = now()
    people = []
    for number in range(many):
        id = ids.new("usr", at)
        name = f"{first} {number:05}"
        email = f"{id.lower()}@crowd.example"
        people.append(
            User(
                id=id,
                customer_id=customer_id,
                email=email,
                email_key=email,
                name=name,
                name_key=name_key(name, id),
                role="staff",
                status="invited",
                created_at=at,
                updated_at=at,
                version=1,
            )
        )
    for start in range(0, many, 25):
        puts = [{"PutRequest": {"Item": one.serialize()}} for one in people[start : start + 25]]
        dynamodb.call("BatchWriteItem", RequestItems={User.table_name(): puts})
    return people
