"""Those in charge are told of each time in which callers would reach nobody, once, and soon."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts import customers, permissions
from config import costs, dynamodb, journal, outbox
from telephony.models import ReachAlert
from telephony.reach import causes, look, nightly
from tests.support.devices import drain_outbox, list_pushes
from tests.support.environment import Environment
from tests.support.users import UserFixtures, emails_to, now
from tests.telephony.reach.watched_line import LOOK_SECONDS, WatchedLine, create_watched_line, tomorrow


@pytest.fixture
def watched(test_users: UserFixtures, env: Environment) -> WatchedLine:
    return create_watched_line(test_users, env)


def set_ringing(watched: WatchedLine, *, on: bool) -> None:
    response = watched.sam.patch("/user", {"settings": {"ringing": on}})
    assert response.status_code == 200, response.text


def list_present_holes(watched: WatchedLine) -> list[Any]:
    """What Mia sees of the next seven days."""
    until = tomorrow(0) + timedelta(days=7)
    response = watched.mia.get(f"/location/{watched.location_id}/reach", params={"to": until.isoformat()})
    assert response.status_code == 200, response.text
    return list(response.json()["holes"])


def test_manager_hears_that_somebody_turned_calls_off(watched: WatchedLine, env: Environment) -> None:
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)

    (push,) = watched.list_holes()
    assert push["data"] == {"event": "hole_found", "locationId": watched.location_id}
    assert push["title"] == "Callers will reach nobody"
    day = f"{tomorrow(10):%A}"
    assert push["body"].startswith(f"Harbour Street: {day}, ")
    assert push["body"].endswith(". Sam Reed has turned calls off.")
    assert "10 a.m. – noon (E" in push["body"]
    (mail,) = [mail for mail in emails_to(env, watched.mia.user.email) if "reach nobody" in mail["subject"]]
    assert mail["subject"] == "Callers will reach nobody at Harbour Street"
    assert "Sam Reed has turned calls off." in mail["text"]
    assert list_pushes(watched.sam, "hole_found") == []
    (hole,) = list_present_holes(watched)
    assert [(person["staffId"], person["whyNot"]) for person in hole["people"]] == [(watched.sam.id, "ringing_off")]

    nightly.plan_looks_of(watched.sam.user.customer_id, at=now())
    drain_outbox(3600)
    set_ringing(watched, on=True)
    drain_outbox(LOOK_SECONDS)
    assert list_present_holes(watched) == []
    assert len(watched.list_holes()) == 1, "nobody is told that it is gone"


def test_who_turns_calls_off_again_and_again_is_reported_once_an_hour(watched: WatchedLine) -> None:
    for on in (False, True, False, True, False):
        set_ringing(watched, on=on)
        drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 1
    set_ringing(watched, on=True)
    drain_outbox(look.KNOWN_AT_LEAST.total_seconds() + LOOK_SECONDS)
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 2, "it is a hole again"


def test_looking_again_repeats_no_message(watched: WatchedLine) -> None:
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    for seconds in (1, 2):
        enqueue_look(watched, now() - timedelta(seconds=seconds))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(drain_outbox, [0, 0]))
    assert len(watched.list_holes()) == 1


def test_looks_at_the_same_time_send_one_message(watched: WatchedLine) -> None:
    set_ringing(watched, on=False)
    for seconds in range(4):
        enqueue_look(watched, now() - timedelta(seconds=seconds))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(drain_outbox, [0] * 4))
    drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 1


def enqueue_look(watched: WatchedLine, due: datetime) -> None:
    with journal.write_intent(permissions.system_actor(watched.sam.user.customer_id), now()) as write:
        causes.enqueue_look(write, watched.location_id, due)


def test_closed_hours_are_no_hole(test_users: UserFixtures, env: Environment) -> None:
    watched = create_watched_line(test_users, env, is_open=False)
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    assert watched.list_holes() == []


def alerts(**values: Any) -> dict[str, Any]:
    return {"settings": {"reachAlerts": values}}


def test_nobody_is_notified_where_alerts_are_off(watched: WatchedLine) -> None:
    ann, path = watched.line.test_users.ann, f"/location/{watched.location_id}"
    assert ann.patch(path, alerts(off=True)).json()["settings"] == {
        "reachAlerts": {"days": None, "minMinutes": None, "off": True}
    }
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    assert watched.list_holes() == []
    assert dynamodb.get_record(ReachAlert, watched.location_id) is None

    assert ann.patch(path, alerts(off=None, minMinutes=121)).status_code == 200
    drain_outbox(LOOK_SECONDS)
    assert watched.list_holes() == [], "it lasts 120 minutes"

    assert ann.patch(path, {"settings": {"reachAlerts": None}}).status_code == 200
    drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 1


def test_a_hole_of_which_nobody_knows_is_still_new(watched: WatchedLine) -> None:
    def notify(*, on: bool) -> None:
        channels = {channel: {"holeFound": on} for channel in ("email", "push")}
        assert watched.mia.patch("/user", {"settings": {"notifications": channels}}).status_code == 200

    notify(on=False)
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    assert watched.list_holes() == []
    notify(on=True)
    enqueue_look(watched, now())
    drain_outbox()
    assert len(watched.list_holes()) == 1


def test_nobody_is_notified_of_the_holes_of_a_suspended_customer(watched: WatchedLine) -> None:
    customer_id = watched.sam.user.customer_id
    set_ringing(watched, on=False)
    customers.suspend(customer_id, actor=permissions.system_actor(customer_id), at=now())
    try:
        drain_outbox(LOOK_SECONDS)
        assert watched.list_holes() == []
    finally:
        customers.resume(customer_id, actor=permissions.system_actor(customer_id), at=now())
    drain_outbox(LOOK_SECONDS)
    assert len(watched.list_holes()) == 1


def test_alert_is_forgotten_with_the_number(watched: WatchedLine) -> None:
    set_ringing(watched, on=False)
    drain_outbox(LOOK_SECONDS)
    assert dynamodb.get_record(ReachAlert, watched.location_id)
    response = watched.line.test_users.ann.request("DELETE", f"/phoneNumber/{watched.line.number}")
    assert response.status_code == 200, response.text
    drain_outbox(LOOK_SECONDS)
    assert dynamodb.get_record(ReachAlert, watched.location_id) is None


def test_a_look_without_news_costs_little(watched: WatchedLine, record_figure: Callable[[str], None]) -> None:
    enqueue_look(watched, now())
    drain_outbox()
    enqueue_look(watched, now())
    with costs.measure() as cost:
        drain_outbox()
    record_figure(f"look ahead: {cost.round_trips} round trips, {cost.cpu_seconds * 1000:.0f} ms of CPU time")
    assert cost.round_trips <= 20, "also of the outbox, and of the test that looks for what is due"


NIGHTS = [
    ("2027-03-14T06:30:00+00:00", "America/New_York", "2027-03-14T07:00:00+00:00"),  # the clock goes forward at 2
    ("2027-11-07T05:30:00+00:00", "America/New_York", "2027-11-07T08:00:00+00:00"),  # and back at 2
    ("2027-06-02T12:00:00+00:00", "Europe/Berlin", "2027-06-03T01:00:00+00:00"),
    ("2027-06-03T01:00:00+00:00", "Europe/Berlin", "2027-06-04T01:00:00+00:00"),
]


@pytest.mark.parametrize(("at", "zone", "expected"), NIGHTS)
def test_each_line_is_looked_at_at_three_by_its_clock(at: str, zone: str, expected: str) -> None:
    assert nightly.next_look(datetime.fromisoformat(at), zone) == datetime.fromisoformat(expected)


def test_each_night_has_a_look_at_each_line(watched: WatchedLine) -> None:
    nightly.begin_planning(now())
    nightly.begin_planning(now())
    drain_outbox()
    due = nightly.next_look(now(), "America/New_York")
    id = f"look-{watched.location_id}-{int(due.timestamp())}"
    message = dynamodb.get_record(outbox.OutboxMessage, id)
    assert message is not None
    assert message.due_at == due
    assert dynamodb.get_record(outbox.OutboxMessage, nightly.MESSAGE_ID) is None
