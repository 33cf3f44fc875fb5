"""A client that knows only the reference, and one that sends back what it has read.

For each of the reference's operations: exactly the documented bodies, minimal and full, and then
the record as it was answered, unchanged and with one change.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from tests.support.environment import Environment
from tests.support.samples import UNKNOWN_IDS
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, free_number, parse_problem

WEEKLY = {"frequency": "WEEKLY", "byDay": ["MO"]}


@pytest.fixture(scope="module")
def person(test_users: UserFixtures, env: Environment) -> SignedInUser:
    """A manager of both locations, signed in."""
    locations = [test_users.boston.id, test_users.denver.id]
    return accept_invitation(env, test_users.ann.web, test_users.create_user(role="manager", locations=locations))


def read(response: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The document of a successful response."""
    assert response.status_code == status, response.text
    return dict(response.json())


def pointers(response: httpx.Response, status: int = 400) -> dict[str, str]:
    """The pointers of an error response and what each says."""
    assert response.status_code == status, response.text
    return {error["pointer"]: error["detail"] for error in parse_problem(response)["errors"]}


def put(person: SignedInUser, path: str, body: Any, **query: str) -> httpx.Response:
    return person.request("PUT", path, json=body, params=query)


def read_user(test_users: UserFixtures, user: User) -> dict[str, Any]:
    """A user as the list shows them."""
    items = read(test_users.ann.get("/userManagement?limit=5000"))["items"]
    return next(item for item in items if item["id"] == user.id)


# --- users ----------------------------------------------------------------------------------------
def test_get_user(person: SignedInUser) -> None:
    assert read(person.get("/user"))["id"] == person.id
    assert read(person.get("/user?_=1795897466&utm_source=mail&_=2"))["id"] == person.id
    assert pointers(person.get("/user?page=2")) == {"?page": "Unknown query parameter."}


@pytest.mark.parametrize("path", ["/user", "/userManagement"])
@pytest.mark.parametrize("names", [("role", "permissions"), ("userRole", "userPermissions")])
def test_create_user(test_users: UserFixtures, path: str, names: tuple[str, str]) -> None:
    minimal = read(test_users.ann.post(path, test_users.user_body()), 201)
    assert (minimal["role"], minimal["locations"]) == ("staff", [])
    role, permissions = names
    lists = {permissions: ["schedules:read"], "locations": [test_users.boston.id], "userSkills": ["x-ray"]}
    full = read(test_users.ann.post(path, test_users.user_body(**{role: "manager"}, **lists)), 201)
    assert (full["role"], full["userSkills"]) == ("manager", ["x-ray"])

    known = {"customerId", "name", "role", "permissions", "locations", "userSkills", "isSetup"}
    copied = {name: value for name, value in full.items() if name in known}
    unset = {"id": None, "phone": None, "createdAt": None, "version": None}
    copy = read(test_users.ann.post(path, {**copied, **unset, "email": test_users.user_body()["email"]}), 201)
    assert {name: copy[name] for name in known} == copied


@pytest.mark.parametrize("path", ["/user", "/userManagement"])
def test_creation_with_null_and_two_names(test_users: UserFixtures, path: str) -> None:
    null = dict.fromkeys(["role", "userRole", "permissions", "locations", "userSkills", "isSetup"])
    assert read(test_users.ann.post(path, test_users.user_body(**null)), 201)["role"] == "staff"
    both = {"role": "admin", "userRole": "admin"}
    assert read(test_users.ann.post(path, test_users.user_body(**both)), 201)["role"] == "admin"

    differing = {"role": "admin", "userRole": "staff"}
    details = pointers(test_users.ann.post(path, test_users.user_body(**differing)))
    assert details == {"/userRole": "Differs from `role`; send one of them."}
    differing_lists = {"permissions": ["audit:read"], "userPermissions": []}
    assert set(pointers(test_users.ann.post(path, test_users.user_body(**differing_lists)))) == {"/userPermissions"}
    assert set(pointers(test_users.ann.post(path, {**test_users.user_body(), "version": 1}))) == {"/version"}
    unknown = pointers(test_users.ann.post(path, {**test_users.user_body(), "roll": "staff"}))
    assert unknown == {"/roll": "Unknown field; did you mean `role`?"}


def test_update_current_user(test_users: UserFixtures, person: SignedInUser) -> None:
    user = read(person.get("/user"))
    assert read(person.patch("/user", {}))["version"] == user["version"]
    full = {
        "profileName": "Pat",
        "locations": user["locations"],
        "userPermissions": user["permissions"],
        "userSkills": ["x-ray"],
    }
    user = read(person.patch("/user", full))
    assert (user["profileName"], user["userSkills"]) == ("Pat", ["x-ray"])

    assert read(person.patch("/user", user)) == user
    assert read(person.patch("/user", {**user, "userRole": user["role"]})) == user
    changed = read(person.patch("/user", {**user, "profileName": "Kim"}))
    assert changed == {**user, "profileName": "Kim", "version": changed["version"], "updatedAt": changed["updatedAt"]}


def test_update_current_user_refuses_other_read_only_values(test_users: UserFixtures, person: SignedInUser) -> None:
    user = read(person.get("/user"))
    changes = {"email": "other@cast.example", "name": "Other", "role": "owner", "version": "x", "id": test_users.ann.id}
    details = pointers(person.patch("/user", {**user, **changes}))
    assert set(details) == {f"/{name}" for name in changes}
    assert set(details.values()) == {"Read-only, and not as stored."}
    stale = person.patch("/user", {**user, **changes, "version": user["version"] - 1})
    assert (stale.status_code, parse_problem(stale)["code"]) == (412, "precondition_failed")
    assert read(person.get("/user")) == user
    foreign = person.patch("/user", {**user, "customerId": test_users.other_customer.id})
    assert (foreign.status_code, parse_problem(foreign)["code"]) == (403, "foreign_customer")
    assert pointers(person.patch("/user", {"userPermissions": [], "permissions": user["permissions"]}))
    assert pointers(person.patch("/user", [])) == {"": "Must be a JSON object."}
    assert pointers(person.patch("/user", {"settings": []})) == {"/settings": "Must be a JSON object."}
    assert pointers(person.patch("/user", {"settings": {"reminderMinutes": 2000}})) == {
        "/settings/reminderMinutes": "Must be a whole number from 5 to 1,440."
    }


@pytest.mark.parametrize("path", ["/user", "/userManagement"])
def test_delete_user(test_users: UserFixtures, path: str) -> None:
    ann, deleted = test_users.ann, {"status": "deleted"}

    def delete(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return {name: value for name, value in read(ann.delete(url, body)).items() if name != "eraseAt"}

    users = [test_users.create_user() for _ in range(4)]
    views = [read_user(test_users, user) for user in users]

    assert delete(path, {"id": users[0].id}) == {"id": users[0].id, **deleted}
    with_customer = {"id": users[1].id, "customerId": test_users.customer.id}
    assert delete(path, with_customer) == {"id": users[1].id, **deleted}
    assert pointers(ann.delete(path, {**views[2], "name": "Other"})) == {"/name": "Read-only, and not as stored."}
    assert ann.delete(path, {**views[2], "version": views[2]["version"] + 1}).status_code == 412
    assert delete(path, views[2]) == {"id": users[2].id, **deleted}
    details = pointers(ann.delete(f"{path}?id={users[3].id}", {"id": users[0].id}))
    assert details == {"?id": "Differs from the body; send one of them."}
    assert delete(f"{path}?id={users[3].id}") == {"id": users[3].id, **deleted}
    assert pointers(ann.delete(path)) == {"/id": "This field is required."}
    foreign = ann.delete(path, {"id": test_users.sam.id, "customerId": test_users.other_customer.id})
    assert foreign.status_code == 403
    assert ann.delete(path, {"id": UNKNOWN_IDS["usr"]}).status_code == 404


def test_accept_terms(person: SignedInUser) -> None:
    status = read(person.get("/user/terms-status"))
    assert read(person.request("POST", "/user/accept-terms"))["accepted"] is True
    assert read(person.post("/user/accept-terms", {}))["accepted"] is True
    assert read(person.post("/user/accept-terms", {"version": status["currentVersion"]}))["accepted"] is True
    assert pointers(person.request("POST", "/user/accept-terms", content=b"null")) == {"": "Must be a JSON object."}


def test_terms_status(person: SignedInUser) -> None:
    assert isinstance(read(person.get("/user/terms-status"))["accepted"], bool)


def test_export(person: SignedInUser) -> None:
    response = person.get("/user/export/my-data")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/pdf")


def test_audit_logs(test_users: UserFixtures) -> None:
    path = f"/user/{test_users.sam.id}/audit-logs"
    page = read(test_users.ann.get(path))
    assert read(test_users.ann.get(f"{path}?limit=10&offset=0"))["total"] == page["total"]
    assert read(test_users.ann.get(f"{path}?limit=100000000000000000000"))["limit"] == 100
    details = pointers(test_users.ann.get(f"{path}?limit=0&offset=9999999999"))
    assert details["?offset"] == "Must be a whole number from 0 to 999,999,999."
    assert pointers(test_users.ann.get(f"{path}?ofset=1")) == {
        "?ofset": "Unknown query parameter; did you mean `offset`?"
    }


def test_push_token(person: SignedInUser) -> None:
    token = {"token": "ExponentPushToken[reference]"}
    registered = read(person.post("/user/push-token", token))
    assert registered == {**token, "status": "registered"}
    assert read(person.post("/user/push-token", {**token, "platform": "ios"})) == registered
    assert read(person.post("/user/push-token", registered)) == registered
    assert set(pointers(person.post("/user/push-token", {}))) == {"/token"}


def test_remove_push_token(person: SignedInUser) -> None:
    token = {"token": "ExponentPushToken[removed]"}
    removed = {**token, "status": "removed"}
    for request in ({"json": token}, {"params": token}, {"json": {**token, "status": "registered"}}):
        read(person.post("/user/push-token", token))
        assert read(person.request("DELETE", "/user/push-token", **request)) == removed
    assert read(person.delete("/user/push-token", token)) == removed
    differing = person.request("DELETE", "/user/push-token", json=token, params={"token": "ExpoPushToken[x]"})
    assert set(pointers(differing)) == {"?token"}
    assert set(pointers(person.request("DELETE", "/user/push-token"))) == {"/token"}


# --- user management ------------------------------------------------------------------------------
def test_list_users(test_users: UserFixtures) -> None:
    ids = {user["id"] for user in read(test_users.ann.get("/userManagement"))["items"]}
    own_customer = test_users.ann.get("/userManagement", params={"customerId": test_users.customer.id})
    assert {user["id"] for user in read(own_customer)["items"]} == ids
    first = test_users.ann.get("/userManagement?limit=2&_=1")
    link = first.headers["Link"]
    assert link.endswith('; rel="next"')
    second = read(test_users.ann.get(link[1 : link.index(">")]))
    assert len(read(first)["items"]) == len(second["items"]) == 2
    assert pointers(test_users.ann.get("/userManagement?page=2"))


def test_update_user(test_users: UserFixtures) -> None:
    ann, user = test_users.ann, test_users.create_user()
    view = read(ann.patch("/userManagement", {"id": user.id}))
    assert view["status"] == "invited"
    changed = read(ann.patch("/userManagement", {"id": user.id, "name": "Other", "userRole": "manager"}))
    assert (changed["name"], changed["role"]) == ("Other", "manager")

    listed = read_user(test_users, user)
    assert read(ann.patch("/userManagement", listed)) == listed
    promoted = {**listed, "role": "admin", "locations": ["*"]}
    assert read(ann.patch("/userManagement", promoted))["role"] == "admin"
    assert ann.patch("/userManagement", listed).status_code == 412
    listed = read_user(test_users, user)
    both = {"id": user.id, "role": "manager", "userRole": "staff"}
    assert set(pointers(ann.patch("/userManagement", both))) == {"/role"}
    assert set(pointers(ann.patch("/userManagement", {**listed, "status": "pending"}))) == {"/status"}
    assert set(pointers(ann.patch("/userManagement", {"id": test_users.sam.id, "status": "invited"}))) == {"/status"}
    assert set(pointers(ann.patch("/userManagement", {**listed, "acceptedAt": listed["createdAt"]}))) >= {"/acceptedAt"}
    assert pointers(ann.patch("/userManagement", {"name": "Nobody"})) == {"/id": "This field is required."}


def test_reading_back_costs_no_round_trip(test_users: UserFixtures, env: Environment) -> None:
    id, counts = test_users.create_user().id, []
    view = read(test_users.ann.get(f"/userManagement/{id}"))
    for body in ({**view, "name": "One"}, {"id": id, "name": "Two"}):
        with env.apply_plan() as fault_plan:
            read(test_users.ann.patch("/userManagement", body))
        counts.append(sum(call.service == "dynamodb" for call in fault_plan.calls))
    assert counts[0] == counts[1]


def test_find_phone_numbers(test_users: UserFixtures) -> None:
    path = "/userManagement/find-phone-numbers"
    items = read(test_users.ann.post(path, {"country": "US", "areaCode": "415"}))["items"]
    assert items
    assert read(test_users.ann.post(path, {"country": "US", "areaCode": 415}))["items"] == items
    assert set(pointers(test_users.ann.post(path, {"country": "US", "areaCode": True}))) == {"/areaCode"}
    assert set(pointers(test_users.ann.post(path, {}))) == {"/country", "/areaCode"}


def test_purchase_phone_number(test_users: UserFixtures) -> None:
    path, location_id = "/userManagement/purchase-phone-number", test_users.create_location().id
    body = {"phoneNumber": free_number(), "locationId": location_id}
    bought = read(test_users.ann.post(path, body))
    again = {name: bought[name] for name in body}
    assert read(test_users.ann.post(path, again)) == bought
    assert set(pointers(test_users.ann.post(path, {}))) == {"/phoneNumber", "/locationId"}


def test_resend_invitation(test_users: UserFixtures) -> None:
    first, second = test_users.create_user(), test_users.create_user()
    assert read(test_users.ann.request("POST", f"/userManagement/{first.id}/resend-invitation"))["id"] == first.id
    assert read(test_users.ann.post(f"/userManagement/{second.id}/resend-invitation", {}))["id"] == second.id
    unknown = test_users.ann.request("POST", f"/userManagement/{UNKNOWN_IDS['usr']}/resend-invitation")
    assert unknown.status_code == 404


# --- staff schedule -------------------------------------------------------------------------------
def monday_body(test_users: UserFixtures, **fields: Any) -> dict[str, Any]:
    """A body for a shift of a new user on a Monday."""
    body = test_users.shift_body(staffId=test_users.create_user().id, **fields)
    start = datetime.fromisoformat(body["startTime"])
    start += timedelta(days=-start.weekday() % 7)
    return {**body, "startTime": start.isoformat(), "endTime": (start + timedelta(hours=8)).isoformat()}


def create_schedule(test_users: UserFixtures, **fields: Any) -> dict[str, Any]:
    return read(test_users.ann.post("/staffSchedule", monday_body(test_users, **fields)), 201)


def test_create_schedule(test_users: UserFixtures) -> None:
    single = create_schedule(test_users)
    assert (single["recurring"], single["recurrencePattern"]) == (False, None)
    no_series = {"recurring": False, "recurrencePattern": None, "templateId": None}
    assert create_schedule(test_users, **no_series)["recurring"] is False
    template_id = test_users.create_template().id
    series = create_schedule(test_users, recurring=True, recurrencePattern=WEEKLY, templateId=template_id)
    assert series["recurrencePattern"]["rrule"] == "FREQ=WEEKLY;BYDAY=MO"

    known = {"customerId", "locationId", "recurring", "recurrencePattern", "templateId", "startTime", "endTime"}
    for schedule in (single, series):
        copy = {**{name: schedule[name] for name in known}, "staffId": test_users.create_user().id}
        created = read(test_users.ann.post("/staffSchedule", {**copy, "id": None, "splitFrom": None}), 201)
        assert {name: created[name] for name in known} == {name: schedule[name] for name in known}


def test_list_schedules(test_users: UserFixtures) -> None:
    schedule = create_schedule(test_users)
    for query in ({"locationId": test_users.boston.id}, {"customerId": test_users.customer.id}):
        response = test_users.ann.get("/staffSchedule", params={**query, "limit": "1000000"})
        assert schedule["id"] in {item["id"] for item in read(response)["items"]}
    assert test_users.ann.get("/staffSchedule").status_code == 400


def test_a_limit_above_the_maximum_is_cut(test_users: UserFixtures) -> None:
    since = datetime.fromisoformat(create_schedule(test_users)["startTime"])
    for _ in range(3):
        create_daily_shifts(test_users, since)
    window = {"from": since.isoformat(), "to": (since + timedelta(days=399)).isoformat(), "expand": "occurrences"}
    query = {"customerId": test_users.customer.id, **window, "limit": "5000"}

    response = test_users.ann.get("/staffSchedule", params=query)

    assert len(read(response)["items"]) == 1000
    assert "limit=1000&" in response.headers["Link"]


def create_daily_shifts(test_users: UserFixtures, since: datetime) -> None:
    """A daily series of a new user."""
    times = {"startTime": since.isoformat(), "endTime": (since + timedelta(hours=1)).isoformat()}
    body = {**monday_body(test_users), **times, "recurrencePattern": {"frequency": "daily"}}
    read(test_users.ann.post("/staffSchedule", body), 201)


def later(at: str, **duration: int) -> str:
    return (datetime.fromisoformat(at) + timedelta(**duration)).isoformat()


def test_update_schedule(test_users: UserFixtures) -> None:
    ann, schedule = test_users.ann, create_schedule(test_users)
    path = f"/staffSchedule/{schedule['id']}"
    assert read(put(ann, path, schedule)) == schedule
    times = {"startTime": later(schedule["startTime"], hours=1), "endTime": later(schedule["endTime"], hours=1)}
    full = {**times, "recurring": False, "recurrencePattern": None}
    moved = read(put(ann, path, full))
    assert (moved["startTime"], moved["endTime"]) == (times["startTime"], times["endTime"])
    assert read(put(ann, path, {"endTime": later(moved["endTime"], hours=1)}))["startTime"] == moved["startTime"]
    current = read(ann.get(path))
    earlier = read(put(ann, path, {**current, "startTime": later(current["startTime"], hours=-1)}))
    assert earlier["endTime"] == current["endTime"]
    series = read(put(ann, path, {**earlier, "recurring": True, "recurrencePattern": WEEKLY}))
    assert series["recurring"] is True

    assert pointers(put(ann, path, {})) == {"": "No fields to update."}
    stale = put(ann, path, schedule)
    assert (stale.status_code, parse_problem(stale)["code"]) == (412, "precondition_failed")
    assert pointers(put(ann, path, {"starttime": "x"})) == {"/starttime": "Unknown field; did you mean `startTime`?"}


def test_update_series(test_users: UserFixtures) -> None:
    ann = test_users.ann
    exceptions_for = {"frequency": "weekly", "byDay": [{"day": "mo"}], "count": 5}
    series = create_schedule(test_users, recurring=True, recurrencePattern=exceptions_for)
    path, local_start = f"/staffSchedule/{series['id']}", series["startTime"][:19]
    second = later(local_start, days=7)
    assert ann.request("DELETE", path, params={"scope": "occurrence", "recurrenceId": second}).status_code == 200
    series = read(ann.get(path))

    assert read(put(ann, path, series)) == series
    moved = read(put(ann, path, {**series, "startTime": later(series["startTime"], hours=1)}))
    assert list(moved["recurrencePattern"]["exceptions"]) == [later(second, hours=1)]
    assert moved["endTime"] == series["endTime"]
    assert set(pointers(put(ann, path, {"recurrencePattern": None}))) == {"/recurrencePattern"}
    assert set(pointers(put(ann, path, {"recurrencePattern": {"daysOfWeek": ["MO"]}}))) == {
        "/recurrencePattern/daysOfWeek"
    }
    tuesday = later(moved["startTime"], days=1)
    mismatch = pointers(put(ann, path, {"startTime": tuesday, "endTime": later(tuesday, hours=1)}))
    assert f"Tuesday, {tuesday[:10]} at {tuesday[11:16]} in America/New_York" in mismatch["/startTime"]
    single = read(put(ann, path, {"recurring": False, "recurrencePattern": None}))
    assert (single["recurring"], single["startTime"]) == (False, moved["startTime"])


def list_occurrences(test_users: UserFixtures, schedule: dict[str, Any]) -> list[dict[str, Any]]:
    window = {"from": schedule["startTime"], "to": later(schedule["startTime"], days=30), "expand": "occurrences"}
    query = {"locationId": test_users.boston.id, "staffId": schedule["staffId"], **window}
    return list(read(test_users.ann.get("/staffSchedule", params=query))["items"])


def test_update_occurrence(test_users: UserFixtures) -> None:
    ann, series = test_users.ann, create_schedule(test_users, recurrencePattern=WEEKLY)
    _, occurrence, *_ = list_occurrences(test_users, series)
    path = f"/staffSchedule/{occurrence['scheduleId']}"
    query = {"scope": "occurrence", "recurrenceId": occurrence["recurrenceId"]}

    assert read(put(ann, path, occurrence, **query)) == occurrence
    assert (
        read(
            put(ann, path, {**series, "startTime": occurrence["startTime"], "endTime": occurrence["endTime"]}, **query)
        )
        == occurrence
    )
    assert read(ann.get(path)) == series
    moved = read(put(ann, path, {**occurrence, "startTime": later(occurrence["startTime"], hours=2)}, **query))
    assert (moved["startTime"], moved["endTime"]) == (later(occurrence["startTime"], hours=2), occurrence["endTime"])
    assert read(put(ann, path, moved, **query)) == moved
    assert set(pointers(put(ann, path, occurrence, **query))) == {"/changed"}
    other = {**query, "recurrenceId": series["startTime"][:19]}
    assert set(pointers(put(ann, path, moved, **other))) == {"/recurrenceId", "/changed"}

    single = create_schedule(test_users)
    (only,) = list_occurrences(test_users, single)
    assert read(put(ann, f"/staffSchedule/{single['id']}", only)) == single


def test_delete_schedule(test_users: UserFixtures) -> None:
    without_body, with_body = create_schedule(test_users), create_schedule(test_users)
    removed = {"status": "removed", "scope": "all"}
    path = "/staffSchedule"
    assert read(test_users.ann.delete(f"{path}/{without_body['id']}")) == {"id": without_body["id"], **removed}
    assert read(test_users.ann.delete(f"{path}/{with_body['id']}", with_body)) == {"id": with_body["id"], **removed}
    assert test_users.ann.delete(f"{path}/{test_users.foreign_shift.id}").status_code == 403
    assert test_users.ann.delete(f"{path}/{UNKNOWN_IDS['sch']}").status_code == 404


# --- other records --------------------------------------------------------------------------------
def iter_other_records(test_users: UserFixtures) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
    """Method, path, the record as it is read, and a change of it."""
    location_id = test_users.boston_number.number.location_id
    ann = test_users.ann
    yield "PATCH", "/customer", read(ann.get("/customer")), {"name": "Harbour Dental Group"}
    path = f"/location/{location_id}"
    location = read(ann.get(path))
    assert location["phoneNumber"]
    yield "PATCH", path, location, {"address": "3 Long Wharf"}
    path = f"/ivrConfiguration/{location_id}"
    line = read(ann.get(path))
    yield "PUT", path, line, {"configuration": {**line["configuration"], "greeting": {"say": "Hello."}}}
    template_id = test_users.create_template().id
    yield "PATCH", "/scheduleTemplate", read(ann.get(f"/scheduleTemplate/{template_id}")), {"endTime": "15:00"}


def test_other_records_are_taken_back(test_users: UserFixtures) -> None:
    for method, path, record, change in iter_other_records(test_users):
        ann = test_users.ann
        assert read(ann.request(method, path, json=record)) == record, path
        refused = {**record, "version": record["version"] + 5}
        stale = ann.request(method, path, json=refused)
        assert (stale.status_code, parse_problem(stale)["code"]) == (412, "precondition_failed"), path
        assert pointers(ann.request(method, path, json={**record, "version": "1"})) == {
            "/version": "Read-only, and not as stored."
        }
        changed = read(ann.request(method, path, json={**record, **change}))
        others = record.keys() - change.keys() - {"version", "updatedAt"}
        assert {name: changed[name] for name in others} == {name: record[name] for name in others}, path
        assert {name: changed[name] for name in change} == change, path
        assert changed["version"] == record["version"] + 1, path


def test_delete_template(test_users: UserFixtures) -> None:
    templates = [test_users.create_template().id for _ in range(2)]
    view = read(test_users.ann.get(f"/scheduleTemplate/{templates[0]}"))
    assert read(test_users.ann.delete("/scheduleTemplate", view))["id"] == templates[0]
    assert read(test_users.ann.delete(f"/scheduleTemplate?id={templates[1]}"))["id"] == templates[1]
