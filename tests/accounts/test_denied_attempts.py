"""Attempts to exceed one's permissions are rejected and audited."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from accounts import customers, permissions, users
from accounts.models import Customer, User
from config import dynamodb
from tests.accounts.test_permissions import SELF_SERVICE
from tests.support.attempts import forget_denied_attempts
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.samples import UNKNOWN_IDS
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, parse_problem


def latest_entries(test_users: UserFixtures, person: SignedInUser, limit: int = 1) -> list[dict[str, Any]]:
    """The latest audit entries of a person."""
    response = test_users.ann.get(f"/user/{person.id}/audit-logs?limit={limit}")
    return list(response.json()["items"])


def update_user(person: SignedInUser, user: User, **changes: Any) -> httpx.Response:
    return person.patch("/userManagement", {"id": user.id, **changes})


@pytest.fixture(autouse=True)
def without_earlier_attempts(test_users: UserFixtures) -> None:
    """Each attempt of a test is the first of its hour."""
    for person in test_users.users_by_role.values():
        forget_denied_attempts(person.id)


@dataclass(frozen=True)
class AttemptCase:
    """A forbidden request: actor, target user, changes, and the expected error code."""

    actor_name: str
    create_target: Callable[[UserFixtures], User]
    changes: dict[str, Any] = field(default_factory=dict)
    code: str = "grant_refused"
    method: str = "PATCH"

    def send(self, test_users: UserFixtures) -> tuple[User, httpx.Response]:
        person: SignedInUser = getattr(test_users, self.actor_name)
        user = self.create_target(test_users)
        location_ids = {"boston": test_users.boston.id, "denver": test_users.denver.id}
        changes = {
            name: [location_ids.get(location_name, location_name) for location_name in value]
            if name == "locations"
            else value
            for name, value in self.changes.items()
        }
        body = {"id": user.id, **changes}
        return user, person.request(self.method, "/userManagement", json=body)


def create_staff(test_users: UserFixtures) -> User:
    return test_users.create_user()


def create_staff_in_both_locations(test_users: UserFixtures) -> User:
    return test_users.create_user(locations=[test_users.boston.id, test_users.denver.id])


def create_staff_without_location(test_users: UserFixtures) -> User:
    return test_users.create_user(locations=[])


def create_manager(test_users: UserFixtures) -> User:
    return test_users.create_user(role="manager")


def create_admin(test_users: UserFixtures) -> User:
    return test_users.create_user(role="admin", locations=["*"])


ATTEMPT_CASES = {
    "an admin promotes to owner": AttemptCase("abe", create_staff, {"userRole": "owner"}),
    "an admin grants an owner permission": AttemptCase("abe", create_staff, {"permissions": ["owners:manage"]}),
    "an admin changes another admin": AttemptCase("abe", create_admin, {"name": "X"}, "target_forbidden"),
    "an admin demotes another admin": AttemptCase("abe", create_admin, {"userRole": "staff"}, "target_forbidden"),
    "an admin changes themself via user management": AttemptCase(
        "abe", lambda test_users: test_users.abe.user, {"name": "X"}, "target_forbidden"
    ),
    "an admin blocks the owner": AttemptCase(
        "abe", lambda test_users: test_users.ann.user, {"status": "blocked"}, "target_forbidden"
    ),
    "an admin deletes the owner": AttemptCase(
        "abe", lambda test_users: test_users.ann.user, {}, "target_forbidden", "DELETE"
    ),
    "an admin deletes another admin": AttemptCase("abe", create_admin, {}, "target_forbidden", "DELETE"),
    "a manager changes another manager": AttemptCase("mia", create_manager, {"name": "X"}, "target_forbidden"),
    "a manager promotes": AttemptCase("mia", create_staff, {"userRole": "manager"}),
    "a manager grants a permission": AttemptCase("mia", create_staff, {"permissions": ["self:read", "users:read"]}),
    "a manager revokes permissions": AttemptCase("mia", create_staff, {"permissions": ["self:read"]}),
    "a manager assigns another location": AttemptCase("mia", create_staff, {"locations": ["boston", "denver"]}),
    "a manager assigns all locations": AttemptCase("mia", create_staff, {"locations": ["*"]}),
    "a manager removes all locations of a user": AttemptCase("mia", create_staff, {"locations": []}),
    "a manager changes a user of two locations": AttemptCase(
        "mia", create_staff_in_both_locations, {"name": "X"}, "target_forbidden"
    ),
    "a manager blocks a user of two locations": AttemptCase(
        "mia", create_staff_in_both_locations, {"status": "blocked"}, "target_forbidden"
    ),
    "a manager changes a user without location": AttemptCase(
        "mia", create_staff_without_location, {"name": "X"}, "target_forbidden"
    ),
    "a manager assigns a user without location": AttemptCase(
        "mia", create_staff_without_location, {"locations": ["boston"]}, "target_forbidden"
    ),
    "a manager changes the e-mail of a user with more permissions": AttemptCase(
        "mia",
        lambda test_users: test_users.create_user(permissions=["self:read", "audit:read"]),
        {"email": "taken.over@cast.example"},
        "target_forbidden",
    ),
    "the last owner demotes themself": AttemptCase(
        "ann", lambda test_users: test_users.ann.user, {"userRole": "admin"}, "last_owner"
    ),
    "the last owner blocks themself": AttemptCase(
        "ann", lambda test_users: test_users.ann.user, {"status": "blocked"}, "last_owner"
    ),
    "the last owner limits their own locations": AttemptCase(
        "ann", lambda test_users: test_users.ann.user, {"locations": ["boston"]}, "last_owner"
    ),
    "the last owner gives up a permission": AttemptCase(
        "ann",
        lambda test_users: test_users.ann.user,
        {"permissions": sorted(permissions.PERMISSIONS - {"calls:read"})},
        "last_owner",
    ),
    "the last owner deletes themself": AttemptCase(
        "ann", lambda test_users: test_users.ann.user, {}, "last_owner", "DELETE"
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPT_CASES.values(), ids=ATTEMPT_CASES.keys())
def test_forbidden_change_is_refused_and_audited(test_users: UserFixtures, attempt: AttemptCase) -> None:
    user, response = attempt.send(test_users)
    person: SignedInUser = getattr(test_users, attempt.actor_name)

    assert response.status_code == (409 if attempt.code == "last_owner" else 403), response.text
    assert parse_problem(response)["code"] == attempt.code
    stored_user = users.get_user(user.id)
    assert (stored_user.status, stored_user.role, stored_user.name) == (user.status, user.role, user.name)
    assert list(stored_user.locations) == list(user.locations)
    entry = latest_entries(test_users, person)[0]
    expected_action = "grant.refused" if attempt.code == "grant_refused" else "attempt.refused"
    assert entry["action"] == expected_action
    assert entry["subject"]["id"] == user.id
    assert {"field": "reason", "before": None, "after": attempt.code} in entry["changes"]


SELF_GRANT_CASES: list[tuple[str, dict[str, Any]]] = [
    ("sam", {"userPermissions": ["self:read", "users:read"]}),
    ("sam", {"locations": ["*"]}),
    ("mia", {"userPermissions": sorted(permissions.ROLES["admin"])}),
    ("mia", {"locations": ["boston", "denver"]}),
    ("mia", {"locations": ["denver"]}),
    ("abe", {"userPermissions": sorted(permissions.PERMISSIONS)}),
]


@pytest.mark.parametrize(("actor_name", "changes"), SELF_GRANT_CASES)
def test_users_cannot_extend_their_own_rights(
    test_users: UserFixtures, actor_name: str, changes: dict[str, Any]
) -> None:
    person: SignedInUser = getattr(test_users, actor_name)
    location_ids = {"boston": test_users.boston.id, "denver": test_users.denver.id}
    body = {
        name: [location_ids.get(location_name, location_name) for location_name in value]
        for name, value in changes.items()
    }

    response = person.patch("/user", body)

    assert response.status_code == 403
    assert parse_problem(response)["code"] == "grant_refused"
    entry = latest_entries(test_users, person)[0]
    assert (entry["action"], entry["subject"]["id"]) == ("grant.refused", person.id)
    audited_values = {change["field"]: change["after"] for change in entry["changes"]}
    (requested_value,) = body.values()
    assert requested_value in audited_values.values()
    assert users.get_user(person.id).version == person.user.version


def test_other_customer_is_refused_and_audited(test_users: UserFixtures) -> None:
    for other_customer_id in (test_users.other_customer.id, UNKNOWN_IDS["cus"]):
        query = {"params": {"customerId": other_customer_id}}
        body = {"json": test_users.user_body(customerId=other_customer_id)}
        for method, path, options in (("GET", "/userManagement", query), ("POST", "/user", body)):
            forget_denied_attempts(test_users.abe.id)
            response = test_users.abe.request(method, path, **options)
            assert parse_problem(response)["code"] == "foreign_customer"
            entry = latest_entries(test_users, test_users.abe)[0]
            assert entry["action"] == "attempt.refused"
            assert {"field": "customerId", "before": None, "after": other_customer_id} in entry["changes"]


def test_narrowed_rights_apply_from_the_next_request(test_users: UserFixtures, env: Environment) -> None:
    person = accept_invitation(env, test_users.ann.web, test_users.create_user(role="manager"))
    remaining_permissions = sorted(permissions.ROLES["manager"] - {"users:read"})

    response = person.patch("/user", {"userPermissions": remaining_permissions})

    assert response.status_code == 200
    assert response.json()["permissions"] == remaining_permissions
    assert response.json()["deniedPermissions"] == ["users:read"]
    assert person.get("/userManagement").status_code == 403
    assert person.patch("/user", {"userPermissions": sorted([*remaining_permissions, "users:read"])}).status_code == 403
    entry = latest_entries(test_users, person, 2)[1]
    assert {"field": "denied", "before": [], "after": ["users:read"]} in entry["changes"]


def test_new_role_resets_permissions(test_users: UserFixtures) -> None:
    user = test_users.create_user()
    customized = update_user(test_users.ann, user, permissions=["self:read", "audit:read"]).json()
    assert customized["extraPermissions"] == ["audit:read"]

    promoted = update_user(test_users.ann, user, userRole="manager").json()
    role_and_permissions = update_user(test_users.ann, user, userRole="staff", permissions=["self:read"]).json()

    assert promoted["permissions"] == sorted(permissions.ROLES["manager"])
    assert (role_and_permissions["role"], role_and_permissions["permissions"]) == ("staff", sorted(SELF_SERVICE))


def test_owners_manage_owners_and_admins_manage_up_to_admin(test_users: UserFixtures) -> None:
    other_owner = test_users.create_user(role="owner", locations=["*"])

    assert update_user(test_users.abe, other_owner, name="X").status_code == 403
    assert update_user(test_users.ann, other_owner, userRole="admin").json()["role"] == "admin"
    assert update_user(test_users.abe, test_users.create_user(), userRole="admin").json()["role"] == "admin"


def test_limited_admin_grants_only_own_permissions(test_users: UserFixtures, env: Environment) -> None:
    limited_permissions = sorted(permissions.ROLES["admin"] - {"audit:read"})
    admin_user = test_users.create_user(role="admin", locations=["*"], permissions=limited_permissions)
    limited_admin = accept_invitation(env, test_users.ann.web, admin_user)
    holder = test_users.create_user(permissions=["self:read", "audit:read"])

    assert update_user(limited_admin, test_users.create_user(), userRole="admin").status_code == 403
    assert (
        update_user(
            limited_admin, test_users.create_user(), userRole="admin", permissions=limited_permissions
        ).status_code
        == 200
    )
    assert update_user(limited_admin, test_users.create_user(), permissions=["audit:read"]).status_code == 403
    response = update_user(limited_admin, holder, permissions=["audit:read"])
    assert response.json()["extraPermissions"] == ["audit:read"], "a permission the user already has is not a grant"


@dataclass(frozen=True)
class TwoOwnerCustomer:
    """A customer of its own with two owners."""

    customer: Customer
    first: SignedInUser
    second: SignedInUser


@pytest.fixture
def two_owner_customer(test_users: UserFixtures, env: Environment) -> TwoOwnerCustomer:
    from tests.support.users import create_user_fixtures

    owner_fixtures = create_user_fixtures(env, test_users.ann.web)
    second_owner = accept_invitation(env, test_users.ann.web, owner_fixtures.create_user(role="owner", locations=["*"]))
    return TwoOwnerCustomer(owner_fixtures.customer, owner_fixtures.ann, second_owner)


OWNER_REMOVALS: dict[str, Callable[[SignedInUser, SignedInUser], httpx.Response]] = {
    "deleted": lambda by, who: by.delete("/userManagement", {"id": who.id}),
    "blocked": lambda by, who: by.patch("/userManagement", {"id": who.id, "status": "blocked"}),
    "demoted": lambda by, who: by.patch("/userManagement", {"id": who.id, "userRole": "admin"}),
    "without locations": lambda by, who: by.patch("/user", {"locations": []}),
    "deletes themself": lambda by, who: who.delete("/user", {"id": who.id}),
}


@pytest.mark.parametrize("removal", OWNER_REMOVALS)
def test_concurrent_owner_removals_leave_an_owner(
    test_users: UserFixtures,
    env: Environment,
    two_owner_customer: TwoOwnerCustomer,
    removal: str,
    record_figure: Callable[[str], None],
) -> None:
    rounds = 50 if IS_SCALE_RUN else 10
    owners = [two_owner_customer.first, two_owner_customer.second]
    for _ in range(rounds):
        first_owner, second_owner = owners
        first_pair, second_pair = ((first_owner, second_owner), (second_owner, first_owner))
        if removal == "without locations":
            first_pair, second_pair = ((first_owner, first_owner), (second_owner, second_owner))
        with ThreadPoolExecutor(2) as pool:
            responses = list(pool.map(lambda pair: OWNER_REMOVALS[removal](*pair), [first_pair, second_pair]))
        statuses = sorted(response.status_code for response in responses)
        # 401 if the loser was removed before their request was authenticated
        assert statuses[0] == 200, [response.text for response in responses]
        assert statuses[1] in (401, 403, 409), [response.text for response in responses]
        remaining_owners = [person for person in owners if is_owner(person)]
        assert len(remaining_owners) == 1
        assert customers.get_customer(two_owner_customer.customer.id).owner_count == 1
        owners = [remaining_owners[0], create_owner(env, remaining_owners[0])]
    record_figure(f"owners, {removal}: {rounds} of {rounds} races had exactly one success")


def is_owner(person: SignedInUser) -> bool:
    user = dynamodb.get_record(User, person.id)
    has_owner_role = user is not None and (user.role, user.status) == ("owner", "active")
    return has_owner_role and user is not None and "*" in user.locations


def create_owner(env: Environment, owner: SignedInUser) -> SignedInUser:
    """Add a second owner for the next round."""
    from tests.support.users import new_user_body

    body = {**new_user_body(owner.user.customer_id), "role": "owner"}
    response = owner.post("/user", body)
    assert response.status_code == 201, response.text
    return accept_invitation(env, owner.web, users.get_user(response.json()["id"]))
