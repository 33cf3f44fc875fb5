"""Who may grant what: a table of cases, and the escalations that must fail over HTTP."""

from itertools import pairwise
from typing import Any

import pytest

from accounts import permissions, users
from accounts.users import email_address
from tests.conftest import Cast, Person, come, problem
from tests.support.environment import World

GRANTS = [
    # actor, role given, extra, locations, allowed
    ("owner", "owner", [], ["*"], True),
    ("owner", "admin", [], ["*"], True),
    ("owner", "staff", ["audit:read"], [], True),
    ("admin", "owner", [], ["*"], False),
    ("admin", "admin", [], ["*"], True),
    ("admin", "manager", [], ["b"], True),
    ("admin", "staff", ["audit:read"], [], True),
    ("admin", "staff", ["owners:manage"], [], False),
    ("manager", "manager", [], ["b"], False),
    ("manager", "admin", [], ["b"], False),
    ("manager", "staff", [], ["b"], True),
    ("manager", "staff", [], ["b", "d"], False),
    ("manager", "staff", [], ["*"], False),
    ("manager", "staff", [], [], False),
    ("manager", "staff", ["users:read"], ["b"], False),
]


def acting(role: str, locations: tuple[str, ...]) -> permissions.Actor:
    return permissions.Actor(
        "user",
        "usr_x",
        "X",
        "cus_x",
        role=role,
        permissions=permissions.ROLES[role],
        locations=locations,
    )


@pytest.mark.parametrize(("by", "role", "extra", "locations", "allowed"), GRANTS)
def test_nobody_gives_what_they_do_not_hold(
    by: str, role: str, extra: list[str], locations: list[str], allowed: bool
) -> None:
    actor = acting(by, ("b",) if by == "manager" else ("*",))
    given = permissions.Standing(role, extra, locations=locations)
    if allowed:
        permissions.check_grant(actor, given)
        return
    with pytest.raises(permissions.GrantRefused):
        permissions.check_grant(actor, given)


def test_roles_contain_each_other() -> None:
    roles = list(permissions.ROLES.values())
    assert all(lower < higher for lower, higher in pairwise(roles))
    assert permissions.effective("staff", ["audit:read"], ["self:read"]) == (
        permissions.ROLES["staff"] | {"audit:read"}
    ) - {"self:read"}
    assert permissions.split("staff", ["self:read", "audit:read"])[0] == ["audit:read"]


def test_refused_grants_are_refused_and_audited(cast: Cast) -> None:
    boston, denver = cast.boston.id, cast.denver.id
    attempts: list[tuple[Any, dict[str, Any]]] = [
        (cast.abe, {"role": "owner"}),
        (cast.abe, {"permissions": ["owners:manage"]}),
        (cast.mia, {"role": "manager", "locations": [boston]}),
        (cast.mia, {"locations": [boston, denver]}),
        (cast.mia, {"locations": ["*"]}),
        (cast.mia, {}),
        (cast.mia, {"locations": [boston], "permissions": ["audit:read"]}),
    ]
    for person, more in attempts:
        answer = person.post("/user", cast.new_user(**more))
        assert answer.status_code == 403, more
        assert problem(answer)["code"] == "grant_refused"
        line = cast.ann.get(f"/user/{person.id}/audit-logs?limit=1").json()["items"][0]
        assert line["action"] == "grant.refused"
        asked = {change["field"]: change["after"] for change in line["changes"]}
        assert asked["role"] == more.get("role", "staff")


def join(cast: Cast, world: World, **more: Any) -> Person:
    """Somebody new of Harbour Dental, signed in."""
    made = cast.ann.post("/user", cast.new_user(**more))
    assert made.status_code == 201, made.text
    return come(world, cast.ann.web, users.get(made.json()["id"]))


def test_a_role_brings_nothing_that_its_giver_lacks(cast: Cast, world: World) -> None:
    less = sorted(permissions.ROLES["admin"] - {"audit:read", "users:delete"})
    limited = join(cast, world, role="admin", permissions=less)

    whole = limited.post("/user", cast.new_user(role="admin"))
    same = limited.post("/user", cast.new_user(role="admin", permissions=less))

    assert problem(whole)["code"] == "grant_refused"
    assert same.status_code == 201


def test_who_is_confined_reads_the_logs_of_their_own_locations_only(
    cast: Cast, world: World
) -> None:
    local = join(cast, world, role="admin", locations=[cast.boston.id])
    denver = cast.ann.post("/user", cast.new_user(locations=[cast.denver.id])).json()
    both = cast.ann.post("/user", cast.new_user(locations=[cast.boston.id, cast.denver.id])).json()

    def status(id: str) -> int:
        return local.get(f"/user/{id}/audit-logs").status_code

    assert status(cast.sam.id) == status(local.id) == 200
    assert status(denver["id"]) == status(both["id"]) == status(cast.ann.id) == 403
    assert status(cast.cleo.id) == 404
    assert cast.ann.get(f"/user/{cast.customer.id}/audit-logs").status_code == 404


def test_a_manager_invites_staff_for_their_own_location(cast: Cast) -> None:
    answer = cast.mia.post("/user", cast.new_user(locations=[cast.boston.id]))

    assert answer.status_code == 201


def test_permissions_are_the_list_that_is_wanted(cast: Cast) -> None:
    wanted = ["self:read", "audit:read"]

    user = cast.ann.post("/user", cast.new_user(permissions=wanted)).json()

    assert user["permissions"] == sorted(wanted)
    assert user["extraPermissions"] == ["audit:read"]
    assert "terms:accept" in user["deniedPermissions"]


SAME = [
    ("ann@harbour.example", "ANN@Harbour.Example"),
    ("ann@harbour.example", "\uff41nn@harbour.example"),
    ("stra\u00dfe@harbour.example", "STRASSE@harbour.example"),
    ("\ufb01ona@harbour.example", "fiona@harbour.example"),
    ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_addresses_that_are_the_same_share_a_key(one: str, other: str) -> None:
    assert email_address.key(email_address.checked(one)) == email_address.key(
        email_address.checked(other)
    )


@pytest.mark.parametrize(
    ("one", "other"), [("a.nn@x.example", "ann@x.example"), ("ann+1@x.example", "ann@x.example")]
)
def test_dots_and_plus_signs_are_kept_apart(one: str, other: str) -> None:
    assert email_address.key(one) != email_address.key(other)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@x.example",
        "ann@@x.example",
        "ann@x",
        "ann@x.example\nBcc: b@x.example",
        "\u0430nn@x.example",
        "ann\u200b@x.example",
        "ann@x..example",
        "a" * 65 + "@x.example",
        "ann@[127.0.0.1]",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(email_address.BadEmail):
        email_address.checked(address)
