"""``GET /location/{id}/reach`` and ``GET /reach``."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from telephony.reach import queries
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures

RING = {"type": "ring", "target": {"onDuty": {}}}
RING_TAX = {"type": "ring", "target": {"onDuty": {"skills": ["tax"]}}, "otherwise": {"type": "callback"}}
MENU = {"type": "menu", "prompt": {"say": "x"}, "keys": {"1": RING, "2": RING_TAX}}
WEEK = "from=2027-06-07&to=2027-06-14"
WEEK_BY_OFFSET = "from=2027-06-07T04:00:00Z&to=2027-06-14T04:00:00Z"
"""The same; the customer has no time zone."""


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    """Open on Monday from 9 to 12; Dora is on duty until 11, Una, who is only invited, until 17."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-07T08:00", "2027-06-07T11:00")
    line.put_on_duty("2027-06-07T08:00", "2027-06-07T17:00", has_ringing_phone=False, name="Una Silent")
    line.update_configuration(hours={"mode": "weekly", "weekly": {"mo": [["09:00", "12:00"]]}}, open=MENU)
    return line


def path(line: LineFixture, query: str = WEEK) -> str:
    return f"/location/{line.location.id}/reach?{query}"


def test_the_holes_of_each_way(line: LineFixture) -> None:
    response = line.test_users.ann.get(path(line))
    assert response.status_code == 200, response.text
    body = response.json()
    assert (body["from"], body["to"]) == ("2027-06-07T00:00:00-04:00", "2027-06-14T00:00:00-04:00")
    assert (body["openMinutes"], body["reachedMinutes"], body["holeMinutes"]) == (180, 0, 180)
    assert (body["closedByRotaMinutes"], body["assumedMinutes"], body["suspended"], body["isCut"]) == (
        0,
        0,
        False,
        False,
    )
    assert (body["ways"], body["warnings"]) == (["open/keys/1", "open/keys/2"], [])
    assert body["rests"]["line"] == 2
    assert len(body["rests"]["rota"]) == 16
    tax, everybody = body["holes"]
    (dora, una) = tax["people"]
    assert (tax["from"], tax["to"]) == ("2027-06-07T09:00:00-04:00", "2027-06-07T12:00:00-04:00")
    assert (tax["way"], tax["ends"], tax["minutes"]) == ("open/keys/2", "callback", 180)
    assert {dora["whyNot"], una["whyNot"]} == {"other_skill"}
    assert tax["would"] == ["shift:other_skill", "ivr:other_skill"]
    assert (everybody["from"], everybody["way"], everybody["minutes"]) == (
        "2027-06-07T11:10:00-04:00", "open/keys/1", 50,
    )  # fmt: skip
    (una,) = everybody["people"]
    assert (una["whyNot"], una["until"]) == ("not_signed_in", "2027-06-07T17:00:00-04:00")
    assert everybody["would"] == [f"accept:{una['staffId']}", "shift:nobody_on_duty"]


def test_one_way_only(line: LineFixture) -> None:
    body = line.test_users.ann.get(path(line, f"{WEEK}&key=open/keys/1")).json()
    assert (body["ways"], body["reachedMinutes"]) == (["open/keys/1"], 130)
    for unknown in ("open/keys/3", "closed", "x" * 200):
        response = line.test_users.ann.get(path(line, f"{WEEK}&key={unknown}"))
        assert response.status_code == 400
        assert [error["pointer"] for error in response.json()["errors"]] == ["?key"]


def test_the_etag_changes_with_the_answer_only(line: LineFixture) -> None:
    first, second = (line.test_users.ann.get(path(line)) for _ in range(2))
    assert first.headers["ETag"] == second.headers["ETag"]
    assert first.json()["computedAt"] <= second.json()["computedAt"]
    unchanged = line.test_users.ann.get(path(line), headers={"If-None-Match": first.headers["ETag"]})
    assert unchanged.status_code == 304


def test_windows(line: LineFixture) -> None:
    ann = line.test_users.ann
    body = ann.get(path(line, "")).json()
    since, until = (datetime.fromisoformat(body[name]) for name in ("from", "to"))
    assert until.astimezone(UTC) - since.astimezone(UTC) == queries.DEFAULT_WINDOW
    assert timedelta(0) <= datetime.now(UTC) - since < timedelta(minutes=2)
    assert ann.get(path(line, "from=2027-06-07&to=2027-08-08")).status_code == 200
    too_wide = ann.get(path(line, "from=2027-06-07&to=2027-08-09"))
    assert (too_wide.status_code, too_wide.json()["code"]) == (400, "query_too_wide")
    assert too_wide.json()["errors"][0]["pointer"] == "?to"
    for query in (
        "from=2027-06-07&to=2027-06-07",
        "to=2020-01-01",
        "from=2027-06-07T09:00:00Z&to=2027-06-07",
        "days=3",
    ):
        assert ann.get(path(line, query)).status_code == 400, query


def test_without_a_number(test_users: UserFixtures) -> None:
    bare = test_users.create_location()
    body = test_users.ann.get(f"/location/{bare.id}/reach?{WEEK}").json()
    assert (body["rests"]["line"], body["ways"], body["holes"], body["openMinutes"]) == (None, ["open"], [], 0)
    assert body["closedByRotaMinutes"] == 7 * 1440


def test_locations_of_others_do_not_exist(line: LineFixture) -> None:
    users = line.test_users
    for id in (users.hilltop.id, "loc_00000000000000000000000000", "x"):
        response = users.ann.get(f"/location/{id}/reach")
        assert response.status_code == 404, id
    assert users.cleo.get(path(line)).status_code == 404
    assert users.sam.get(path(line)).status_code == 403, "staff may not read calls"
    own = [item["locationId"] for item in users.cleo.get(f"/reach?{WEEK_BY_OFFSET}").json()["items"]]
    assert own == [users.hilltop.id]


def test_all_locations_by_the_length_of_their_holes(line: LineFixture) -> None:
    ann = line.test_users.ann
    response = ann.get(f"/reach?{WEEK_BY_OFFSET}&customerId={line.test_users.customer.id}")
    assert response.status_code == 200, response.text
    items = response.json()["items"]
    minutes = [item["holeMinutes"] for item in items]
    assert minutes == sorted(minutes, reverse=True)
    (item,) = [item for item in items if item["locationId"] == line.location.id]
    assert (item["openMinutes"], item["holes"], item["holeMinutes"]) == (180, 1, 180)
    assert item["firstHole"]["from"] == "2027-06-07T09:00:00-04:00"
    assert all((item["firstHole"] is None) == (item["holeMinutes"] == 0) for item in items)
    ids, query = list[str](), f"{WEEK_BY_OFFSET}&limit=1"
    while query:
        page = ann.get(f"/reach?{query}").json()
        ids += [item["locationId"] for item in page["items"]]
        query = page["nextCursor"] and f"{WEEK_BY_OFFSET}&limit=1&cursor={page['nextCursor']}"
    assert sorted(ids) == sorted({item["locationId"] for item in items})
    foreign = ann.get(f"/reach?customerId={line.test_users.other_customer.id}")
    assert foreign.status_code == 403
    for query in ("from=2027-06-07T04:00:00Z&to=2027-08-09T04:00:00Z", "from=2027-06-07", "limit=0"):
        assert ann.get(f"/reach?{query}").status_code == 400, query


def test_round_trips(line: LineFixture, env: Environment, record_figure: Callable[[str], None]) -> None:
    """The location, line and customer with the caller; the shifts; the people with their phones."""
    neighbour = create_line(line.test_users)
    neighbour.put_on_duty("2027-06-07T08:00", "2027-06-07T11:00")
    other = create_line(line.test_users)
    other.put_on_duty("2027-06-07T08:00", "2027-06-07T11:00")
    other.update_configuration(open={"type": "ring", "target": {"onDuty": {"locations": [neighbour.location.id]}}})
    for url, most in ((path(other, "from=2027-06-01&to=2027-07-31"), 4), (f"/reach?{WEEK_BY_OFFSET}", 5)):
        line.test_users.ann.get(url)
        with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
            assert line.test_users.ann.get(url).status_code == 200
        trips = count_sequential_trips([call for call in plan.calls if call.service == "dynamodb"])
        record_figure(f"{url.partition('?')[0][:9]}…: {trips} round trips")
        assert 0 < trips <= most
