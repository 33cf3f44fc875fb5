"""Whoever is told of something may act on it: for each event, what its data name."""

from datetime import timedelta
from typing import Any

from accounts import preferences, users
from tests.support.calls import create_line, local_times_around
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
