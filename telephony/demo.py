"""Demo data: a number for one location, and users with verified phones."""

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
AREA_CODE = "617"


def create_demo_phones(owner: Actor, *, people: "list[User]", location_ids: Mapping[str, str], at: datetime) -> str:
    """Give each user a verified phone, and Boston Harbour a number; returns the number."""
    for user in people:
        phone = PHONES[demo.first_name(user.name)]
        updated_user = update.update_own_profile(
            user, {"phone": phone, "settings": {"ringing": True}}, actor=permissions.user_actor(user), at=at
        )
        phone_verification.mark_verified(updated_user, at=at)
    available_number = inventory.search_numbers("US", AREA_CODE, actor=owner)[0]
    result = purchase.purchase_number(available_number.number, location_ids["Boston Harbour"], actor=owner, at=at)
    return str(result.number.number)
