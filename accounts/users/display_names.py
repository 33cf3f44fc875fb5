"""The names of users that colleagues see."""

from collections.abc import Iterable
from typing import Any

from accounts.models import User
from config import dynamodb


def display_name(user: User) -> str:
    """The name that colleagues see: the profile name, or else the name."""
    return str(user.profile_name or user.name)


def display_names_in(records: dynamodb.BatchResult, user_ids: Iterable[str]) -> dict[str, str]:
    """The names by id of those of these users who are among the records."""
    users = (records.get(User, id) for id in user_ids)
    return {user.id: display_name(user) for user in users if user}


def load_display_names(user_ids: Iterable[str], customer_id: str) -> dict[str, str]:
    """The names by id of those of these users of a customer who are not being deleted.

    Reads only what it needs, and of the items, which are texts, no records: those would take six
    times as long, as a user has many other attributes.
    """
    names = ("id", "customer_id", "name", "profile_name", "status")
    return _display_names_of(dynamodb.batch_get_items(User, user_ids, names), customer_id)


def _display_names_of(items: Iterable[dict[str, Any]], customer_id: str) -> dict[str, str]:
    people = ({name: value.get("S") for name, value in item.items()} for item in items)
    return {
        user["id"]: user.get("profile_name") or user["name"]
        for user in people
        if user.get("customer_id") == customer_id and user.get("status") != "deleting"
    }
