"""Why a phone would not ring: what somebody has to mend first is told first."""

from typing import Any

import pytest

from accounts.models import User
from telephony.calls.rota.routing import skip_reason
from telephony.models import PhoneVerification

PHONE = "+16175550123"
VERIFICATION = PhoneVerification("usr_1", customer_id="cus_1", phone=PHONE)
READY = {"status": "active", "phone": PHONE, "settings": {"ringing": True}}
OFF: dict[str, Any] = {"settings": {}}
NO_PHONE: dict[str, Any] = {"phone": ""}


@pytest.mark.parametrize(
    ("changes", "verification", "expected"),
    [
        ({}, VERIFICATION, ""),
        ({}, None, "phone_not_verified"),
        ({"phone": "+16175550124"}, VERIFICATION, "phone_not_verified"),
        (OFF, VERIFICATION, "ringing_off"),
        (NO_PHONE, None, "no_phone"),
        (NO_PHONE | OFF, None, "no_phone"),
        ({"status": "invited"} | OFF, None, "not_signed_in"),
        ({"status": "invited"} | OFF | NO_PHONE, None, "not_signed_in"),
        ({"status": "invited"} | OFF, VERIFICATION, "ringing_off"),
        # Invited again, or an administrator has turned calls on: their phone rings all the same.
        ({"status": "invited"}, VERIFICATION, ""),
        ({"status": "invited"}, None, "phone_not_verified"),
        ({"status": "blocked"} | OFF | NO_PHONE, None, "blocked"),
        ({"phone": "+493012345678"}, PhoneVerification("usr_1", phone="+493012345678"), "other_country"),
    ],
)
def test_the_reason_is_what_has_to_be_mended_first(
    changes: dict[str, Any], verification: PhoneVerification | None, expected: str
) -> None:
    user = User("usr_1", customer_id="cus_1", **(READY | changes))
    assert skip_reason(user, verification, "US") == expected
