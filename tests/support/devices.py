"""Devices of test users, and what is pushed to them."""

from typing import Any

from tests.support.environment import ENVIRONMENT
from tests.support.http_client import HTTP
from tests.support.users import SignedInUser, process_outbox


def register_device(person: SignedInUser) -> SignedInUser:
    """Give a user a device; the user."""
    response = person.post("/user/push-token", {"token": _token_of(person)})
    assert response.status_code == 200, response.text
    return person


def list_pushes(person: SignedInUser, event: str = "") -> list[dict[str, Any]]:
    """What was pushed to the user's device, of one event or of all, newest first."""
    response = HTTP.get(f"{ENVIRONMENT.expo}/messages", params={"to": _token_of(person), "limit": 1000})
    messages = response.raise_for_status().json()
    return [message for message in messages if event in ("", message["data"]["event"])]


def _token_of(person: SignedInUser) -> str:
    return f"ExponentPushToken[{person.id[-22:]}]"


def drain_outbox(seconds_ahead: float = 0, passes: int = 6) -> None:
    """Process what is due by then, and what this enqueues."""
    for _ in range(passes):
        if not process_outbox(seconds_ahead).counts:
            return
