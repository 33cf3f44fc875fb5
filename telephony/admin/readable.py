"""What pages of calls and call-backs show of other records: names, and times where they are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils.timesince import timesince

from accounts import locations, users
from accounts.admin.operator_commands import group_by_customer
from config import dynamodb
from config.backoffice import clock, operators
from config.backoffice.links import link_to
from telephony.calls.history import call_filter
from telephony.models import Callback


@dataclass(frozen=True)
class Context:
    """Names of one customer's people and locations, and the locations' time zones, by id."""

    user_names: Mapping[str, str]
    location_names: Mapping[str, str]
    zones: Mapping[str, str]

    def person(self, user_id: str | None) -> str:
        """The name of a user as a link; operators are Dutyline's support."""
        if not user_id:
            return "—"
        if user_id in self.user_names:
            return link_to("accounts", "user", user_id, self.user_names[user_id])
        if dynamodb.is_id("usr", user_id):
            return "somebody whose account is deleted"
        return "Dutyline's support" if dynamodb.is_id("opr", user_id) else user_id

    def name(self, user_id: str) -> str:
        """The name of a user, or a number, as text."""
        if user_id in self.user_names:
            return self.user_names[user_id]
        return "somebody whose account is deleted" if dynamodb.is_id("usr", user_id) else user_id

    def location(self, location_id: str) -> str:
        """The name of a location as a link."""
        name = self.location_names.get(location_id)
        return link_to("accounts", "location", location_id, name) if name else "a removed location"

    def time(self, at: datetime | None, location_id: str) -> str:
        """A time by the clock of a location, with its zone: ``Sun 29 Nov 2026, 09:12 EST``."""
        return clock.time_html(at, self.zones.get(location_id))


def caller_condition(text: str, zone: str = "") -> Q:
    """Calls or call-backs of the callers that a text names; ``zone``: that of the location.

    Raises `errors.InvalidRequest` for a text that names none.
    """
    caller_filter = call_filter.parse_caller_search(text, zone)
    conditions = [Q(caller__in=caller_filter.exact)] if caller_filter.exact else []
    conditions += [Q(caller__startswith=part) for part in caller_filter.beginnings]
    conditions += [Q(caller__contains=part) for part in caller_filter.parts]
    return reduce(or_, conditions)


def load_context(customer_id: str, user_ids: Iterable[str | None], location_ids: Iterable[str]) -> Context:
    """The names that a page needs, in few reads; ids that are none of users are left out."""
    distinct_users = {id for id in user_ids if id and dynamodb.is_id("usr", id)}
    found_users, found_locations = dynamodb.gather(
        lambda: users.load_users(sorted(distinct_users), customer_id) if distinct_users else {},
        lambda: locations.load_locations(sorted(set(location_ids)), customer_id),
    )
    return Context(
        {id: users.display_name(user) for id, user in found_users.items()},
        {id: str(location.name) for id, location in found_locations.items()},
        {id: str(location.time_zone) for id, location in found_locations.items()},
    )


def attach_contexts(objects: Iterable[Any], list_user_ids: Callable[[Any], Iterable[str | None]]) -> None:
    """Set ``context`` of projected records with a location, and with the users of each record."""
    for customer_id, rows in group_by_customer(objects).items():
        user_ids = [user_id for obj in rows for user_id in list_user_ids(obj.record)]
        context = load_context(customer_id, user_ids, [str(obj.record.location_id) for obj in rows])
        for obj in rows:
            obj.context = context


def waiting(callback: Callback) -> str:
    """How long a caller waits already: since they should have been called back, as on the board."""
    if callback.is_closed:
        return "—"
    return age(callback.due_at) if callback.due_at <= operators.now() else "not due yet"


def age(since: datetime) -> str:
    """How long something lasts, in words: ``1 hour, 5 minutes``."""
    now = operators.now()
    if now - since < timedelta(minutes=1):
        return "less than a minute"
    return timesince(since, now).replace("\xa0", " ")
