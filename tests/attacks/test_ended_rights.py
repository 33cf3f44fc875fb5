"""Rights end where they end: what somebody could read with them does not outlive them."""

import httpx
import pytest

from accounts import permissions
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation

FEED_PATH = "/user/calendar-feed"


@pytest.fixture
def sue(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user(name="Sue"))


def set_permissions(test_users: UserFixtures, person: SignedInUser, *names: str) -> None:
    response = test_users.ann.patch("/userManagement", {"id": person.id, "permissions": list(names)})
    assert response.status_code == 200, response.text


def test_a_feed_ends_with_the_right_to_read(test_users: UserFixtures, sue: SignedInUser) -> None:
    """M9: without `schedules:read` the feed stayed readable, and could not be closed any more."""
    url = sue.post(FEED_PATH, {}).json()["url"]
    first = httpx.get(url)
    assert first.status_code == 200
    set_permissions(test_users, sue, "self:read")

    assert sue.get(f"/staffSchedule?customerId={test_users.customer.id}").status_code == 403
    assert httpx.get(url).status_code == 404
    assert httpx.get(url, headers={"If-None-Match": first.headers["ETag"]}).status_code == 404
    assert sue.post(FEED_PATH, {}).status_code == 403
    assert sue.delete(FEED_PATH).status_code == 200

    set_permissions(test_users, sue, *permissions.ROLES["staff"])
    assert httpx.get(url).status_code == 404, "it was closed"


def test_a_feed_is_there_again_with_the_right(test_users: UserFixtures, sue: SignedInUser) -> None:
    url = sue.post(FEED_PATH, {}).json()["url"]
    set_permissions(test_users, sue, "self:read")
    assert httpx.get(url).status_code == 404
    set_permissions(test_users, sue, *permissions.ROLES["staff"])
    assert httpx.get(url).status_code == 200


def test_a_feed_ends_with_the_account(test_users: UserFixtures, sue: SignedInUser) -> None:
    url = sue.post(FEED_PATH, {}).json()["url"]
    etag = httpx.get(url).headers["ETag"]
    assert test_users.ann.patch("/userManagement", {"id": sue.id, "status": "blocked"}).is_success
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 404
