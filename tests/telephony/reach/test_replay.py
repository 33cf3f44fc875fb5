"""Past calls against a changed rota."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from telephony.reach.call_way import iter_ring_actions
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.samples import UNKNOWN_IDS
from tests.support.users import UserFixtures, create_shift, enable_ringing, now, parse_problem

ZONE = "America/New_York"
RING: dict[str, Any] = {"type": "ring", "target": {"onDuty": {"graceMinutes": 0}}, "otherwise": {"type": "voicemail"}}
MENU = {
    "type": "menu",
    "prompt": {"say": "Press 1 for us, 2 to leave a message."},
    "keys": {"1": RING, "2": {"type": "voicemail"}},
    "retries": 0,
    "otherwise": {"type": "hangup"},
}


@dataclass
class Week:
    """A line, its people and their 20 calls on a Monday and a Tuesday of a past week."""

    line: LineFixture
    monday: datetime
    dora: User
    dora_shift_id: str
    eli: User
    una: User

    def at(self, day: int, time: str) -> str:
        """A local time of the week."""
        return f"{(self.monday + timedelta(days=day)).date()}T{time}"

    def replay(self, changes: Any = (), fields: Any = MappingProxyType({})) -> Any:
        """The answer to a request."""
        window = {"from": f"{self.monday.date()}", "to": self.at(2, "00:00")}
        body = {**window, "changes": list(changes), **fields}
        return self.line.test_users.ann.post(f"/location/{self.line.location.id}/replay", body)

    @property
    def changes(self) -> list[dict[str, Any]]:
        """Dora begins and ends an hour earlier; Eli works on Tuesdays, Una in the last hour."""
        tuesdays = {"frequency": "weekly", "byDay": [{"day": "tu"}]}
        return [
            {
                "action": "change",
                "scheduleId": self.dora_shift_id,
                "startTime": self.at(0, "08:00:00"),
                "endTime": self.at(0, "16:00:00"),
            },
            {
                "action": "add",
                "staffId": self.eli.id,
                "startTime": self.at(-6, "08:00:00"),
                "endTime": self.at(-6, "12:00:00"),
                "recurrencePattern": tuesdays,
            },
            {
                "action": "add",
                "staffId": self.una.id,
                "startTime": self.at(0, "16:00:00"),
                "endTime": self.at(0, "17:00:00"),
            },
        ]


@pytest.fixture(scope="module")
def week(test_users: UserFixtures) -> Week:
    """Dora is on duty on Monday from 9 to 17."""
    line = create_line(test_users)
    line.update_configuration(open=MENU, hours={"mode": "always"})
    today = now().astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    monday = today - timedelta(days=today.weekday() + 7)
    dora, eli, una = (
        test_users.create_user(locations=[line.location.id], name=name) for name in ("Dora Day", "Eli Extra", "Una Off")
    )
    phone = enable_ringing(dora)
    enable_ringing(eli)
    times = {"start": monday + timedelta(hours=9), "end": monday + timedelta(hours=17)}
    shift = create_shift(test_users.ann.actor, line.location, dora.id, **times)
    week = Week(line, monday, dora, str(shift.id), eli, una)
    calls: list[tuple[int, str, dict[str, Any]]] = [
        *[(0, f"10:{minute:02}", {"press": ["1"], "phones": {phone: "answers"}}) for minute in range(0, 50, 10)],
        *[(0, f"08:{minute:02}", {"press": ["1"]}) for minute in range(0, 20, 5)],  # nobody is on duty yet
        *[(0, f"08:{minute:02}", {"press": ["2"]}) for minute in (30, 33, 36)],  # want to leave a message
        *[(0, f"11:{minute:02}", {"press": ["1"], "phones": {phone: "declines"}}) for minute in (0, 10)],
        *[(0, f"08:{minute:02}", {"hangUpAfter": 1}) for minute in (50, 55)],  # in the menu
        *[(0, f"16:{minute:02}", {"press": ["1"], "phones": {phone: "answers"}}) for minute in (30, 40)],
        *[(1, f"09:{minute:02}", {"press": ["1"]}) for minute in (0, 10)],  # nobody works on Tuesday
    ]
    assert len(calls) == 20
    for number, (day, time, parameters) in enumerate(calls):
        at = datetime.fromisoformat(week.at(day, time)).replace(tzinfo=ZoneInfo(ZONE))
        line.call(at, **parameters, **{"from": f"+161755588{number:02}"})
    return week


def numbers_by_hour(body: dict[str, Any]) -> dict[tuple[str, int], tuple[int, int, int]]:
    """Calls, those met then and now, of the hours with calls."""
    assert len(body["perHour"]) == 168
    return {
        (hour["day"], hour["hour"]): (hour["calls"], hour["met"]["then"], hour["met"]["now"])
        for hour in body["perHour"]
        if hour["calls"]
    }


def test_numbers_of_twenty_calls_are_those_worked_out_by_hand(week: Week) -> None:
    """Dora meets four callers more, Eli two; two are lost: Una's phone is not verified."""
    body = week.replay(week.changes).json()

    assert (body["calls"], body["met"], body["isCut"]) == (20, {"then": 7, "now": 11}, False)
    assert numbers_by_hour(body) == {
        ("mo", 8): (9, 0, 4),
        ("mo", 10): (5, 5, 5),
        ("mo", 11): (2, 0, 0),
        ("mo", 16): (2, 2, 0),
        ("tu", 9): (2, 0, 2),
    }
    unmet: dict[tuple[int, str, bool, tuple[tuple[str, bool], ...]], int] = {}
    for call in body["unmet"]:
        rings = tuple((person["staffId"], person["rangThen"]) for person in call["wouldRing"])
        hour = datetime.fromisoformat(call["startedAt"]).astimezone(ZoneInfo(ZONE)).hour
        key = (hour, call["was"], call["isMet"], rings)
        unmet[key] = unmet.get(key, 0) + 1
    dora, eli = week.dora.id, week.eli.id
    assert unmet == {
        (8, "voicemail", True, ((dora, False),)): 4,
        (8, "voicemail", False, ()): 3,
        (8, "missed", False, ()): 2,
        (11, "voicemail", False, ((dora, True),)): 2,
        (16, "answered", False, ()): 2,
        (9, "voicemail", True, ((eli, False),)): 2,
    }
    started = [call["startedAt"] for call in body["unmet"]]
    assert started == sorted(started, reverse=True)


def test_nothing_is_written_and_no_change_changes_nothing(week: Week) -> None:
    path = f"/staffSchedule/{week.dora_shift_id}"
    before = week.line.test_users.ann.get(path).json()
    week.replay(week.changes)
    assert week.line.test_users.ann.get(path).json() == before
    assert week.replay().json()["met"] == {"then": 7, "now": 7}
    removed = week.replay([{"action": "remove", "scheduleId": week.dora_shift_id}]).json()
    assert removed["met"] == {"then": 7, "now": 0}
    one_hour = {"from": week.at(0, "10:00:00"), "to": week.at(0, "11:00:00")}
    assert week.replay(fields=one_hour).json()["calls"] == 5


def test_a_week_is_replayed_in_few_round_trips(
    week: Week, env: Environment, record_figure: Callable[[str], None]
) -> None:
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert week.replay(week.changes).status_code == 200
    trips = count_sequential_trips([call for call in plan.calls if call.service == "dynamodb"])
    record_figure(f"replay of 20 calls: {trips} sequential trips, {len(plan.calls)} calls")
    assert trips <= 5


def test_requests_that_cannot_be_replayed(week: Week, test_users: UserFixtures) -> None:
    add, dora_shift = week.changes[1], {"scheduleId": week.dora_shift_id}
    elsewhere = test_users.create_shift().id
    cases: list[tuple[Any, dict[str, Any], int, str]] = [
        ([], {"to": (now() + timedelta(hours=1)).isoformat()}, 400, "/to"),
        ([], {"to": week.at(-1, "00:00:00")}, 400, "/to"),
        ([], {"from": (now() - timedelta(days=91)).isoformat()}, 400, "/from"),
        ([], {"from": "x" * 10_000}, 400, "/from"),
        ([], {"from": None}, 400, "/from"),
        ([], {"draft": True}, 400, "/draft"),
        ([add] * 101, {}, 400, "/changes"),
        ([], {"changes": {"0": add}}, 400, "/changes"),
        ([], {"changes": None}, 400, "/changes"),
        (["x"], {}, 400, "/changes/0"),
        ([{}], {}, 400, "/changes/0/action"),
        ([{"action": "add"}], {}, 400, "/changes/0/staffId"),
        ([{**add, **dora_shift}], {}, 400, "/changes/0/scheduleId"),
        ([{"action": "change", **dora_shift}], {}, 400, "/changes/0/action"),
        ([{"action": "remove", **dora_shift, "staffId": week.eli.id}], {}, 400, "/changes/0/staffId"),
        ([{"action": "remove", **dora_shift, "scope": "occurrence"}], {}, 400, "/changes/0/recurrenceId"),
        ([add, {**add, "endTime": add["startTime"]}], {}, 400, "/changes/1/endTime"),
        ([{**add, "recurrencePattern": {"frequency": "hourly"}}], {}, 400, "/changes/0/recurrencePattern/frequency"),
        ([{**add, "staffId": UNKNOWN_IDS["usr"]}], {}, 404, "/changes/0/staffId"),
        ([{**add, "staffId": test_users.cleo.id}], {}, 404, "/changes/0/staffId"),
        ([{"action": "remove", "scheduleId": UNKNOWN_IDS["sch"]}], {}, 404, "/changes/0/scheduleId"),
        ([{"action": "remove", "scheduleId": test_users.foreign_shift.id}], {}, 404, "/changes/0/scheduleId"),
        ([{"action": "remove", "scheduleId": elsewhere}], {}, 404, "/changes/0/scheduleId"),
        ([{"action": "remove", **dora_shift}] * 2, {}, 404, "/changes/1/scheduleId"),
    ]
    for changes, fields, status, pointer in cases:
        response = week.replay(changes, fields)
        assert response.status_code == status, (pointer, response.text)
        pointers = [error["pointer"] for error in parse_problem(response)["errors"]]
        assert any(item == pointer or item.startswith(f"{pointer}/") for item in pointers), (pointer, pointers)


def test_the_way_of_a_call_through_menus() -> None:
    inner = {"type": "menu", "keys": {"5": RING}, "retries": 1, "otherwise": RING}
    menu = {
        "type": "menu",
        "keys": {"1": {"type": "say", "prompt": {}, "then": inner}},
        "otherwise": {"type": "hangup"},
    }
    configuration = {"open": {**RING, "otherwise": menu}, "closed": {"type": "voicemail"}}

    def paths(keys: list[str], **options: Any) -> list[str]:
        return [path for path, _ in iter_ring_actions(configuration, "open", keys, **options)]

    base, inside = "open/otherwise", "open/otherwise/keys/1/then"
    assert paths(["1", "5"]) == ["open", f"{inside}/keys/5"]
    assert paths(["1", "7", "5"]) == ["open", f"{inside}/keys/5"]
    assert paths(["1", "7", ""]) == ["open", f"{inside}/otherwise"]
    assert paths(["1"]) == ["open", f"{inside}/otherwise"]
    assert paths(["1"], heard_menus=[base, inside]) == ["open"]
    assert paths([]) == ["open"]
    assert list(iter_ring_actions(configuration, "closed", ["1"])) == []
