"""Somebody who came into an account at its first address, and what they may still try."""

from dataclasses import dataclass

import httpx

from accounts import users
from accounts.models import User
from tests.support.environment import Environment
from tests.support.sign_in import PublicApp
from tests.support.users import (
    PASSWORD,
    SignedInUser,
    UserFixtures,
    emails_to,
    fetch_access_token,
    process_outbox,
    set_password,
)


@dataclass
class Intruder:
    """Somebody at the first address, who has set a password and signed in."""

    user: User
    app: PublicApp
    person: SignedInUser
    refresh_token: str
    device: str = ""
    feed_url: str = ""

    def try_everything(self) -> dict[str, int]:
        """The status of everything that they may still try."""
        signed_in = self.app.authorize(prompt="none")
        attempts = {
            "token": self.person.get("/user"),
            "refresh": self.app.refresh(self.refresh_token),
            **({"feed": httpx.get(self.feed_url)} if self.feed_url else {}),
        }
        statuses = {name: response.status_code for name, response in attempts.items()}
        return statuses | {"session": 200 if "code" in signed_in else 403}


def invite(test_users: UserFixtures, env: Environment, **fields: str) -> User:
    user = test_users.create_user(**fields)
    process_outbox()
    assert emails_to(env, user.email)
    return users.get_user(user.id)


def intrude(test_users: UserFixtures, env: Environment, user: User, *, accepts: bool) -> Intruder:
    """Use the first link; ``accepts``: and call the API, which makes the user active."""
    assert set_password(env, user.email, PASSWORD).is_success
    intruder = intrude_as(test_users, env, user, user.email)
    person = intruder.person
    if accepts:
        intruder.device = f"ExponentPushToken[{user.id}]"
        assert person.post("/user/push-token", {"token": intruder.device}).is_success
        intruder.feed_url = person.post("/user/calendar-feed", {}).json()["url"]
        assert httpx.get(intruder.feed_url).status_code == 200
    return intruder


def intrude_as(test_users: UserFixtures, env: Environment, user: User, address: str) -> Intruder:
    """Sign in at Auth0 with an address."""
    app = PublicApp(env.issuer)
    response = app.redeem(app.authorize(address, PASSWORD)["code"]).json()
    person = SignedInUser(user, response["access_token"], test_users.ann.web)
    return Intruder(user, app, person, response["refresh_token"])


def link_in_newest_mail(env: Environment, address: str) -> str:
    links: list[str] = emails_to(env, address)[0]["links"]
    return next(link for link in links if "reset-verify" in link)


def signs_in(env: Environment, address: str, password: str) -> bool:
    try:
        return bool(fetch_access_token(env, address, password))
    except httpx.HTTPStatusError:
        return False
