"""The calls of the last weeks on the page of a rota: how many came while nobody could be rung."""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from accounts import locations
from telephony.admin.rota_calls import describe_replay
from telephony.reach.replay import Replay, ReplayedCall, ReplayedPerson
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, enable_ringing, now, store_missed_call

MONDAY = datetime.fromisoformat("2026-11-23T12:30:00-07:00")
SAM = ReplayedPerson("usr_sam", rang_then=False)


def replay_of(*calls: tuple[str, bool]) -> Replay:
    """Calls at half past twelve on Monday: how each ended, and whether Sam would ring."""
    replayed = [
        ReplayedCall(f"CA{number}", MONDAY, was, rings, [SAM] if rings else [])
        for number, (was, rings) in enumerate(calls)
    ]
    return Replay("loc_1", "America/Denver", MONDAY, MONDAY, replayed, is_cut=False)


def test_calls_without_anybody_to_ring_are_counted_with_their_hours() -> None:
    replayed = replay_of(
        ("missed", False), ("voicemail", False), ("missed", True), ("answered", True), ("closed", False)
    )
    words = describe_replay(replayed, follows_rota=False)
    assert words.is_warning
    assert words.sentences == [
        "Of 5 calls of the last 4 weeks, nobody answered 3.",
        "2 of them came while nobody is on duty by this rota whose phone rings.",
        "Most of them: Monday 12:00 to 13:00 (2 calls).",
    ]
    assert describe_replay(replayed, follows_rota=True).sentences[0].endswith("nobody answered 4."), (
        "the rota closed it"
    )


def test_a_rota_that_would_meet_all_calls_is_no_warning() -> None:
    words = describe_replay(replay_of(("missed", True)), follows_rota=False)
    assert (words.is_warning, words.sentences[1]) == (
        False,
        "By this rota, each of them would ring somebody who is on duty.",
    )
    assert describe_replay(replay_of(("answered", True)), follows_rota=False).sentences == [
        "Somebody answered all 1 call of the last 4 weeks."
    ]


def test_the_page_of_a_rota_compares_it_with_past_calls(
    test_users: UserFixtures,
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    number = test_users.purchase_number()
    location = locations.get_location(str(number.number.location_id), actor=test_users.ann.actor)
    session, path = operator_sessions["read-only"], f"/admin/staffing/schedule/rota/{location.id}/"
    noon = (now() - timedelta(days=3)).replace(tzinfo=None, hour=12, minute=0, second=0, microsecond=0)
    user = test_users.create_user(locations=[location.id])
    enable_ringing(user)
    create_shift(test_users.ann.actor, location, user.id, start=noon, end=noon + timedelta(hours=4))
    started_at = noon.replace(tzinfo=ZoneInfo(str(location.time_zone))) + timedelta(hours=1)
    store_missed_call(number, started_at=started_at)
    store_missed_call(number, started_at=started_at - timedelta(days=2))
    plain = session.get(path)
    assert "Compare with past calls" in plain.text
    assert "The calls of the last 4 weeks" not in plain.text

    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        page = session.get(f"{path}?calls=1")

    assert "Of 2 calls of the last 4 weeks, nobody answered 2." in page.text
    assert "1 of them came while nobody is on duty by this rota whose phone rings." in page.text
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips = count_sequential_trips(calls)
    record_figure(f"rota compared with past calls: {trips} sequential trips, {len(calls)} calls")
    assert trips <= 5
    without_line = locations.create_location(
        actor=test_users.ann.actor, at=now(), name="Shed", time_zone="America/Denver"
    )
    page = session.get(f"/admin/staffing/schedule/rota/{without_line.id}/?calls=1")
    assert "The location has no line, so nobody calls it." in page.text
