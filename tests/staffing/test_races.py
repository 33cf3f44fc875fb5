"""Two managers at once: one person is never planned in two places, and nobody waits for ever."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts.models import User
from config import dynamodb
from config.audit import verification
from staffing.models import Busy, Schedule
from staffing.recurrence import conflicts
from staffing.schedules import availability
from tests.config.test_journal import at_once
from tests.conftest import Cast, Person
from tests.staffing.test_schedules import PATH, WEEKLY, body, plan, put
from tests.support.environment import SCALE, World, free_port

ROUNDS = 50 if SCALE else 4
MANY = 50


@pytest.fixture(scope="module")
def managers(cast: Cast, world: World) -> Any:
    """Three managers in two web processes."""
    web = world.start_web("second", free_port())
    yield [
        cast.mia,
        Person(cast.abe.user, cast.abe.token, web),
        Person(cast.ann.user, cast.ann.token, web),
    ]
    world.stop("second")


def rows_of(user: User) -> list[Busy]:
    return availability.rows_from(user.id, None, None)


def check_whole(user: User) -> None:
    """Rows are those of the schedules, and the head counts their changes."""
    rows = rows_of(user)
    found = dynamodb.fetch(dynamodb.Key(Schedule, str(row.schedule_id)) for row in rows)
    for row in rows:
        assert found.get(Schedule, str(row.schedule_id)), f"a row without its schedule: {row.end}"
    every = [(row.schedule_id, series) for row in rows for series in row.series()]
    for n, (id, one) in enumerate(every):
        for other_id, other in every[n + 1 :]:
            assert id == other_id or conflicts.first_clash(one, other) is None


def test_of_fifty_clashing_plans_one_wins_round_after_round(
    cast: Cast, managers: list[Person], say: Callable[[str], None]
) -> None:
    slowest = 0.0
    for round in range(ROUNDS):
        user = cast.fresh()
        first = datetime(2031, 5, 5, 9) + timedelta(days=7 * round)
        wanted = [
            body(cast, first.isoformat(), (first + timedelta(hours=8)).isoformat()),
            body(
                cast,
                (first - timedelta(hours=11)).isoformat(),
                (first + timedelta(hours=1)).isoformat(),
                recurrencePattern={"frequency": "daily", "interval": 7},
            ),
        ]

        def one(number: int) -> Callable[[], httpx.Response]:
            manager = managers[number % 3]
            return lambda: manager.post(PATH, {**wanted[number % 2], "staffId": user.id})  # noqa: B023

        answers = at_once([one(number) for number in range(MANY)])

        statuses = [answer.status_code for answer in answers]
        assert statuses.count(201) == 1, sorted(statuses)
        assert set(statuses) <= {201, 409, 503}, sorted(statuses)
        assert len(rows_of(user)) == 1
        check_whole(user)
        slowest = max(slowest, *(answer.elapsed.total_seconds() for answer in answers))
    say(f"{MANY} clashing plans at once, {ROUNDS} rounds: one winner each, slowest {slowest:.1f} s")


def test_fifty_plans_that_do_not_clash_all_come_to_be(
    cast: Cast, managers: list[Person], say: Callable[[str], None]
) -> None:
    user = cast.fresh()

    def one(number: int) -> Callable[[], tuple[int, int]]:
        start = datetime(2031, 6, 2) + timedelta(days=number // 2, hours=12 * (number % 2))
        wanted = body(
            cast, start.isoformat(), (start + timedelta(hours=12)).isoformat(), staffId=user.id
        )
        key = {"Idempotency-Key": f"apart {user.id} {number}"}

        def ask() -> tuple[int, int]:
            waited = 0
            while True:
                answer = managers[number % 3].post(PATH, wanted, headers=key)
                if answer.status_code != 503 or waited > 20:
                    return answer.status_code, waited
                waited += 1

        return ask

    answers = at_once([one(number) for number in range(MANY)])

    assert [status for status, _ in answers] == [201] * MANY
    assert len(rows_of(user)) == MANY
    check_whole(user)
    assert verification.verify().findings == []
    again = sum(waited for _, waited in answers)
    say(f"{MANY} plans for one person that do not clash: all 201, {again} repeated after a 503")


def test_handing_over_and_planning_at_once_never_doubles(
    cast: Cast, managers: list[Person]
) -> None:
    """A series goes from one to the other while each of them is planned for something else."""
    for round in range(3):
        giver, taker = cast.fresh(), cast.fresh()
        times = ("2031-06-02T09:00", "2031-06-02T17:00")
        id = plan(cast.ann, body(cast, *times, staffId=giver.id, recurrencePattern=WEEKLY))["id"]
        day = f"2031-06-{9 + 7 * round:02}"
        other = body(cast, f"{day}T10:00", f"{day}T11:00", staffId=taker.id)
        back = body(cast, f"{day}T10:00", f"{day}T11:00", staffId=giver.id)

        answers = at_once(
            [
                lambda: put(managers[0], id, {"staffId": taker.id}),  # noqa: B023
                lambda: managers[1].post(PATH, other),  # noqa: B023
                lambda: managers[2].post(PATH, back),  # noqa: B023
            ]
        )

        handed, theirs, given = (answer.status_code for answer in answers)
        assert {handed, theirs} == {200 if handed == 200 else 409, 409 if handed == 200 else 201}
        assert given in (201, 409), "free only once it was handed over"
        for user in (giver, taker):
            check_whole(user)


def test_a_change_that_is_seen_half_is_noticed(cast: Cast) -> None:
    """The head tells of a row that a Query does not show yet: the decision is taken again."""
    user = cast.fresh()
    plan(cast.ann, body(cast, "2031-06-02T09:00", "2031-06-02T17:00", staffId=user.id))
    (row,) = rows_of(user)
    dynamodb.call("DeleteItem", TableName=Busy.table_name(), Key=Busy.wire_key(user.id, row.end))
    wanted = body(cast, "2031-06-02T10:00", "2031-06-02T11:00", staffId=user.id)
    answer = cast.ann.post(PATH, wanted)
    assert answer.status_code == 503, "never decided from what is known to be missing"
    dynamodb.call("PutItem", TableName=Busy.table_name(), Item=row.serialize())
    assert cast.ann.post(PATH, wanted).status_code == 409
