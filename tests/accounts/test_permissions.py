"""Who may grant what: a table of cases, and denied attempts over HTTP."""

from itertools import pairwise
from typing import Any

import pytest

from accounts import grants, permissions, users
from accounts.users import email_address
from tests.support.attempts import forget_denied_attempts
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, parse_problem

SELF_SERVICE = ("self:read", "self:update", "self:export", "push:manage", "terms:accept")
GRANT_CASES = [
    # actor, granted role, extra permissions, locations, allowed
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


def make_actor(role: str, locations: tuple[str, ...]) -> permissions.Actor:
    return permissions.Actor(
        "user", "usr_x", "X", "cus_x", role=role, permissions=permissions.ROLES[role], locations=locations
    )


@pytest.mark.parametrize(("actor_role", "role", "extra", "locations", "allowed"), GRANT_CASES)
def test_nobody_can_grant_what_they_lack(
    actor_role: str, role: str, extra: list[str], locations: list[str], allowed: bool
) -> None:
    actor = make_actor(actor_role, ("b",) if actor_role == "manager" else ("*",))
    target_rights = permissions.AccessRights(role, extra, locations=locations)
    if allowed:
        grants.check_grant(actor, target_rights)
        return
    with pytest.raises(permissions.GrantRefused):
        grants.check_grant(actor, target_rights)


def test_roles_are_nested() -> None:
    roles = list(permissions.ROLES.values())
    assert all(lower < higher for lower, higher in pairwise(roles))
    assert permissions.AccessRights("staff", ["audit:read"], ["schedules:read"]).permissions == (
        permissions.ROLES["staff"] | {"audit:read"}
    ) - {"schedules:read"}
    extra, denied = permissions.split_permissions("staff", ["self:read", "audit:read"])
    assert (extra, denied) == (["audit:read"], ["calls:handle", "schedules:read"])


def test_calls_of_all_include_one_s_own() -> None:
    manager = permissions.AccessRights("manager", denied=["calls:handle"])
    staff = permissions.AccessRights("staff")

    actors = [
        permissions.Actor("user", "usr_x", "", "cus_x", permissions=rights.permissions) for rights in (manager, staff)
    ]

    assert [actor.has_permission("calls:handle") for actor in actors] == [True, True]
    assert [actor.has_permission("calls:read") for actor in actors] == [True, False]


def test_who_reads_all_calls_creates_staff_who_read_their_own() -> None:
    """A client that lists a manager's permissions from an earlier release leaves it out."""
    rights = permissions.AccessRights("manager", denied=["calls:handle"], locations=["b"])
    manager = permissions.Actor(
        "user", "usr_x", "", "cus_x", role="manager", permissions=rights.permissions, locations=("b",)
    )

    grants.check_grant(manager, permissions.AccessRights("staff", locations=["b"]))


def test_refused_grants_are_audited(test_users: UserFixtures) -> None:
    boston, denver = test_users.boston.id, test_users.denver.id
    attempts: list[tuple[Any, dict[str, Any]]] = [
        (test_users.abe, {"role": "owner"}),
        (test_users.abe, {"permissions": ["owners:manage"]}),
        (test_users.mia, {"role": "manager", "locations": [boston]}),
        (test_users.mia, {"locations": [boston, denver]}),
        (test_users.mia, {"locations": ["*"]}),
        (test_users.mia, {}),
        (test_users.mia, {"locations": [boston], "permissions": ["audit:read"]}),
    ]
    for person, fields in attempts:
        forget_denied_attempts(person.id)
        response = person.post("/user", test_users.user_body(**fields))
        assert response.status_code == 403, fields
        assert parse_problem(response)["code"] == "grant_refused"
        entry = test_users.ann.get(f"/user/{person.id}/audit-logs?limit=1").json()["items"][0]
        assert entry["action"] == "grant.refused"
        audited_values = {change["field"]: change["after"] for change in entry["changes"]}
        assert audited_values["role"] == fields.get("role", "staff")


def create_signed_in_user(test_users: UserFixtures, env: Environment, **fields: Any) -> SignedInUser:
    """A new user of Harbour Dental, signed in."""
    response = test_users.ann.post("/user", test_users.user_body(**fields))
    assert response.status_code == 201, response.text
    return accept_invitation(env, test_users.ann.web, users.get_user(response.json()["id"]))


def test_role_includes_nothing_the_granter_lacks(test_users: UserFixtures, env: Environment) -> None:
    limited_permissions = sorted(permissions.ROLES["admin"] - {"audit:read", "users:delete"})
    limited_admin = create_signed_in_user(test_users, env, role="admin", permissions=limited_permissions)

    full_response = limited_admin.post("/user", test_users.user_body(role="admin"))
    limited_response = limited_admin.post("/user", test_users.user_body(role="admin", permissions=limited_permissions))

    assert parse_problem(full_response)["code"] == "grant_refused"
    assert limited_response.status_code == 201


def test_confined_admin_reads_audit_logs_of_own_locations_only(test_users: UserFixtures, env: Environment) -> None:
    confined_admin = create_signed_in_user(test_users, env, role="admin", locations=[test_users.boston.id])
    denver_user = test_users.ann.post("/user", test_users.user_body(locations=[test_users.denver.id])).json()
    both_locations_user = test_users.ann.post(
        "/user", test_users.user_body(locations=[test_users.boston.id, test_users.denver.id])
    ).json()

    def read_status(user_id: str) -> int:
        return confined_admin.get(f"/user/{user_id}/audit-logs").status_code

    assert read_status(test_users.sam.id) == read_status(confined_admin.id) == 200
    assert (
        read_status(denver_user["id"])
        == read_status(both_locations_user["id"])
        == read_status(test_users.ann.id)
        == 403
    )
    assert read_status(test_users.cleo.id) == 404
    assert test_users.ann.get(f"/user/{test_users.customer.id}/audit-logs").status_code == 404


def test_manager_invites_staff_to_own_location(test_users: UserFixtures) -> None:
    response = test_users.mia.post("/user", test_users.user_body(locations=[test_users.boston.id]))

    assert response.status_code == 201


def test_permissions_match_the_requested_list(test_users: UserFixtures) -> None:
    user = test_users.ann.post("/user", test_users.user_body(permissions=["self:read", "audit:read"])).json()

    assert user["permissions"] == sorted([*SELF_SERVICE, "audit:read"])
    assert user["extraPermissions"] == ["audit:read"]
    assert user["deniedPermissions"] == ["calls:handle", "schedules:read"]


@pytest.mark.parametrize(("role", "new_role"), [("manager", "staff"), ("staff", "manager")])
@pytest.mark.parametrize("extra", [[], ["audit:read"]])
def test_a_record_sent_back_with_another_role_gets_its_permissions(
    test_users: UserFixtures, role: str, new_role: str, extra: list[str]
) -> None:
    """The permissions sent back were kept: those of a manager who became staff."""
    ann = test_users.ann
    created = ann.post(
        "/user", test_users.user_body(role=role, permissions=sorted({*permissions.ROLES[role], *extra}))
    ).json()
    user = next(item for item in ann.get("/userManagement").json()["items"] if item["id"] == created["id"])
    expected = ann.post("/user", test_users.user_body(role=new_role)).json()

    response = ann.patch("/userManagement", {**user, "role": new_role})

    assert response.status_code == 200, response.text
    rights = ("role", "permissions", "extraPermissions", "deniedPermissions")
    assert {name: response.json()[name] for name in rights} == {name: expected[name] for name in rights}
    other = ann.patch("/userManagement", {"id": user["id"], "role": role, "permissions": ["audit:read"]}).json()
    assert other["extraPermissions"] == ["audit:read"], "other permissions than the present ones hold"


EQUIVALENT_ADDRESSES = [
    ("ann@harbour.example", "ANN@Harbour.Example"),
    ("ann@harbour.example", "\uff41nn@harbour.example"),
    ("stra\u00dfe@harbour.example", "STRA\u1e9eE@Harbour.Example"),
    ("\u03b1\u03bd\u03bd\u03b1\u03c2@harbour.example", "\u0391\u039d\u039d\u0391\u03a3@harbour.example"),
    ("zo\u00eb@harbour.example", "ZOE\u0308@harbour.example"),
    ("\ufb01ona@harbour.example", "fiona@harbour.example"),
    ("ann@b\u00fccher.example", "ann@xn--bcher-kva.example"),
]


@pytest.mark.parametrize(("first", "second"), EQUIVALENT_ADDRESSES)
def test_equivalent_addresses_share_a_key(first: str, second: str) -> None:
    assert email_address.email_key(email_address.normalize_email(first)) == email_address.email_key(
        email_address.normalize_email(second)
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a.nn@x.example", "ann@x.example"),
        ("ann+1@x.example", "ann@x.example"),
        ("stra\u00dfe@x.example", "strasse@x.example"),
        ("\u0130pek@x.example", "ipek@x.example"),
        ("\u0131pek@x.example", "ipek@x.example"),
        ("zo\u00eb@x.example", "zoe@x.example"),
        ("ann@stra\u00dfe.example", "ann@strasse.example"),
    ],
)
def test_only_case_and_unicode_form_are_insignificant(first: str, second: str) -> None:
    assert email_address.email_key(first) != email_address.email_key(second)


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
def test_invalid_address_is_rejected(address: str) -> None:
    with pytest.raises(email_address.InvalidEmail):
        email_address.normalize_email(address)
