"""Giving shifts to another person: what a plan says, and what a move does."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts import users
from accounts.models import User
from config import errors
from staffing.schedules import listing, reassignment, rest
from staffing.schedules.expansion import Shift
from staffing.schedules.queries import ScheduleFilter
from staffing.schedules.reassignment import PlannedMove
from tests.support.users import UserFixtures, create_shift, now

MONDAY = datetime(2033, 1, 3)
DAILY = {"frequency": "daily", "count": 4}


def list_shifts(test_users: UserFixtures, staff_id: str) -> list[Shift]:
    since, until = datetime(2033, 1, 1, tzinfo=UTC), datetime(2033, 2, 1, tzinfo=UTC)
    shift_filter = ScheduleFilter(customer_id=test_users.customer.id, staff_id=staff_id, since=since, until=until)
    return list(listing.list_shifts(shift_filter, actor=test_users.ann.actor, at=now(), limit=300, cursor=None).records)


def plan(test_users: UserFixtures, shifts: list[Shift], target: User, at: datetime | None = None) -> list[PlannedMove]:
    customer_id = test_users.customer.id
    return list(
        reassignment.plan_moves(
            shifts,
            users.get_user(target.id),
            holders=users.load_users({shift.staff_id for shift in shifts}, customer_id),
            actor=test_users.ann.actor,
            at=at or now(),
        ).moves
    )


def create_series(test_users: UserFixtures, person: User, **fields: object) -> None:
    times = {"start": MONDAY.replace(hour=9), "end": MONDAY.replace(hour=17)}
    create_shift(test_users.ann.actor, test_users.boston, person.id, recurring=True, pattern=DAILY, **times, **fields)


def test_a_plan_says_what_overlaps_and_what_to_expect(test_users: UserFixtures) -> None:
    sue = test_users.create_user(name="Sue Stone", skills=["dental", "german"])
    kim = test_users.create_user(name="Kim", locations=[test_users.denver.id], skills=["german"])
    create_series(test_users, sue)
    start = MONDAY + timedelta(days=1, hours=14)  # 16:00 in Boston
    create_shift(test_users.ann.actor, test_users.denver, kim.id, start=start, end=start + timedelta(hours=2))
    shifts = list_shifts(test_users, sue.id)
    moves = plan(test_users, shifts, kim)
    assert [move.problem for move in moves] == ["", "Overlap: Kim has Tue 4 Jan 14:00–16:00 at Denver.", "", ""]
    assert moves[0].warnings == ["Kim has no access to this location.", "Kim lacks the skill dental."]
    at = datetime(2033, 1, 4, 23, tzinfo=UTC)
    assert [move.problem for move in plan(test_users, shifts, kim, at)][:2] == ["This shift is over."] * 2
    assert {move.problem for move in plan(test_users, shifts, sue)} == {"Sue Stone has this shift already."}
    assert plan(test_users, [], kim) == []
    with pytest.raises(errors.InvalidRequest):
        plan(test_users, shifts * 60, kim)


def test_a_plan_warns_of_short_rest_and_long_weeks(test_users: UserFixtures) -> None:
    """Fri 18:00 to Mon 08:00 without a break moved without a word."""
    sue, kim = (test_users.create_user(name=name) for name in ("Sue", "Kim"))
    start = MONDAY.replace(hour=18)
    nights = {"recurring": True, "pattern": {"frequency": "daily", "count": 5}}
    create_shift(
        test_users.ann.actor, test_users.boston, sue.id, start=start, end=start + timedelta(hours=14), **nights
    )
    saturday = MONDAY + timedelta(days=5, hours=8)
    create_shift(test_users.ann.actor, test_users.boston, kim.id, start=saturday, end=saturday + timedelta(hours=24))
    shifts = list_shifts(test_users, sue.id)
    result = reassignment.plan_moves(shifts, users.get_user(kim.id), holders={}, actor=test_users.ann.actor, at=now())
    assert not any(move.problem for move in result.moves)
    assert result.moves[0].warnings == []
    assert result.moves[1].warnings == ["Less than 11 hours of rest: Kim has Mon 3 Jan 18:00–08:00 at Boston."]
    assert result.long_weeks == [(MONDAY.date(), 94)]
    assert [shift.staff_id for shift in result.own_shifts] == [kim.id]
    assert rest.find_short_rest((MONDAY, MONDAY), [(MONDAY - timedelta(hours=12), MONDAY - rest.MIN_REST)]) is None


def test_shifts_of_two_people_at_one_time_do_not_both_move(test_users: UserFixtures) -> None:
    people = [test_users.create_user(name=name) for name in ("Sue", "Tom", "Kim")]
    for person in people[:2]:
        create_series(test_users, person)
    shifts = sorted(
        (shift for person in people[:2] for shift in list_shifts(test_users, person.id)),
        key=lambda shift: shift.sort_key,
    )
    problems = [move.problem for move in plan(test_users, shifts, people[2])]
    assert [bool(problem) for problem in problems] == [False, True] * 4


def test_blocked_people_get_no_shifts(test_users: UserFixtures) -> None:
    sue, kim = (test_users.create_user(name=name) for name in ("Sue", "Kim"))
    create_series(test_users, sue)
    assert test_users.ann.patch("/userManagement", {"id": kim.id, "status": "blocked"}).status_code == 200
    assert {move.problem for move in plan(test_users, list_shifts(test_users, sue.id), kim)} == {
        "This person is blocked."
    }


def test_a_move_covers_shifts_of_a_series_and_hands_over_single_ones(test_users: UserFixtures) -> None:
    sue, kim = (test_users.create_user(name=name) for name in ("Sue", "Kim"))
    create_series(test_users, sue)
    start = MONDAY + timedelta(days=10)
    single = create_shift(test_users.ann.actor, test_users.boston, sue.id, start=start, end=start + timedelta(hours=3))
    shifts = list_shifts(test_users, sue.id)
    for shift in (shifts[1], shifts[-1]):
        reassignment.reassign_shift(shift, kim.id, actor=test_users.ann.actor, at=now())
    assert [shift.occurrence.start.day for shift in list_shifts(test_users, sue.id)] == [3, 5, 6]
    moved = list_shifts(test_users, kim.id)
    assert [(shift.schedule.id == single.id, shift.schedule.staff_id) for shift in moved] == [
        (False, sue.id),
        (True, kim.id),
    ]
    back = reassignment.reassign_shift(moved[0], sue.id, actor=test_users.ann.actor, at=now())
    assert not back.series().exceptions, "who gets their own shift back does not cover it"
    create_series(test_users, kim)
    with pytest.raises(errors.Conflict) as refusal:
        reassignment.reassign_shift(shifts[0], kim.id, actor=test_users.ann.actor, at=now())
    assert reassignment.describe_refusal(refusal.value) == "Overlap: the person has another shift at that time."
