"""A repeated request with an Idempotency-Key shows only what its sender may still read."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from telephony.numbers import inventory
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.samples import operations
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    free_number,
    leave_callback,
    now,
    process_outbox,
    store_missed_call,
)

OF_ONESELF = {"acceptTerms", "registerPushToken", "openCalendarFeed", "verifyPhone", "confirmPhone"}
"""Operations on the sender's own records, to which access cannot be lost."""
ANSWERS_WITH_AN_ID = {"callCallback"}
"""The answer is the id of the sender's own call, and nothing of what they lost access to."""


def delay_commits() -> FaultPlan:
    """Throttles the first commits: both of two requests read before either writes."""
    return FaultPlan(faults={("dynamodb", "TransactWriteItems", nth): "throttle" for nth in range(1, 4)})


def post(person: SignedInUser, path: str, body: Any) -> httpx.Response:
    return person.post(path, body, headers={"Idempotency-Key": f"one {person.id}"})


def give_up_number(test_users: UserFixtures) -> str:
    """A new number that can be restored; the path that restores it."""
    number = test_users.purchase_number().number.number
    inventory.schedule_release(number, actor=test_users.ann.actor, at=now())
    return f"/phoneNumber/{number}/restore"


def test_who_lost_access_gets_no_replay(test_users: UserFixtures, openapi: dict[str, Any]) -> None:
    denver, denver_user = test_users.denver.id, test_users.create_user(locations=[test_users.denver.id])
    template = {"name": "Early", "locationId": denver, "startTime": "06:00", "endTime": "14:00"}
    purchase = {"phoneNumber": free_number(), "locationId": test_users.create_location().id}
    held = test_users.purchase_number()
    first, second, third = (leave_callback(held) for _ in range(3))
    blocked = {"number": "+16175550187", "locationId": held.number.location_id}
    requests: dict[str, tuple[str, Any]] = {
        "createUser": ("/user", test_users.user_body(locations=[denver])),
        "createManagedUser": ("/userManagement", test_users.user_body(locations=[denver])),
        "resendInvitation": (f"/userManagement/{denver_user.id}/resend-invitation", {}),
        "createLocation": ("/location", {"name": "Elsewhere", "timeZone": "America/New_York"}),
        "createSchedule": ("/staffSchedule", test_users.shift_body(locationId=denver)),
        "createScheduleTemplate": ("/scheduleTemplate", template),
        "purchasePhoneNumber": ("/userManagement/purchase-phone-number", purchase),
        "adoptPhoneNumber": (
            "/phoneNumber/adopt",
            {"phoneNumber": test_users.reserve_number(), "locationId": test_users.create_location().id},
        ),
        "restorePhoneNumber": (give_up_number(test_users), {}),
        "createCallback": ("/callback", {"callId": store_missed_call(held).id}),
        "takeCallback": (f"/callback/{first}/take", {}),
        "releaseCallback": (f"/callback/{second}/release", {}),
        "closeCallback": (f"/callback/{third}/close", {"outcome": "reached"}),
        "blockCaller": ("/blockedCaller", blocked),
    }
    idempotent = {
        operation.id
        for operation in operations(openapi)
        if "Idempotency-Key" in {parameter["name"] for parameter in operation.definition.get("parameters", ())}
    }
    assert idempotent == requests.keys() | OF_ONESELF | ANSWERS_WITH_AN_ID

    def send_all() -> dict[str, int]:
        return {id: post(test_users.abe, path, body).status_code for id, (path, body) in requests.items()}

    assert set(send_all().values()) <= {200, 201}
    assert set(send_all().values()) <= {200, 201}, "with access, each is repeated"
    confined = {"id": test_users.abe.id, "locations": [test_users.boston.id]}
    assert test_users.ann.patch("/userManagement", confined).status_code == 200

    assert {id: status for id, status in send_all().items() if status not in (403, 404)} == {}


@pytest.mark.parametrize("path", ["/staffSchedule", "/scheduleTemplate"])
def test_what_moved_to_another_location_is_not_replayed(test_users: UserFixtures, path: str) -> None:
    template = {"name": "Late", "locationId": test_users.boston.id, "startTime": "14:00", "endTime": "22:00"}
    body = test_users.shift_body() if path == "/staffSchedule" else template
    created = post(test_users.mia, path, body).json()
    changes = {"locationId": test_users.denver.id, "notes": "The alarm code is 4711."}
    record_path = f"{path}/{created['id']}"
    if path == "/staffSchedule":
        changed = test_users.ann.request("PUT", record_path, json=changes)
    else:
        changed = test_users.ann.patch(path, {"id": created["id"], **changes})
    assert changed.status_code == 200, changed.text

    replay = post(test_users.mia, path, body)

    assert replay.status_code == test_users.mia.get(record_path).status_code == 403
    assert "4711" not in replay.text


def test_concurrent_restores_with_one_key_answer_alike(test_users: UserFixtures, env: Environment) -> None:
    path = give_up_number(test_users)
    with env.apply_plan(delay_commits()), ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: post(test_users.ann, path, {}), range(2)))

    assert [response.status_code for response in responses] == [200, 200]
    assert [response.json()["status"] for response in responses] == ["active", "active"]


def test_concurrent_resends_with_one_key_answer_alike(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    process_outbox()
    path = f"/userManagement/{user.id}/resend-invitation"
    with env.apply_plan(delay_commits()), ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(lambda _: post(test_users.ann, path, {}), range(2)))

    assert [response.status_code for response in responses] == [200, 200]
    assert responses[0].json()["version"] == responses[1].json()["version"]
