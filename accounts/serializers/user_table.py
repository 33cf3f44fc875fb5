"""Users as CSV."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from accounts import locations
from accounts.models import ALL_LOCATIONS, Customer, User
from config.api.csv_tables import Table, list_cell, local_time_cell, phone_cell

COLUMNS = (
    *("Name", "Profile name", "E-mail", "Phone", "Role", "Status", "Locations", "Skills"),
    *("Invited", "First signed in", "Time zone", "User id", "Location ids"),
)


def user_table(customer: Customer) -> Table[User]:
    """The table of a customer's users; times are on the customer's clock."""
    return Table("people", COLUMNS, partial(_build_rows, customer))


def _build_rows(customer: Customer, users: Sequence[User]) -> Iterator[Sequence[Any]]:
    zone = customer.settings.get("time_zone") or "UTC"
    location_ids = dict.fromkeys(id for user in users for id in user.locations if id != ALL_LOCATIONS)
    locations_by_id = locations.load_locations(list(location_ids), customer.id)
    names = {id: str(location.name) for id, location in locations_by_id.items()} | {ALL_LOCATIONS: "All locations"}
    for user in users:
        yield (
            *(user.name, user.profile_name, user.email, phone_cell(user.phone), user.role, user.status),
            list_cell(sorted(names.get(id, id) for id in user.locations)),
            list_cell(user.skills),
            *(local_time_cell(user.invited_at, zone), local_time_cell(user.accepted_at, zone), zone),
            *(user.id, list_cell(user.locations)),
        )
