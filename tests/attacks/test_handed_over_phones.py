"""Phones of an earlier holder: that of somebody else rings no longer, a long-standing one stays."""

from datetime import timedelta

import pytest

from accounts import permissions, users
from accounts.models import User
from config import journal
from telephony import phone_verification
from tests.attacks.test_handover import change_address
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, emails_to, enable_ringing, now, process_outbox


@pytest.mark.parametrize(("days", "is_own_change", "rings"), [(1, False, False), (31, False, True), (1, True, True)])
def test_a_phone_of_a_recent_holder_rings_no_longer(
    test_users: UserFixtures, env: Environment, *, days: int, is_own_change: bool, rings: bool
) -> None:
    """Whoever got a mistyped invitation verified a phone: calls rang it after the correction."""
    role = "owner" if is_own_change else "staff"  # only owners change their own
    user = test_users.create_user(role=role, locations=["*"])
    holder = accept_invitation(env, test_users.ann.web, user)
    system = permissions.system_actor(test_users.customer.id)
    with journal.write(system, "user.changed", holder.user, now()) as write:
        write.update(holder.user, [User.accepted_at.set(now() - timedelta(days=days))])
    number = enable_ringing(users.get_user(holder.id))
    assert phone_verification.get_state(users.get_user(holder.id), at=now()).rings
    address = f"right.{holder.user.email}"

    if is_own_change:
        assert holder.patch("/userManagement", {"id": holder.id, "email": address}).is_success
    else:
        assert change_address(test_users, holder.user).is_success

    present = users.get_user(holder.id)
    assert (present.phone, phone_verification.get_state(present, at=now()).rings) == (number, rings)
    process_outbox()
    assert f"ends in {number[-2:]}." in emails_to(env, address)[0]["text"]
    entries = test_users.ann.get(f"/user/{holder.id}/audit-logs").json()["items"]
    assert ("phone.unverified" in [entry["action"] for entry in entries]) is not rings
