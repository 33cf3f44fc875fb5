"""Nobody can be locked out: nothing takes the permissions over oneself away from a person."""

from collections.abc import Collection, Iterator, Sequence
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from accounts import csv_import, customers, permissions, users
from accounts.models import User
from config import dynamodb
from tests.support.environment import Environment
from tests.support.operators import OperatorSession, open_operator_session
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, parse_problem

SELF_SERVICE = {"self:read", "self:update", "self:export", "push:manage", "terms:accept"}
LISTS: dict[str, list[str]] = {"empty": [], "partial": ["schedules:read"], "one of oneself": ["self:read"]}
UNKNOWN = ["schedules:read", "everything:do"]


def check_not_locked_out(person: SignedInUser, expected: Collection[str]) -> dict[str, Any]:
    """They read, export and accept, and have these permissions beyond those over oneself."""
    user: dict[str, Any] = person.get("/user").json()
    assert user["permissions"] == sorted(SELF_SERVICE | set(expected))
    assert not SELF_SERVICE & set(user["deniedPermissions"])
    assert person.get("/user/export/my-data?format=json").status_code == 200
    assert person.get("/user/terms-status").status_code == 200
    assert person.post("/user/accept-terms", {}).status_code == 200
    token = {"token": f"ExponentPushToken[{person.id}]"}
    assert person.post("/user/push-token", token).status_code == 200
    unchanged = person.patch("/user", {"userPermissions": user["permissions"]})
    assert (unchanged.status_code, unchanged.json()["version"]) == (200, user["version"]), unchanged.text
    return user


def sign_in(test_users: UserFixtures, env: Environment, user_id: str) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, users.get_user(user_id))


def check_unknown_permission(response: httpx.Response, pointer: str) -> None:
    assert (response.status_code, parse_problem(response)["errors"][0]["pointer"]) == (400, pointer)


@pytest.mark.parametrize("requested", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("path", ["/user", "/userManagement"])
def test_created_with_any_list(test_users: UserFixtures, env: Environment, path: str, requested: list[str]) -> None:
    created = test_users.ann.post(path, test_users.user_body(permissions=requested))

    assert created.status_code == 201, created.text
    check_not_locked_out(sign_in(test_users, env, created.json()["id"]), requested)


def test_admin_created_with_an_empty_list(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body(userRole="admin", permissions=[])
    created = test_users.ann.post("/userManagement", body)

    user = check_not_locked_out(sign_in(test_users, env, created.json()["id"]), [])
    assert set(user["deniedPermissions"]) == permissions.ROLES["admin"] - SELF_SERVICE


@pytest.mark.parametrize("requested", LISTS.values(), ids=LISTS)
def test_own_list_narrowed(test_users: UserFixtures, env: Environment, requested: list[str]) -> None:
    person = sign_in(test_users, env, test_users.create_user().id)

    assert person.patch("/user", {"userPermissions": requested}).status_code == 200
    user = check_not_locked_out(person, set(requested) & {"schedules:read"})
    wider = [*user["permissions"], "users:read"]
    assert parse_problem(person.patch("/user", {"userPermissions": wider}))["code"] == "grant_refused"


@pytest.mark.parametrize("requested", LISTS.values(), ids=LISTS)
def test_list_changed_by_another(test_users: UserFixtures, env: Environment, requested: list[str]) -> None:
    person = sign_in(test_users, env, test_users.create_user(role="manager").id)
    body = {"id": person.id, "permissions": requested}

    assert test_users.ann.patch("/userManagement", body).status_code == 200
    check_not_locked_out(person, set(requested) - SELF_SERVICE)


def test_unknown_permissions_are_refused_by_name(test_users: UserFixtures, env: Environment) -> None:
    person = sign_in(test_users, env, test_users.create_user().id)
    for path in ("/user", "/userManagement"):
        response = test_users.ann.post(path, test_users.user_body(permissions=UNKNOWN))
        check_unknown_permission(response, "/permissions")
    check_unknown_permission(person.patch("/user", {"userPermissions": UNKNOWN}), "/userPermissions")
    body = {"id": person.id, "permissions": UNKNOWN}
    check_unknown_permission(test_users.ann.patch("/userManagement", body), "/permissions")

    check_not_locked_out(person, ["calls:handle", "schedules:read"])


def test_import_cannot_lock_out(test_users: UserFixtures, env: Environment) -> None:
    address = f"imported.{test_users.customer.id}@cast.example"
    with pytest.raises(csv_import.InvalidImportFile, match="Unknown column 'permissions'"):
        csv_import.read_file(f"email,name,permissions\n{address},Ivy,\n".encode(), test_users.customer.id)
    rows = csv_import.read_file(f"email,name,role\n{address},Ivy,\n".encode(), test_users.customer.id).rows

    result = csv_import.import_rows(rows, test_users.customer.id, on_progress=lambda: None)

    assert (result.created, result.problems) == (1, [])
    (user,) = users.find_users_by_email([address]).values()
    check_not_locked_out(sign_in(test_users, env, user.id), ["calls:handle", "schedules:read"])


class FormValues(HTMLParser):
    """The values that a browser would submit of a page's form."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.values: dict[str, list[str]] = {}
        self._select = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        name = attributes.get("name") or ""
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in attributes:
            self.values.setdefault(self._select, []).append(attributes.get("value") or "")
        elif (
            tag == "input" and name and (attributes.get("type") not in ("checkbox", "radio") or "checked" in attributes)
        ):
            self.values.setdefault(name, []).append(attributes.get("value") or "")


@pytest.fixture(scope="module")
def operator(backoffice_url: str) -> Iterator[OperatorSession]:
    """A lead, signed in to the back office."""
    with open_operator_session(backoffice_url) as session:
        assert session.sign_in("olive@dutyline.example").status_code == 200
        yield session


@pytest.mark.parametrize("requested", [*LISTS.values(), UNKNOWN], ids=[*LISTS, "unknown"])
def test_list_changed_in_the_back_office(
    test_users: UserFixtures, env: Environment, operator: OperatorSession, requested: list[str]
) -> None:
    person = sign_in(test_users, env, test_users.create_user(role="manager").id)
    page_url = f"/admin/accounts/user/{person.id}/change/"
    values = FormValues(operator.get(page_url).text).values
    assert set(values["permissions"]) == permissions.ROLES["manager"]

    response = operator.post(
        page_url, **{**values, "permissions": requested, "csrfmiddlewaretoken": values["csrfmiddlewaretoken"][:1]}
    )

    if requested == UNKNOWN:
        assert "everything:do is not one of the available choices" in response.text
        check_not_locked_out(person, permissions.ROLES["manager"])
    else:
        assert "was changed successfully" in response.text, operator.visible_text(response)
        check_not_locked_out(person, set(requested) - SELF_SERVICE)


def lock_out(user_id: str, *, denied: Sequence[str] = tuple(SELF_SERVICE)) -> None:
    """Store a record as releases did that let people deny these permissions."""
    record = users.get_user(user_id).with_changes(denied=sorted(denied))
    dynamodb.call("PutItem", TableName=User.table_name(), Item=record.serialize())


def test_locked_out_records_heal(test_users: UserFixtures, env: Environment) -> None:
    person = sign_in(test_users, env, test_users.create_user(role="manager", locations=[test_users.boston.id]).id)
    lock_out(person.id, denied=[*SELF_SERVICE, "calls:read"])

    check = person.get("/user").json()
    assert check["deniedPermissions"] == ["calls:read"]
    assert set(check["permissions"]) == permissions.ROLES["manager"] - {"calls:read"}
    assert person.get("/user/export/my-data?format=json").json()["data"]["rights"][0]["denied"] == ["calls:read"]
    assert person.patch("/user", {"profileName": "Back again"}).status_code == 200
    assert users.get_user(person.id).denied == ["calls:read"]
    check_not_locked_out(person, permissions.ROLES["manager"] - {"calls:read"})


def test_managers_rename_locked_out_people(test_users: UserFixtures, env: Environment) -> None:
    person = sign_in(test_users, env, test_users.create_user().id)
    lock_out(person.id)

    assert test_users.mia.patch("/userManagement", {"id": person.id, "name": "Renamed"}).status_code == 200
    check_not_locked_out(person, ["calls:handle", "schedules:read"])


def test_healed_owners_are_counted_exactly(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body(role="owner", permissions=sorted(permissions.PERMISSIONS - {"calls:read"}))
    owner = sign_in(test_users, env, test_users.ann.post("/user", body).json()["id"])
    lock_out(owner.id)
    count = customers.get_customer(test_users.customer.id).owner_count

    assert owner.patch("/user", {"profileName": "Owner"}).status_code == 200
    assert customers.get_customer(test_users.customer.id).owner_count == count + 1
    lock_out(owner.id)
    dynamodb.call(
        "UpdateItem",
        TableName=type(test_users.customer).table_name(),
        Key={"id": {"S": test_users.customer.id}},
        UpdateExpression="SET owner_count = :count",
        ExpressionAttributeValues={":count": {"N": str(count)}},
    )
    assert test_users.ann.delete("/user", {"id": owner.id}).status_code == 200
    assert customers.get_customer(test_users.customer.id).owner_count == count
