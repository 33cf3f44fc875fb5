"""Everybody gets their data, however much the business of theirs has: finding M5."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Location
from config import dynamodb
from config.journal import two_phase
from telephony.calls.history import queries
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_creation, call_record
from telephony.calls.state.call_steps import CallStep
from telephony.lines import ResolvedLine
from telephony.models import Call, CallOfUser
from tests.support.bulk import put_records
from tests.support.environment import IS_SCALE_RUN, Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_shift,
    create_user_fixtures,
    enable_ringing,
    now,
    process_outbox,
    simulate_call,
)

ID_PREFIX = secrets.token_hex(8)
"""Of the calls of this module: other tests have calls too."""
CALL_COUNT = 20_000 if IS_SCALE_RUN else 1_500
"""Calls of the business within 90 days."""
MAX_ROUND_TRIPS = 14
"""Of an export: one or two of each chapter."""
EXPORT_PATH = "/user/export/my-data?format=json"


@pytest.fixture(scope="module")
def large_business(env: Environment, web: str) -> UserFixtures:
    """A business with many calls, none of which concerned Sam."""
    fixtures = create_user_fixtures(env, web)
    put_records(make_call(fixtures, number, "usr_of_nobody") for number in range(CALL_COUNT))
    return fixtures


def make_call(fixtures: UserFixtures, number: int, user_id: str, *, is_listed: bool = True) -> Call:
    """A call for which a person was considered; those of 90 days are spread evenly."""
    line = ResolvedLine(
        number="+14150000000",
        customer_id=fixtures.customer.id,
        location_id=fixtures.boston.id,
        location_name="Boston",
        time_zone="America/New_York",
        configuration={"greeting": {"say": "x" * 1_500}, "open": {"type": "voicemail"}},
        is_suspended=False,
    )
    at = now() - timedelta(days=89) + timedelta(days=88) * (number % CALL_COUNT / CALL_COUNT)
    call = call_creation.new_call(f"CA{ID_PREFIX}{number:016x}", line, caller="+16175550100", entrance="open", at=at)
    plan = RingPlan([RingCandidate(user_id, "", "scheduled", phone="+16175550101")])
    call.row.plans = [call.encode_plan(plan, "open")]
    call.row.has_people = True if is_listed else None
    return call.row


def export_calls(person: SignedInUser) -> list[dict[str, Any]]:
    response = person.get(EXPORT_PATH)
    assert response.status_code == 200, response.text
    return list(response.json()["data"]["calls"])


def test_an_export_reads_only_the_calls_of_the_person(
    large_business: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    """M5: it read every call of the business, and was 503 with 20,000 of them."""
    sam = large_business.sam
    own = [make_call(large_business, number, sam.id) for number in range(CALL_COUNT, CALL_COUNT + 30)]
    put_records([*own, *(record for call in own for record in call.list_users([sam.id]))])

    with env.apply_plan() as plan:
        response = sam.get(EXPORT_PATH)

    assert response.status_code == 200, response.text
    calls = response.json()["data"]["calls"]
    assert [call["id"] for call in calls] == [call.id for call in own]
    assert {call["plans"] for call in calls} == {"on duty"}
    round_trips = sum(call.service == "dynamodb" for call in plan.calls)
    record_figure(
        f"export of a person with 30 of {CALL_COUNT + 30:,} calls: {response.elapsed.total_seconds():.2f} s, "
        f"{round_trips} round trips"
    )
    assert round_trips <= MAX_ROUND_TRIPS
    assert response.elapsed.total_seconds() < 10


def test_an_export_costs_the_same_with_300_locations(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """F7: it asked for the calls of each location in sequence."""
    fixtures = create_user_fixtures(env, web)
    put_records(
        Location(
            id=dynamodb.new_id("loc", now()),
            customer_id=fixtures.customer.id,
            name=f"Office {number}",
            name_key=f"office {number}",
            time_zone="America/New_York",
            created_at=now(),
            updated_at=now(),
        )
        for number in range(300)
    )

    with env.apply_plan() as plan:
        response = fixtures.ann.get(EXPORT_PATH)

    assert response.status_code == 200, response.text
    assert len(response.json()["data"]["locations"]) >= 300
    round_trips = sum(call.service == "dynamodb" for call in plan.calls)
    record_figure(f"export of an owner with 300 locations: {round_trips} round trips")
    assert round_trips <= MAX_ROUND_TRIPS


def test_calls_from_before_are_still_there(env: Environment, web: str) -> None:
    """Calls of an older release are found until they expire, also those of a deployment."""
    fixtures = create_user_fixtures(env, web)
    start = CALL_COUNT + 1_000
    before = [make_call(fixtures, start + number, fixtures.sam.id, is_listed=False) for number in range(5)]
    listed = make_call(fixtures, start + 6, fixtures.mia.id)
    listed.started_at = before[-1].started_at + timedelta(minutes=5)
    late = make_call(fixtures, start + 7, fixtures.sam.id, is_listed=False)
    late.started_at = listed.started_at + timedelta(minutes=30)
    put_records([*before, listed, late])

    assert {call["id"] for call in export_calls(fixtures.sam)} == {call.id for call in [*before, late]}
    assert export_calls(fixtures.cleo) == []


def test_calls_that_rang_somebody_are_in_their_export(test_users: UserFixtures, env: Environment) -> None:
    """The records are written with the call, and go with the account."""
    person = accept_invitation(env, test_users.ann.web, test_users.create_user(name="Rae"))
    enable_ringing(person.user)
    start = now().astimezone(ZoneInfo(test_users.boston.time_zone)).replace(tzinfo=None) - timedelta(hours=1)
    create_shift(test_users.ann.actor, test_users.boston, person.id, start=start, end=start + timedelta(hours=4))
    call_id = simulate_call(test_users.boston_number.number.number)["sid"]

    (row,) = rows_of(person.id)
    assert row.call_id == call_id
    call = dynamodb.get_record(Call, call_id)
    assert call
    assert row.expires_at == call.expires_at, "they expire together"
    assert [call["id"] for call in export_calls(person)] == [call_id]

    assert test_users.ann.delete("/userManagement", {"id": person.id, "erase": "now"}).status_code == 200
    process_outbox(seconds_ahead=two_phase.FINISHER_DELAY.total_seconds())
    assert rows_of(person.id) == []


def rows_of(user_id: str) -> list[CallOfUser]:
    return list(dynamodb.iter_records(CallOfUser, "#user_id = :user", {":user": {"S": user_id}}, ConsistentRead=True))


def test_a_repeated_webhook_lists_nobody_twice(test_users: UserFixtures) -> None:
    call = call_record.CallRecord(make_call(test_users, CALL_COUNT + 5_000, "usr_of_nobody"))
    call.row.plans = []
    call.save()
    plan = RingPlan([RingCandidate(test_users.mia.id, "", "scheduled", phone="+16175550101")])
    for _ in range(2):
        call.record(CallStep("plan", "open"), plan=plan)
    assert [row.call_id for row in rows_of(test_users.mia.id)] == [call.id]
    assert [found.id for found in queries.iter_calls_of_user(test_users.mia.id, test_users.customer.id, now())] == [
        call.id
    ]


def test_erasing_many_calls_takes_few_moments(test_users: UserFixtures) -> None:
    """A person who was on duty for every call."""
    user_id = dynamodb.new_id("usr", now())
    calls = (make_call(test_users, 100_000 + number, user_id) for number in range(1_000))
    put_records(record for call in calls for record in call.list_users([user_id]))
    queries.delete_calls_of_user(user_id)
    assert rows_of(user_id) == []
