"""Audit logs by action and time: exactly what was asked for, at the cost of the time asked for."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from config.audit import reader
from tests.config.test_journal import filled
from tests.conftest import Cast, problem
from tests.support.environment import World

COUNT = 3000


@pytest.fixture(scope="module")
def log(cast: Cast) -> Iterator[str]:
    """The log of somebody to whom much happened, a minute apart."""
    user = cast.ann.post("/user", cast.new_user(name="Long", locations=[cast.boston.id])).json()
    for name in ("One", "Two"):
        changed = cast.ann.patch("/userManagement", {"id": user["id"], "name": name})
        assert changed.status_code == 200
    with filled(cast, user["id"], COUNT):
        yield f"/user/{user['id']}/audit-logs"


def page(cast: Cast, log: str, **query: Any) -> dict[str, Any]:
    answer = cast.ann.get(log, params=query)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def at(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"])


def test_one_action_is_found_wherever_it_stands(cast: Cast, log: str) -> None:
    changed = page(cast, log, action="user.changed")
    invited = page(cast, log, action="user.invited", limit=1)
    second = page(cast, log, action="test.happened", limit=3, offset=3)
    none = page(cast, log, action="user.deleted")

    assert [line["changes"][0]["after"] for line in changed["items"]] == ["Two", "One"]
    assert changed["total"] == 2
    assert [line["seq"] for line in invited["items"]] == [1]
    assert [line["seq"] for line in second["items"]] == [COUNT - 3, COUNT - 4, COUNT - 5]
    assert second["total"] == COUNT - 3
    assert (none["items"], none["total"]) == ([], 0)


@pytest.mark.parametrize("first", [5, 1500, 2900])
def test_a_time_is_cut_exactly(cast: Cast, log: str, first: int) -> None:
    """``from`` is the first moment in it, ``to`` the first after it."""
    whole = page(cast, log, limit=20, offset=first)["items"]
    newest, oldest = whole[3], whole[15]

    found = page(cast, log, **{"from": oldest["at"], "to": newest["at"]}, limit=100)
    offset = (at(oldest) - timedelta(0)).astimezone().isoformat()
    same = page(cast, log, **{"from": offset, "to": newest["at"], "limit": 100})

    assert [line["seq"] for line in found["items"]] == [line["seq"] for line in whole[4:16]]
    assert found["total"] == 12
    assert same["items"] == found["items"]


def test_a_short_time_of_a_long_log_costs_little(
    cast: Cast, log: str, world: World, say: Callable[[str], None]
) -> None:
    lines = page(cast, log, limit=30, offset=1500)["items"]
    costs = {}
    for name, query in {
        "time": {"from": lines[-1]["at"], "to": lines[0]["at"]},
        "action": {"action": "user.changed"},
    }.items():
        with world.plan() as plan:
            page(cast, log, **query)
        store = [call for call in plan.calls if call.service == "dynamodb"]
        costs[name] = (len(store), sum(call.capacity for call in store))

    say(f"audit of {COUNT} (trips, RCU): half an hour {costs['time']}, action {costs['action']}")
    assert costs["time"][0] <= 5
    assert costs["time"][1] < costs["action"][1] / 4


def test_the_ends_of_time_are_moments_too(cast: Cast, log: str) -> None:
    whole = {"from": "0001-01-01T00:00:00Z", "to": "9999-12-31t23:59:59z"}

    assert page(cast, log, **whole)["total"] == COUNT
    assert page(cast, log, to=whole["from"])["total"] == 0
    assert page(cast, log, **{"from": whole["to"]})["total"] == 0


def test_a_filter_reads_only_so_much(cast: Cast) -> None:
    wanted = reader.Filter(action="user.changed")

    with pytest.raises(reader.TooLong, match="shorter time"):
        reader.find(cast.sam.id, reader.MOST + 1, wanted)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-11-23"},
        {"from": "2026-11-23T09:00:00"},
        {"to": "2026-13-23T09:00:00Z"},
        {"to": "0001-01-01T00:00:00+23:59"},
        {"from": "2026-11-23T09:00:00Z", "to": "2026-11-23T09:00:00Z"},
        {"from": "2026-11-23T09:00:00Z", "to": "2026-11-23T08:00:00Z"},
        {"since": "2026-11-23T09:00:00Z"},
        {"action": "x" * 101},
        {"action": ""},
    ],
)
def test_senseless_filters_are_refused(cast: Cast, log: str, query: dict[str, str]) -> None:
    answer = cast.ann.get(log, params=query)

    assert answer.status_code == 400, answer.text
    assert problem(answer)["errors"][0]["pointer"] == f"?{list(query)[-1]}"
