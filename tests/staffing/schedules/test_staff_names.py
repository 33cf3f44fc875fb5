"""The names of people on schedules and shifts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from accounts.models import User
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_shift, process_outbox

WINDOW = {"from": "2041-03-01T00:00:00Z", "to": "2041-04-01T00:00:00Z", "expand": "occurrences"}
WEEKLY = {"frequency": "weekly", "count": 3}


@pytest.fixture(scope="module")
def rota(test_users: UserFixtures) -> dict[str, str]:
    """A shift of Sam in Boston, a series there that Mia once covers, a shift of Ann in Denver."""
    mia_covers = {"2041-03-12T09:00:00": {"staffId": test_users.mia.id}}
    shift, denver_shift = (
        create_shift(test_users.ann.actor, location, staff.id, start=_day(4))
        for location, staff in ((test_users.boston, test_users.sam), (test_users.denver, test_users.ann))
    )
    series = create_shift(
        test_users.ann.actor,
        test_users.boston,
        test_users.abe.id,
        start=_day(5),
        pattern={**WEEKLY, "exceptions": mia_covers},
    )
    return {"shift": shift.id, "series": series.id, "denver": denver_shift.id}


def _day(number: int) -> datetime:
    return datetime(2041, 3, number, 9)


def list_items(person: SignedInUser, location_id: str, **query: str) -> list[dict[str, Any]]:
    response = person.get("/staffSchedule", params={"locationId": location_id, **query})
    assert response.status_code == 200, response.text
    return list(response.json()["items"])


def test_staff_see_the_names_of_their_locations(test_users: UserFixtures, rota: dict[str, str]) -> None:
    assert test_users.abe.patch("/user", {"profileName": "Doctor Abe"}).status_code == 200
    mia, sam = test_users.mia.user.name, test_users.sam.user.name
    for person in (test_users.sam, test_users.mia, test_users.ann):
        shifts = list_items(person, test_users.boston.id, **WINDOW)
        assert [shift["staffName"] for shift in shifts] == [sam, "Doctor Abe", mia, "Doctor Abe"]
        schedules = {item["id"]: item for item in list_items(person, test_users.boston.id)}
        assert schedules[rota["series"]]["staffName"] == "Doctor Abe"
        for schedule_id in (rota["series"], rota["shift"]):
            assert person.get(f"/staffSchedule/{schedule_id}").json() == schedules[schedule_id]


def test_nobody_sees_names_of_shifts_that_they_cannot_read(test_users: UserFixtures, rota: dict[str, str]) -> None:
    shifts = test_users.sam.get("/staffSchedule", params={"customerId": test_users.customer.id, **WINDOW}).text
    schedules = test_users.sam.get("/staffSchedule", params={"customerId": test_users.customer.id}).text
    assert test_users.sam.user.name in shifts
    assert test_users.sam.user.name in schedules
    for text in (shifts, schedules):
        assert test_users.ann.user.name not in text
        assert rota["denver"] not in text
    assert test_users.ann.user.name not in test_users.sam.get(f"/staffSchedule/{rota['denver']}").text


def test_responses_to_changes_name_the_staff(test_users: UserFixtures) -> None:
    creation = test_users.ann.post("/staffSchedule", test_users.shift_body(recurrencePattern=WEEKLY))
    schedule = creation.json()
    assert schedule["staffName"] == test_users.sam.user.name
    path, start = f"/staffSchedule/{schedule['id']}", schedule["startTime"][:19]
    query = {"scope": "occurrence", "recurrenceId": start}
    covered = test_users.ann.request("PUT", path, params=query, json={"staffId": test_users.mia.id})
    assert (covered.status_code, covered.json()["staffName"]) == (200, test_users.mia.user.name), covered.text
    moved = test_users.ann.request("PUT", path, json={"staffId": test_users.mia.id})
    assert (moved.status_code, moved.json()["staffName"]) == (200, test_users.mia.user.name), moved.text
    unchanged = test_users.ann.request("PUT", path, json={"staffId": test_users.mia.id})
    assert unchanged.json()["staffName"] == test_users.mia.user.name


def test_the_name_can_be_sent_back(test_users: UserFixtures) -> None:
    """Also with another ``staffId``: the name follows from it."""
    schedule = test_users.ann.post("/staffSchedule", test_users.shift_body()).json()
    path = f"/staffSchedule/{schedule['id']}"
    for body in (schedule, {**schedule, "staffId": test_users.mia.id, "version": 1}):
        response = test_users.ann.request("PUT", path, json=body)
        assert response.status_code == 200, response.text
    assert response.json()["staffName"] == test_users.mia.user.name


def test_deleted_people_have_no_name(test_users: UserFixtures, env: Environment) -> None:
    leaver: User = test_users.create_user(name="Leaver")
    accept_invitation(env, test_users.ann.web, leaver)
    start = datetime(2020, 3, 4, 9)
    past_shift = create_shift(test_users.ann.actor, test_users.boston, leaver.id, start=start)
    path = f"/staffSchedule/{past_shift.id}"
    assert test_users.sam.get(path).json()["staffName"] == "Leaver"

    assert test_users.ann.delete("/user", {"id": leaver.id}).status_code == 200
    process_outbox(60)

    assert test_users.sam.get(path).json()["staffName"] is None
    window = {**WINDOW, "from": "2020-03-01T00:00:00Z", "to": "2020-04-01T00:00:00Z"}
    assert [shift["staffName"] for shift in list_items(test_users.sam, test_users.boston.id, **window)] == [None]


def test_names_take_one_read_or_none(
    test_users: UserFixtures, env: Environment, rota: dict[str, str], record_figure: Callable[[str], None]
) -> None:
    """A page costs one read more than without names, and none where the names are known."""
    own_week = {**WINDOW, "locationId": test_users.boston.id, "staffId": test_users.sam.id}
    week = {**WINDOW, "locationId": test_users.boston.id}
    cases: list[tuple[str, SignedInUser, str, str, dict[str, Any], int]] = [
        ("the week of a location", test_users.sam, "GET", "/staffSchedule", {"params": week}, 3),
        ("one's own week", test_users.sam, "GET", "/staffSchedule", {"params": own_week}, 3),
        ("one shift", test_users.ann, "GET", f"/staffSchedule/{rota['shift']}", {}, 2),
        ("one's own shift", test_users.sam, "GET", f"/staffSchedule/{rota['shift']}", {}, 1),
        ("a new shift", test_users.ann, "POST", "/staffSchedule", {"json": test_users.shift_body()}, 4),
    ]
    assert test_users.sam.get("/user").status_code == 200, "the process has read what it reads once"
    for name, person, method, path, options, max_trips in cases:
        with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as fault_plan:
            response = person.request(method, path, **options)
        assert response.status_code in (200, 201), response.text
        calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
        trips = count_sequential_trips(calls)
        record_figure(f"{name}, with names: {trips} round trips, {len(calls)} reads")
        assert trips <= max_trips, (name, [call.operation for call in calls])
