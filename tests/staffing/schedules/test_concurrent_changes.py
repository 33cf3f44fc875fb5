"""Concurrent requests never double-book a user, and all of them complete."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config import dynamodb
from staffing.models import Schedule, StaffAvailability
from staffing.recurrence import conflicts
from staffing.schedules import availability
from tests.config.journal.test_journal import run_concurrently
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, put_schedule, schedule_body
from tests.support.environment import IS_SCALE_RUN, Environment, free_port
from tests.support.users import SignedInUser, UserFixtures

ROUNDS = 50 if IS_SCALE_RUN else 4
CONCURRENT_REQUESTS = 50


@pytest.fixture(scope="module")
def managers(test_users: UserFixtures, env: Environment) -> Any:
    """Three managers in two web processes."""
    web = env.start_web("second", free_port())
    yield [
        test_users.mia,
        SignedInUser(test_users.abe.user, test_users.abe.token, web),
        SignedInUser(test_users.ann.user, test_users.ann.token, web),
    ]
    env.stop("second")


def list_availability_rows(user: User) -> list[StaffAvailability]:
    return availability.fetch_rows(user.id, None, None)


def check_consistency(user: User) -> None:
    """Check that rows have schedules and that no series of the user overlap."""
    rows = list_availability_rows(user)
    schedules = dynamodb.batch_get(dynamodb.RecordKey(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        assert schedules.get(Schedule, str(row.schedule_id)), f"a row without its schedule: {row.end}"
    all_series = [(row.schedule_id, series) for row in rows for series in row.series()]
    for index, (id, series_a) in enumerate(all_series):
        for other_id, series_b in all_series[index + 1 :]:
            assert id == other_id or conflicts.find_conflict(series_a, series_b) is None


def test_fifty_conflicting_requests_create_a_single_schedule(
    test_users: UserFixtures, managers: list[SignedInUser], record_figure: Callable[[str], None]
) -> None:
    slowest = 0.0
    for round_number in range(ROUNDS):
        user = test_users.create_user()
        first = datetime(2031, 5, 5, 9) + timedelta(days=7 * round_number)
        request_bodies = [
            schedule_body(test_users, first.isoformat(), (first + timedelta(hours=8)).isoformat()),
            schedule_body(
                test_users,
                (first - timedelta(hours=11)).isoformat(),
                (first + timedelta(hours=1)).isoformat(),
                recurrencePattern={"frequency": "daily", "interval": 7},
            ),
        ]

        def make_request(number: int) -> Callable[[], httpx.Response]:
            manager = managers[number % 3]
            return lambda: manager.post(PATH, {**request_bodies[number % 2], "staffId": user.id})  # noqa: B023

        responses = run_concurrently([make_request(number) for number in range(CONCURRENT_REQUESTS)])

        statuses = [response.status_code for response in responses]
        assert statuses.count(201) == 1, sorted(statuses)
        assert set(statuses) <= {201, 409, 503}, sorted(statuses)
        assert len(list_availability_rows(user)) == 1
        check_consistency(user)
        slowest = max(slowest, *(response.elapsed.total_seconds() for response in responses))
    record_figure(
        f"{CONCURRENT_REQUESTS} conflicting requests, {ROUNDS} rounds: one success each, slowest {slowest:.1f} s"
    )


def test_fifty_requests_without_conflict_all_succeed(
    test_users: UserFixtures, managers: list[SignedInUser], record_figure: Callable[[str], None]
) -> None:
    user = test_users.create_user()

    def make_request(number: int) -> Callable[[], tuple[int, int]]:
        start = datetime(2031, 6, 2) + timedelta(days=number // 2, hours=12 * (number % 2))
        request_body = schedule_body(
            test_users, start.isoformat(), (start + timedelta(hours=12)).isoformat(), staffId=user.id
        )
        headers = {"Idempotency-Key": f"apart {user.id} {number}"}

        def send() -> tuple[int, int]:
            retries = 0
            while True:
                response = managers[number % 3].post(PATH, request_body, headers=headers)
                if response.status_code != 503 or retries > 20:
                    return response.status_code, retries
                retries += 1

        return send

    responses = run_concurrently([make_request(number) for number in range(CONCURRENT_REQUESTS)])

    assert [status for status, _ in responses] == [201] * CONCURRENT_REQUESTS
    assert len(list_availability_rows(user)) == CONCURRENT_REQUESTS
    check_consistency(user)
    assert test_users.audit_findings() == []
    total_retries = sum(retries for _, retries in responses)
    record_figure(
        f"{CONCURRENT_REQUESTS} requests for one user without conflicts: all 201, {total_retries} retried after a 503"
    )


def test_concurrent_reassignment_and_creation_never_overlap(
    test_users: UserFixtures, managers: list[SignedInUser]
) -> None:
    """A series is reassigned while both users get another, overlapping shift."""
    for round_number in range(3):
        from_user, to_user = test_users.create_user(), test_users.create_user()
        times = ("2031-06-02T09:00", "2031-06-02T17:00")
        id = create_schedule(
            test_users.ann, schedule_body(test_users, *times, staffId=from_user.id, recurrencePattern=WEEKLY)
        )["id"]
        day = f"2031-06-{9 + 7 * round_number:02}"
        to_user_body = schedule_body(test_users, f"{day}T10:00", f"{day}T11:00", staffId=to_user.id)
        from_user_body = schedule_body(test_users, f"{day}T10:00", f"{day}T11:00", staffId=from_user.id)

        responses = run_concurrently(
            [
                lambda: put_schedule(managers[0], id, {"staffId": to_user.id}),  # noqa: B023
                lambda: managers[1].post(PATH, to_user_body),  # noqa: B023
                lambda: managers[2].post(PATH, from_user_body),  # noqa: B023
            ]
        )

        reassign_status, to_user_status, from_user_status = (response.status_code for response in responses)
        assert {reassign_status, to_user_status} == {
            200 if reassign_status == 200 else 409,
            409 if reassign_status == 200 else 201,
        }
        assert from_user_status in (201, 409), "free only after the reassignment"
        for user in (from_user, to_user):
            check_consistency(user)


def test_stale_read_is_detected(test_users: UserFixtures) -> None:
    """The version record reveals a row that a query does not return yet; the check is retried."""
    user = test_users.create_user()
    create_schedule(test_users.ann, schedule_body(test_users, "2031-06-02T09:00", "2031-06-02T17:00", staffId=user.id))
    (row,) = list_availability_rows(user)
    dynamodb.call(
        "DeleteItem", TableName=StaffAvailability.table_name(), Key=StaffAvailability.to_dynamodb_key(user.id, row.end)
    )
    request_body = schedule_body(test_users, "2031-06-02T10:00", "2031-06-02T11:00", staffId=user.id)
    response = test_users.ann.post(PATH, request_body)
    assert response.status_code == 503, "no decision from incomplete rows"
    dynamodb.call("PutItem", TableName=StaffAvailability.table_name(), Item=row.serialize())
    assert test_users.ann.post(PATH, request_body).status_code == 409
