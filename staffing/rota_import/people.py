"""People and locations as files name them: by e-mail address, name or id."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from accounts import locations, users
from accounts.permissions import Actor
from accounts.users import email_address
from config import dynamodb
from config.folding import fold_text

if TYPE_CHECKING:
    from accounts.models import Location, User

MAX_NAME_LENGTH = 200
MAX_CANDIDATES = 5


class UnknownName(ValueError):
    """Nobody, or no location, is meant; the message says so."""


class AmbiguousName(ValueError):
    """Several people or locations are meant; the message names them."""


class Staff:
    """The people of a customer who can have shifts or had some."""

    def __init__(self, customer_users: Iterable["User"]) -> None:
        self.by_id: dict[str, User] = {}
        self._by_email: dict[str, User] = {}
        self._by_name: dict[str, dict[str, User]] = {}
        for user in customer_users:
            if user.status == "deleting":
                continue
            self.by_id[user.id] = user
            self._by_email[str(user.email_key)] = user
            for name in (user.name, user.profile_name):
                if name:
                    self._by_name.setdefault(fold_text(name), {})[user.id] = user

    @classmethod
    def load(cls, actor: Actor) -> "Staff":
        """Those of the actor's customer."""
        actor.require("users:read")
        return cls(users.iter_customer_users(actor.customer_id))

    def find(self, text: str) -> "User":
        """Who is named. Raises `UnknownName` and `AmbiguousName`."""
        text = " ".join(text[: MAX_NAME_LENGTH + 1].split())
        if len(text) > MAX_NAME_LENGTH:
            raise UnknownName(f"{text[:40]!r}… is too long for a name.")
        if dynamodb.is_id("usr", text) and text in self.by_id:
            return self.by_id[text]
        if "@" in text:
            return self.find_by_email(text)
        matches = self._by_name.get(fold_text(text), {})
        last, comma, first = text.partition(",")
        if not matches and comma:
            matches = self._by_name.get(fold_text(f"{first} {last}"), {})
        if not matches:
            raise UnknownName(f"Nobody is named {text!r}.")
        return _select_one(text, list(matches.values()))

    def find_by_email(self, text: str) -> "User":
        """Who has the address, which may be in angle brackets. Raises `UnknownName`."""
        address = text.rpartition("<")[2].removesuffix(">").strip()
        try:
            user = self._by_email.get(email_address.email_key(address))
        except email_address.InvalidEmail:
            user = None
        if user is None:
            raise UnknownName(f"Nobody has the address {address[:80]!r}.")
        return user


def _select_one(text: str, matches: Sequence["User"]) -> "User":
    if len(matches) == 1:
        return matches[0]
    addresses = ", ".join(sorted(str(user.email) for user in matches)[:MAX_CANDIDATES])
    more = f" and {len(matches) - MAX_CANDIDATES} more" if len(matches) > MAX_CANDIDATES else ""
    raise AmbiguousName(f"{len(matches)} people are named {text!r}: {addresses}{more}. Use the e-mail address.")


class Places:
    """The locations that an actor can access."""

    def __init__(self, accessible: Iterable["Location"]) -> None:
        self.by_id: dict[str, Location] = {}
        self._by_name: dict[str, list[Location]] = {}
        for location in accessible:
            self.by_id[location.id] = location
            self._by_name.setdefault(fold_text(location.name), []).append(location)

    @classmethod
    def load(cls, actor: Actor) -> "Places":
        """Those of the actor."""
        accessible: list[Location] = []
        cursor = None
        while True:
            page = locations.list_accessible_locations(actor, limit=500, cursor=cursor)
            accessible += page.records
            cursor = page.next_cursor
            if cursor is None:
                return cls(accessible)

    def find(self, text: str) -> "Location":
        """The location that is named. Raises `UnknownName` and `AmbiguousName`."""
        if text in self.by_id:
            return self.by_id[text]
        matches = self._by_name.get(fold_text(text[:MAX_NAME_LENGTH]), [])
        if not matches:
            raise UnknownName(f"There is no location {text[:80]!r}.")
        if len(matches) > 1:
            raise AmbiguousName(f"{len(matches)} locations are named {text[:80]!r}; use the id.")
        return matches[0]

    def default(self, text: str) -> "Location | None":
        """The location of shifts that name none: the one that is named here, or the only one.

        Raises `UnknownName` and `AmbiguousName`.
        """
        if text:
            return self.find(text)
        return next(iter(self.by_id.values())) if len(self.by_id) == 1 else None
