"""Users as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from accounts import locations
from accounts.models import ALL_LOCATIONS, Customer, User
from accounts.permissions import Actor
from config.api.csv_tables import Table, list_cell, local_time_cell, phone_cell

COLUMNS = (
    *("Name", "Profile name", "E-mail", "Phone", "Role", "Status", "Locations", "Skills"),
    *("Invited", "First signed in", "Time zone", "User id", "Location ids"),
)


def user_table(customer: Customer, actor: Actor) -> Table[User]:
    """The table of a customer's users; times are on the customer's clock.

    Locations that the actor cannot access have no name, only their id.
    """
    return Table("people", COLUMNS, partial(_build_rows, customer, actor))


def _build_rows(customer: Customer, actor: Actor, users: Sequence[User]) -> Iterator[Sequence[Any]]:
    zone = customer.settings.get("time_zone") or "UTC"
    names = locations.load_accessible_names((id for user in users for id in user.locations), actor)
    names[ALL_LOCATIONS] = "All locations"
    for user in users:
        yield (
            *(user.name, user.profile_name, user.email, phone_cell(user.phone), user.role, user.status),
            list_cell(sorted(names[id] for id in user.locations if id in names)),
            list_cell(user.skills),
            *(local_time_cell(user.invited_at, zone), local_time_cell(user.accepted_at, zone), zone),
            *(user.id, list_cell(user.locations)),
        )
