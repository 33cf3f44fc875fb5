"""Whose a verified token is, and what is read with them."""

from datetime import timedelta

from accounts import locations, permissions
from accounts.auth import identity
from config import dynamodb
from tests.support.users import UserFixtures, now


def test_the_first_request_does_not_work_with_what_was_read_before_it(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    authenticated = identity.authenticate_user(
        user.id,
        issued_at=now() + timedelta(seconds=1),
        origin=permissions.Origin(),
        at=now(),
        other_keys=[locations.location_key(test_users.boston.id)],
    )
    assert authenticated.user.status == "active"
    assert authenticated.records is dynamodb.NOTHING_READ
