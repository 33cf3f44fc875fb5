"""Calls that ring the people of other locations, and first who talked with the caller last."""

from datetime import timedelta
from typing import Any

import pytest

from accounts import users
from accounts.permissions import user_actor
from accounts.users import update
from config import costs, dynamodb
from staffing.schedules import on_duty
from telephony.models import LastConversation, caller_key
from tests.support.calls import LineFixture, create_line, local_times_around
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, enable_ringing, now, parse_problem, process_outbox

CALLER = "+16175550166"
OTHER_LOCATIONS = 5


@pytest.fixture
def lines(test_users: UserFixtures) -> tuple[LineFixture, LineFixture]:
    """A line whose calls ring the people of another location, too."""
    harbour, canal = create_line(test_users), create_line(test_users, name="Canal Street")
    harbour.update_configuration(open=ring_action(locations=[canal.location.id]))
    return harbour, canal


def ring_action(**target: Any) -> dict[str, Any]:
    """Ring the people on duty in turn."""
    return {"type": "ring", "target": {"onDuty": target}, "otherwise": {"type": "voicemail"}}


def preview_people(line: LineFixture, **query: str) -> list[dict[str, Any]]:
    """Whom a call would ring, as the preview says."""
    response = line.test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params=query)
    assert response.status_code == 200, response.text
    step = next(step for step in response.json()["steps"] if step["type"] == "ring")
    return list(step["people"])


def test_neighbours_ring_after_users_of_the_location(
    test_users: UserFixtures, env: Environment, web: str, lines: tuple[LineFixture, LineFixture]
) -> None:
    harbour, canal = lines
    at = now()
    own, own_phone = harbour.put_on_duty(*local_times_around(at), name="Olga Own")
    near, near_phone = canal.put_on_duty(*local_times_around(at), name="Nora Near")
    idle = test_users.create_user(locations=[canal.location.id], name="Ida Idle")
    enable_ringing(idle)

    call = harbour.call(at, phones={near_phone: "answers"}, **{"from": CALLER})

    call.assert_sequence(own_phone, near_phone, "presses 1")
    record = call.api_record
    assert record["answeredBy"] == near.id
    places = [(person["staffId"], person["why"], person["locationId"]) for person in record["people"]]
    assert places == [(own.id, "scheduled", None), (near.id, "neighbour", canal.location.id)]
    previewed = [(person["staffId"], person["why"], person["locationId"]) for person in preview_people(harbour)]
    assert previewed == places
    person = accept_invitation(env, web, users.get_user(near.id))
    assert person.get(f"/call/{call.id}").status_code == 200
    mine = person.get("/call", params={"customerId": test_users.customer.id}).json()["items"]
    assert [item["id"] for item in mine] == [call.id]
    assert person.get("/call", params={"locationId": harbour.location.id}).status_code == 403
    colleague = accept_invitation(env, web, users.get_user(idle.id))
    assert colleague.get(f"/call/{call.id}").status_code == 403
    change = {"id": near.id, "locations": [test_users.denver.id]}
    assert test_users.ann.patch("/userManagement", change).status_code == 200
    assert person.get(f"/call/{call.id}").status_code == 403
    assert person.get("/call", params={"customerId": test_users.customer.id}).json()["items"] == []


def test_a_user_on_duty_at_both_locations_rings_once(
    test_users: UserFixtures, lines: tuple[LineFixture, LineFixture]
) -> None:
    harbour, canal = lines
    at = now()
    both = test_users.create_user(locations=[harbour.location.id, canal.location.id], name="Bea Both")
    harbour.put_on_duty(*local_times_around(at, 1), user=both)
    gone, _ = canal.put_on_duty(*local_times_around(at - timedelta(hours=2), 1.95), name="Gina Gone")
    _, shared_phone = canal.put_on_duty(*local_times_around(at), name="Sara Shared")
    twin = test_users.create_user(locations=[canal.location.id], name="Tina Twin")
    canal.put_on_duty(*local_times_around(at), user=twin, has_ringing_phone=False)
    enable_ringing(twin, shared_phone)

    people = preview_people(harbour)

    assert [person["name"] for person in people] == ["Bea Both", "Sara Shared", "Tina Twin"]
    assert [person["whyNot"] for person in people] == [None, None, "same_phone"]
    assert gone.id not in str(people)


def test_neighbours_cost_no_further_round_trip(test_users: UserFixtures) -> None:
    lines = [create_line(test_users, name=f"Place {number}") for number in range(OTHER_LOCATIONS + 1)]
    at = now()
    for line in lines:
        line.put_on_duty(*local_times_around(at))
    graces = {line.location.id: timedelta(0) for line in lines}

    with costs.measure() as cost:
        entries = on_duty.list_on_duty_at(graces, at, customer_id=test_users.customer.id)

    assert [len(there) for there in entries.values()] == [1] * len(lines)
    assert cost.round_trips <= 3 * len(lines) + 1, "three queries of each place, all at once; then one batch"


def test_only_other_locations_of_the_customer_can_be_named(
    test_users: UserFixtures, lines: tuple[LineFixture, LineFixture]
) -> None:
    harbour, canal = lines
    path, pointer = f"/ivrConfiguration/{harbour.location.id}", "/configuration/open/target/onDuty/locations/0"
    configuration = test_users.ann.get(path).json()["configuration"]
    cases = [
        ([test_users.hilltop.id], 404),
        (["loc_01J00000000000000000000000"], 404),
        ([harbour.location.id], 400),
        ([], 400),
        ([test_users.boston.id] * 2, 400),
        ([f"loc_01J0000000000000000000000{digit}" for digit in range(OTHER_LOCATIONS + 1)], 400),
    ]
    for ids, status in cases:
        body = {"configuration": {**configuration, "open": ring_action(locations=ids)}}
        response = test_users.ann.put(path, body)
        assert response.status_code == status, response.text
        if len(ids) == 1:
            assert parse_problem(response)["errors"][0]["pointer"] == pointer


def test_an_editor_names_only_locations_of_theirs(
    test_users: UserFixtures, env: Environment, web: str, lines: tuple[LineFixture, LineFixture]
) -> None:
    harbour, canal = lines
    permitted = sorted([*test_users.mia.actor.permissions, "ivr:update"])
    record = test_users.create_user(role="manager", locations=[harbour.location.id], permissions=permitted)
    editor, path = accept_invitation(env, web, record), f"/ivrConfiguration/{harbour.location.id}"
    stored = editor.get(path).json()["configuration"]
    assert editor.put(path, {"configuration": {**stored, "recording": {"calls": False}}}).status_code == 200
    other = {**stored, "closed": ring_action(locations=[canal.location.id])}
    assert editor.put(path, {"configuration": other}).status_code == 403


def test_a_removed_neighbour_is_left_out_and_not_taken_again(
    test_users: UserFixtures, lines: tuple[LineFixture, LineFixture]
) -> None:
    harbour, _ = lines
    gone = test_users.create_location()
    stored = harbour.update_configuration(open=ring_action(locations=[gone.id]))
    assert test_users.ann.delete(f"/location/{gone.id}").status_code == 200
    at = now()
    own, phone = harbour.put_on_duty(*local_times_around(at))

    assert harbour.call(at, phones={phone: "answers"}).api_record["answeredBy"] == own.id
    path = f"/ivrConfiguration/{harbour.location.id}"
    assert test_users.ann.put(path, {"configuration": stored}).status_code == 200, "as it was read"
    moved = {**stored, "closed": ring_action(locations=[gone.id])}
    refused = test_users.ann.put(path, {"configuration": moved})
    assert refused.status_code == 404
    assert parse_problem(refused)["errors"][0]["pointer"] == "/configuration/closed/target/onDuty/locations/0"


def test_the_last_user_to_talk_with_the_caller_rings_first(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    line.update_configuration(open=ring_action(first="last_spoken"))
    at = now()
    early, early_phone = line.put_on_duty(*local_times_around(at, 4), name="Eve Early")
    late, late_phone = line.put_on_duty(*local_times_around(at, 3), name="Lou Late")
    first = line.call(at - timedelta(minutes=5), phones={late_phone: "answers"}, **{"from": CALLER})
    first.assert_sequence(early_phone, late_phone)
    process_outbox()

    again = line.call(at, phones={late_phone: "answers"}, **{"from": CALLER})

    again.assert_absent(early_phone)
    people = again.api_record["people"]
    assert [(person["staffId"], person["why"], person["lastSpoken"]) for person in people] == [
        (late.id, "scheduled", True),
        (early.id, "scheduled", False),
    ]
    assert [person["name"] for person in preview_people(line, caller="(617) 555-0166")] == ["Lou Late", "Eve Early"]
    assert [person["name"] for person in preview_people(line)] == ["Eve Early", "Lou Late"]
    for caller in ("+16175550167", "anonymous"):
        line.call(at, phones={early_phone: "answers"}, **{"from": caller}).assert_absent(late_phone)
    record = dynamodb.get_record(LastConversation, caller_key(line.location.id, CALLER))
    assert record
    assert record.user_id == late.id
    bad = test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params={"caller": "nobody"})
    assert (bad.status_code, parse_problem(bad)["errors"][0]["pointer"]) == (400, "?caller")


def test_a_last_user_without_ringing_changes_nothing(test_users: UserFixtures) -> None:
    line = create_line(test_users)
    line.update_configuration(open=ring_action(first="last_spoken"))
    at = now()
    early, _ = line.put_on_duty(*local_times_around(at, 4), name="Eve Early")
    late, late_phone = line.put_on_duty(*local_times_around(at, 3), name="Lou Late")
    line.call(at - timedelta(minutes=5), phones={late_phone: "answers"}, **{"from": CALLER})
    process_outbox()
    current = users.get_user(late.id)
    update.update_own_profile(current, {"settings": {"ringing": False}}, actor=user_actor(current), at=now())

    people = preview_people(line, caller=CALLER)

    assert [(person["staffId"], person["lastSpoken"], person["whyNot"]) for person in people] == [
        (early.id, False, None),
        (late.id, False, "ringing_off"),
    ]
