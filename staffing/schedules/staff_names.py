"""The names of the people on schedules and shifts, for those who see these."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from accounts import users
from staffing.models import Schedule
from staffing.schedules.expansion import Shift

if TYPE_CHECKING:
    from accounts.models import User


def load_staff_names(items: Sequence[Schedule | Shift], *, caller: "User") -> Mapping[str, str]:
    """The names by id, as colleagues see them; deleted people have none.

    Reads the people who are not known yet: neither the caller nor read with a schedule that was
    just written.
    """
    names = {caller.id: users.display_name(caller)}
    for item in items:
        if known_names := (item.schedule if isinstance(item, Shift) else item).staff_names:
            names |= known_names
    unknown_ids = list(dict.fromkeys(id for item in items if (id := str(item.staff_id)) not in names))
    return names | (users.load_display_names(unknown_ids, caller.customer_id) if unknown_ids else {})
