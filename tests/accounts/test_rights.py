"""Attempts to go beyond one's rights: refused, and in the audit, whoever tries and however."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from accounts import customers, permissions, users
from accounts.models import Customer, User
from config import dynamodb
from tests.conftest import Cast, Person, come, problem
from tests.support.environment import SCALE, World
from tests.support.samples import UNKNOWN


def entries(cast: Cast, person: Person, limit: int = 1) -> list[dict[str, Any]]:
    """The latest audit entries of a person."""
    found = cast.ann.get(f"/user/{person.id}/audit-logs?limit={limit}")
    return list(found.json()["items"])


def manage(person: Person, user: User, **asked: Any) -> httpx.Response:
    return person.patch("/userManagement", {"id": user.id, **asked})


@dataclass(frozen=True)
class Attempt:
    """Who tries what on whom, and the code it must end with."""

    by: str
    on: Callable[[Cast], User]
    asked: dict[str, Any] = field(default_factory=dict)
    code: str = "grant_refused"
    method: str = "PATCH"

    def make(self, cast: Cast) -> tuple[User, httpx.Response]:
        person: Person = getattr(cast, self.by)
        user = self.on(cast)
        places = {"boston": cast.boston.id, "denver": cast.denver.id}
        asked = {
            name: [places.get(one, one) for one in value] if name == "locations" else value
            for name, value in self.asked.items()
        }
        body = {"id": user.id, **asked}
        return user, person.call(self.method, "/userManagement", json=body)


def staff(cast: Cast) -> User:
    return cast.fresh()


def in_both(cast: Cast) -> User:
    return cast.fresh(locations=[cast.boston.id, cast.denver.id])


def nowhere(cast: Cast) -> User:
    return cast.fresh(locations=[])


def manager(cast: Cast) -> User:
    return cast.fresh(role="manager")


def admin(cast: Cast) -> User:
    return cast.fresh(role="admin", locations=["*"])


ATTEMPTS = {
    "an admin makes an owner": Attempt("abe", staff, {"userRole": "owner"}),
    "an admin grants what no admin holds": Attempt(
        "abe", staff, {"permissions": ["owners:manage"]}
    ),
    "an admin changes an equal": Attempt("abe", admin, {"name": "X"}, "beyond_reach"),
    "an admin demotes an equal": Attempt("abe", admin, {"userRole": "staff"}, "beyond_reach"),
    "an admin changes themself here": Attempt(
        "abe", lambda cast: cast.abe.user, {"name": "X"}, "beyond_reach"
    ),
    "an admin blocks the owner": Attempt(
        "abe", lambda cast: cast.ann.user, {"status": "blocked"}, "beyond_reach"
    ),
    "an admin deletes the owner": Attempt(
        "abe", lambda cast: cast.ann.user, {}, "beyond_reach", "DELETE"
    ),
    "an admin deletes an equal": Attempt("abe", admin, {}, "beyond_reach", "DELETE"),
    "a manager changes an equal": Attempt("mia", manager, {"name": "X"}, "beyond_reach"),
    "a manager promotes": Attempt("mia", staff, {"userRole": "manager"}),
    "a manager grants": Attempt("mia", staff, {"permissions": ["self:read", "users:read"]}),
    "a manager takes permissions away": Attempt("mia", staff, {"permissions": ["self:read"]}),
    "a manager gives another location": Attempt("mia", staff, {"locations": ["boston", "denver"]}),
    "a manager gives every location": Attempt("mia", staff, {"locations": ["*"]}),
    "a manager moves somebody out of sight": Attempt("mia", staff, {"locations": []}),
    "a manager changes who works elsewhere too": Attempt(
        "mia", in_both, {"name": "X"}, "beyond_reach"
    ),
    "a manager blocks who works elsewhere too": Attempt(
        "mia", in_both, {"status": "blocked"}, "beyond_reach"
    ),
    "a manager changes who works nowhere": Attempt("mia", nowhere, {"name": "X"}, "beyond_reach"),
    "a manager takes in who works nowhere": Attempt(
        "mia", nowhere, {"locations": ["boston"]}, "beyond_reach"
    ),
    "a manager takes over who may do more": Attempt(
        "mia",
        lambda cast: cast.fresh(permissions=["self:read", "audit:read"]),
        {"email": "taken.over@cast.example"},
        "beyond_reach",
    ),
    "the last owner demotes themself": Attempt(
        "ann", lambda cast: cast.ann.user, {"userRole": "admin"}, "last_owner"
    ),
    "the last owner blocks themself": Attempt(
        "ann", lambda cast: cast.ann.user, {"status": "blocked"}, "last_owner"
    ),
    "the last owner confines themself": Attempt(
        "ann", lambda cast: cast.ann.user, {"locations": ["boston"]}, "last_owner"
    ),
    "the last owner denies themself something": Attempt(
        "ann",
        lambda cast: cast.ann.user,
        {"permissions": sorted(permissions.PERMISSIONS - {"push:manage"})},
        "last_owner",
    ),
    "the last owner deletes themself": Attempt(
        "ann", lambda cast: cast.ann.user, {}, "last_owner", "DELETE"
    ),
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
def test_an_attempt_is_refused_and_audited(cast: Cast, attempt: Attempt) -> None:
    user, answer = attempt.make(cast)
    person: Person = getattr(cast, attempt.by)

    assert answer.status_code == (409 if attempt.code == "last_owner" else 403), answer.text
    assert problem(answer)["code"] == attempt.code
    kept = users.get(user.id)
    assert (kept.status, kept.role, kept.name) == (user.status, user.role, user.name)
    assert list(kept.locations) == list(user.locations)
    line = entries(cast, person)[0]
    refused = "grant.refused" if attempt.code == "grant_refused" else "attempt.refused"
    assert line["action"] == refused
    assert line["subject"]["id"] == user.id
    assert {"field": "reason", "before": None, "after": attempt.code} in line["changes"]


WIDENINGS: list[tuple[str, dict[str, Any]]] = [
    ("sam", {"userPermissions": ["self:read", "users:read"]}),
    ("sam", {"locations": ["*"]}),
    ("mia", {"userPermissions": sorted(permissions.ROLES["admin"])}),
    ("mia", {"locations": ["boston", "denver"]}),
    ("mia", {"locations": ["denver"]}),
    ("abe", {"userPermissions": sorted(permissions.PERMISSIONS)}),
]


@pytest.mark.parametrize(("who", "asked"), WIDENINGS)
def test_nobody_widens_themself(cast: Cast, who: str, asked: dict[str, Any]) -> None:
    person: Person = getattr(cast, who)
    places = {"boston": cast.boston.id, "denver": cast.denver.id}
    body = {name: [places.get(one, one) for one in value] for name, value in asked.items()}

    answer = person.patch("/user", body)

    assert answer.status_code == 403
    assert problem(answer)["code"] == "grant_refused"
    line = entries(cast, person)[0]
    assert (line["action"], line["subject"]["id"]) == ("grant.refused", person.id)
    told = {change["field"]: change["after"] for change in line["changes"]}
    (asked_for,) = body.values()
    assert asked_for in told.values()
    assert users.get(person.id).version == person.user.version


def test_a_foreign_customer_is_refused_and_audited(cast: Cast) -> None:
    for foreign in (cast.elsewhere.id, UNKNOWN["cus"]):
        asked = cast.abe.get("/userManagement", params={"customerId": foreign})
        assert problem(asked)["code"] == "foreign_customer"
        line = entries(cast, cast.abe)[0]
        assert line["action"] == "attempt.refused"
        assert {"field": "customerId", "before": None, "after": foreign} in line["changes"]
        for path in ("/user", "/userManagement"):
            answer = cast.abe.post(path, cast.new_user(customerId=foreign))
            assert problem(answer)["code"] == "foreign_customer"
        lines = entries(cast, cast.abe, 3)
        assert [line["action"] for line in lines] == ["attempt.refused"] * 3


def test_rights_narrow_and_hold_from_the_next_request(cast: Cast, world: World) -> None:
    person = come(world, cast.ann.web, cast.fresh(role="manager"))
    kept = sorted(permissions.ROLES["manager"] - {"users:read"})

    narrowed = person.patch("/user", {"userPermissions": kept})

    assert narrowed.status_code == 200
    assert narrowed.json()["permissions"] == kept
    assert narrowed.json()["deniedPermissions"] == ["users:read"]
    assert person.get("/userManagement").status_code == 403
    assert (
        person.patch("/user", {"userPermissions": sorted([*kept, "users:read"])}).status_code == 403
    )
    line = entries(cast, person, 2)[1]
    assert {"field": "denied", "before": [], "after": ["users:read"]} in line["changes"]


def test_a_new_role_brings_its_own_permissions(cast: Cast) -> None:
    user = cast.fresh()
    tailored = manage(cast.ann, user, permissions=["self:read", "audit:read"]).json()
    assert tailored["extraPermissions"] == ["audit:read"]

    promoted = manage(cast.ann, user, userRole="manager").json()
    both = manage(cast.ann, user, userRole="staff", permissions=["self:read"]).json()

    assert promoted["permissions"] == sorted(permissions.ROLES["manager"])
    assert (both["role"], both["permissions"]) == ("staff", ["self:read"])


def test_owners_act_on_owners_and_admins_up_to_admin(cast: Cast) -> None:
    other = cast.fresh(role="owner", locations=["*"])

    assert manage(cast.abe, other, name="X").status_code == 403
    assert manage(cast.ann, other, userRole="admin").json()["role"] == "admin"
    assert manage(cast.abe, cast.fresh(), userRole="admin").json()["role"] == "admin"


def test_a_limited_admin_gives_only_what_they_hold(cast: Cast, world: World) -> None:
    less = sorted(permissions.ROLES["admin"] - {"audit:read"})
    wanted = cast.fresh(role="admin", locations=["*"], permissions=less)
    limited = come(world, cast.ann.web, wanted)
    holder = cast.fresh(permissions=["self:read", "audit:read"])

    assert manage(limited, cast.fresh(), userRole="admin").status_code == 403
    assert manage(limited, cast.fresh(), userRole="admin", permissions=less).status_code == 200
    assert manage(limited, cast.fresh(), permissions=["audit:read"]).status_code == 403
    kept = manage(limited, holder, permissions=["audit:read"])
    assert kept.json()["permissions"] == ["audit:read"], "what they had already is not given"


@dataclass(frozen=True)
class Business:
    """A customer with two owners of its own."""

    customer: Customer
    first: Person
    second: Person


@pytest.fixture
def business(cast: Cast, world: World) -> Business:
    from tests.conftest import make_cast

    small = make_cast(world, cast.ann.web)
    second = come(world, cast.ann.web, small.fresh(role="owner", locations=["*"]))
    return Business(small.customer, small.ann, second)


GOING: dict[str, Callable[[Person, Person], httpx.Response]] = {
    "deleted": lambda by, who: by.delete("/userManagement", {"id": who.id}),
    "blocked": lambda by, who: by.patch("/userManagement", {"id": who.id, "status": "blocked"}),
    "demoted": lambda by, who: by.patch("/userManagement", {"id": who.id, "userRole": "admin"}),
    "confined": lambda by, who: by.patch("/user", {"locations": []}),
    "deletes themself": lambda by, who: who.delete("/user", {"id": who.id}),
}


@pytest.mark.parametrize("way", GOING)
def test_of_two_owners_at_once_exactly_one_goes(
    cast: Cast, world: World, business: Business, way: str, say: Callable[[str], None]
) -> None:
    rounds = 50 if SCALE else 10
    owners = [business.first, business.second]
    for _ in range(rounds):
        one, other = owners
        by_one, by_other = ((one, other), (other, one))
        if way == "confined":
            by_one, by_other = ((one, one), (other, other))
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(lambda pair: GOING[way](*pair), [by_one, by_other]))
        statuses = sorted(answer.status_code for answer in answers)
        # Who is gone before their own request is judged is refused at the door.
        assert statuses[0] == 200, [answer.text for answer in answers]
        assert statuses[1] in (401, 403, 409), [answer.text for answer in answers]
        left = [person for person in owners if is_owner(person)]
        assert len(left) == 1
        assert customers.get(business.customer.id).owner_count == 1
        owners = [left[0], next_owner(world, left[0])]
    say(f"owners, {way}: {rounds} of {rounds} races had exactly one success")


def is_owner(person: Person) -> bool:
    user = dynamodb.get(User, person.id)
    found = user is not None and (user.role, user.status) == ("owner", "active")
    return found and user is not None and "*" in user.locations


def next_owner(world: World, by: Person) -> Person:
    """A second owner for the next round."""
    from tests.conftest import new_body

    body = {**new_body(by.user.customer_id), "role": "owner"}
    made = by.post("/user", body)
    assert made.status_code == 201, made.text
    return come(world, by.web, users.get(made.json()["id"]))
