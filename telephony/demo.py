"""The phones of the demo: a number for one location, and people who can be rung."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from accounts import demo, permissions
from accounts.permissions import Actor
from accounts.users import update
from telephony import phone_verification
from telephony.numbers import inventory, purchase

if TYPE_CHECKING:
    from accounts.models import User

PHONES = {
    "ann": "+16175550101",
    "abe": "+13035550102",
    "mia": "+16175550103",
    "sam": "+16175550104",
    "sue": "+16175550105",
}
AREA = "617"


def phones(owner: Actor, *, people: "list[User]", places: Mapping[str, str], at: datetime) -> str:
    """Give everybody a proven phone, and Boston Harbour a number; ids of places by name."""
    for user in people:
        phone = PHONES[demo.first_name(user.name)]
        changed = update.change_oneself(
            user,
            {"phone": phone, "settings": {"ringing": True}},
            actor=permissions.of(user),
            at=at,
        )
        phone_verification.assume(changed, at=at)
    first = inventory.search("US", AREA, actor=owner)[0]
    bought = purchase.purchase(first.number, places["Boston Harbour"], actor=owner, at=at)
    return str(bought.number.number)
