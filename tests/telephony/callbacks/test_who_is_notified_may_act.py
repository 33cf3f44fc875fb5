"""Whoever is told of something may act on it: for each event, what its data name."""

from datetime import UTC, timedelta
from typing import Any

from accounts import preferences, users
from staffing.schedules import on_duty
from telephony.callbacks import rights
from tests.support.calls import LineFixture, create_line, local_times_around
from tests.support.devices import drain_outbox, list_pushes, register_device
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_shift, now

NAMING_NOTHING = {"rights_changed", "terms_renewed"}
"""Events that are about the person themself."""
PATHS = {"callId": "/call/{}", "scheduleId": "/staffSchedule/{}", "callbackId": "/callback/{}"}


def test_whoever_is_notified_may_act(test_users: UserFixtures, env: Environment) -> None:
    drain_outbox(3600)
    line = create_line(test_users, name="Harbour Street")
    sue = _add_person(test_users, env, "staff")
    everything = {"notifications": {"push": {"shiftReminder": True}}}
    assert sue.patch("/user", {"settings": everything}).is_success
    rights = {"id": sue.id, "locations": [test_users.boston.id, line.location.id]}
    assert test_users.ann.patch("/userManagement", rights).is_success
    manager = _add_person(test_users, env, "manager", line.location.id)
    colleague = _add_person(test_users, env, "staff", line.location.id)
    line.put_on_duty(*local_times_around(now()), user=users.get_user(sue.id), has_ringing_phone=False)
    soon = now().replace(second=0, microsecond=0)
    create_shift(
        test_users.ann.actor,
        line.location,
        colleague.id,
        start=soon - timedelta(hours=1),
        end=soon + timedelta(minutes=30),
    )
    tomorrow = soon + timedelta(days=1)
    create_shift(test_users.ann.actor, line.location, sue.id, start=tomorrow, end=tomorrow + timedelta(hours=1))

    line.call(now(), **{"from": "+16175553801"})  # leaves a voicemail
    drain_outbox()
    missed = line.call(now(), leavesMessage=False, **{"from": "+16175553802"})
    drain_outbox()
    callback_id = missed.api_record["callbackId"]
    assert colleague.post(f"/callback/{callback_id}/take").status_code == 200
    promised = line.call(now(), leavesMessage=False, **{"from": "+16175553803"})
    drain_outbox()
    closing = manager.post(f"/callback/{promised.api_record['callbackId']}/close", {"outcome": "no_answer"})
    assert closing.status_code == 200
    due_at = (now() + timedelta(minutes=20)).isoformat()
    assert manager.post("/callback", {"callId": promised.id, "dueAt": due_at}).status_code == 201
    for seconds in (150, 21 * 60, 46 * 60, 23 * 3600 + 61):
        drain_outbox(seconds)

    notified: set[tuple[str, str]] = set()
    for person in (sue, manager, colleague):
        for push in list_pushes(person):
            notified.add((push["data"]["event"], person.user.role))
            _act_on(person, push["data"], line.location.name, push["body"])
    assert {event for event, _ in notified} == set(preferences.EVENTS) - NAMING_NOTHING
    assert {("call_missed", "manager"), ("voicemail_left", "manager")} <= notified


def test_people_of_other_locations_may_act(test_users: UserFixtures, env: Environment) -> None:
    drain_outbox(3600)
    line, other = create_line(test_users, name="Harbour Street"), create_line(test_users, name="Canal Street")
    nina, idle = (_add_person(test_users, env, "staff", other.location.id) for _ in range(2))
    other.put_on_duty(*local_times_around(now()), user=users.get_user(nina.id))
    target = {"onDuty": {"locations": [other.location.id]}}
    ring = {"type": "ring", "target": target, "otherwise": {"type": "voicemail"}}
    line.update_configuration(hours={"mode": "always"}, open=ring)

    line.call(now(), **{"from": "+16175553804"})  # leaves a voicemail
    drain_outbox()
    missed = line.call(now(), leavesMessage=False, **{"from": "+16175553805"})
    drain_outbox()

    pushes = list_pushes(nina)
    assert {push["data"]["event"] for push in pushes} == {"voicemail_left", "call_missed"}
    path = f"/callback/{missed.api_record['callbackId']}"
    assert idle.get(path).status_code == 403
    assert idle.get("/callback", params={"locationId": line.location.id}).status_code == 403
    for push in pushes:
        _act_on(nina, push["data"], line.location.name, push["body"])
    assert len(nina.get("/callback", params={"locationId": line.location.id}).json()["items"]) == 2
    taken = nina.post(f"{path}/take").json()
    assert taken["takenUntil"] == _end_of_holding(other, nina)
    drain_outbox(60)
    mine = nina.get("/callback", params={"customerId": test_users.customer.id, "mine": "true"}).json()["items"]
    assert [item["id"] for item in mine] == [taken["id"]], "it is not handed over"
    assert nina.get(f"/call/{taken['callId']}").status_code == 200
    assert nina.post(f"{path}/close", {"outcome": "reached"}).status_code == 200
    assert nina.get(f"/call/{taken['callId']}").status_code == 200
    assert nina.get(path).json()["outcome"] == "reached"


def _end_of_holding(line: LineFixture, person: SignedInUser) -> str:
    """Until when somebody who is on duty at a location holds a call-back."""
    entries = on_duty.list_on_duty(line.location.id, now(), customer_id=str(line.location.customer_id))
    end = next(entry.until for entry in entries if entry.user.id == person.id) + rights.GRACE
    return f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _add_person(test_users: UserFixtures, env: Environment, role: str, *location_ids: str) -> SignedInUser:
    ids = list(location_ids) or [test_users.boston.id]
    user = test_users.create_user(role=role, locations=ids)
    return register_device(accept_invitation(env, test_users.ann.web, user))


def _act_on(person: SignedInUser, data: dict[str, Any], location_name: str, text: str) -> None:
    """Read all that the data of a push name; take the call-back, and release it."""
    assert data["locationId"], data
    assert location_name in text, (data, text)
    for name, path in PATHS.items():
        if name in data:
            assert person.get(path.format(data[name])).status_code == 200, (name, data)
    if "callbackId" in data:
        for step in ("take", "release"):
            response = person.post(f"/callback/{data['callbackId']}/{step}")
            assert response.status_code == 200, (step, data, response.text)
