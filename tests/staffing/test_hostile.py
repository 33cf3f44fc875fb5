"""Hostile and extreme requests: refused in good time, with a reason, and nothing is half done."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from config.audit import reader
from staffing.notifications import rota_changes
from staffing.recurrence import conflicts, expand
from staffing.recurrence.expand import Rule, Series
from tests.conftest import Cast, come, now, problem
from tests.staffing.test_schedules import PATH, WEEKLY, body, plan, put
from tests.support.environment import World

PATIENCE = 3.0
"""Seconds; this machine is noisy, and none of these should take one."""
START = datetime(2031, 2, 3, 9)


def given_away(days: int, people: list[str], *, hour: int = 9, minutes: int = 0) -> dict[str, Any]:
    """Exceptions that give each of the first days to one of some people in turn."""
    first = START.replace(hour=hour)
    return {
        (first + timedelta(days=n)).isoformat(): {
            "staffId": people[n % len(people)],
            "startTime": (first + timedelta(days=n, minutes=minutes)).isoformat(),
        }
        for n in range(days)
    }


def series(cast: Cast, staff: str, *, hour: int = 9, **pattern: Any) -> dict[str, Any]:
    start = START.replace(hour=hour)
    end = start + timedelta(hours=1)
    recurs = {"frequency": "daily", **pattern}
    return body(cast, start.isoformat(), end.isoformat(), staffId=staff, recurrencePattern=recurs)


MANY_DAYS = [
    {"day": day, "nthOfPeriod": n} for day in expand.DAYS for n in (*range(-5, 0), *range(1, 6))
]
SLOW: dict[str, dict[str, Any]] = {
    "31 February": {"frequency": "monthly", "byMonth": ["2"], "byMonthDay": [30, 31]},
    "every position of nothing": {
        "frequency": "monthly",
        "byMonth": ["2"],
        "byMonthDay": [30, 31],
        "byDay": MANY_DAYS[:35],
        "bySetPosition": list(range(-6, 0)) + list(range(1, 7)),
    },
    "too many positions": {
        "frequency": "monthly",
        "byDay": [{"day": "mo"}],
        "bySetPosition": [n for n in range(-31, 32) if n],
    },
    "too many days": {"frequency": "monthly", "byDay": MANY_DAYS},
    "positions that no month has": {
        "frequency": "monthly",
        "byDay": [{"day": "mo"}],
        "bySetPosition": [20, 21, 22],
    },
    "29 February, a Thursday": {
        "frequency": "yearly",
        "byMonth": ["2"],
        "byMonthDay": [29],
        "byDay": [{"day": "th"}],
    },
}


@pytest.mark.parametrize("what", SLOW)
def test_a_rule_that_hardly_ever_comes_is_refused_quickly(cast: Cast, what: str) -> None:
    start, end = "2032-02-29T09:00", "2032-02-29T10:00"
    wanted = body(cast, start, end, recurrencePattern=SLOW[what])
    if what == "29 February, a Thursday":
        wanted |= {"startTime": "2052-02-29T09:00", "endTime": "2052-02-29T10:00"}
    began = time.monotonic()
    answer = cast.ann.post(PATH, wanted)
    assert answer.status_code == 400, answer.text
    assert time.monotonic() - began < PATIENCE


def test_hundreds_of_shifts_given_to_one_are_decided_quickly(
    cast: Cast, say: Callable[[str], None]
) -> None:
    owner, cover = cast.fresh(), cast.fresh()
    seconds = []
    for hour in (6, 8, 10):
        wanted = series(
            cast, owner.id, hour=hour, exceptions=given_away(500, [cover.id], hour=hour)
        )
        answer = cast.ann.post(PATH, wanted)
        assert answer.status_code == 201, answer.text
        seconds.append(answer.elapsed.total_seconds())
    clash = cast.ann.post(PATH, series(cast, cover.id, hour=10))
    assert problem(clash)["errors"][0]["at"] == "2031-02-03T15:00:00Z"
    say(f"500 shifts given to one person, thrice: {', '.join(f'{s:.2f}' for s in seconds)} s")
    assert max(seconds) < PATIENCE


def test_a_hundred_series_across_zones_are_held_against_one_quickly(
    say: Callable[[str], None],
) -> None:
    def weekly(zone: str, minute: int) -> Series:
        start = datetime(2031, 2, 3, 1, minute)
        return Series(start, start + timedelta(seconds=30), zone, Rule("daily"))

    one = weekly("Europe/Berlin", 59)
    began = time.perf_counter()
    for n in range(99):
        zone = "America/New_York" if n % 2 else "Australia/Lord_Howe"
        assert conflicts.first_clash(one, weekly(zone, n % 29)) is None
    seconds = time.perf_counter() - began
    say(f"99 endless series of other zones held against one: {seconds:.2f} s")
    assert seconds < PATIENCE


def test_one_change_concerns_only_so_many_people(cast: Cast) -> None:
    owner = cast.fresh()
    people = [cast.fresh().id for _ in range(16)]
    made = plan(cast.ann, series(cast, owner.id, exceptions=given_away(4, people[:4])))
    swapped = {"frequency": "daily", "exceptions": given_away(12, people[4:])}
    answer = put(cast.ann, made["id"], {"recurrencePattern": swapped})
    assert (answer.status_code, problem(answer)["code"]) == (409, "too_many")
    some = {"frequency": "daily", "exceptions": given_away(8, people[4:12])}
    assert put(cast.ann, made["id"], {"recurrencePattern": some}).status_code == 200
    beyond = series(cast, cast.fresh().id, exceptions=given_away(13, people))
    assert cast.ann.post(PATH, beyond).status_code == 409


def test_an_entry_stays_small_however_much_changed(cast: Cast) -> None:
    owner, *others = (cast.fresh().id for _ in range(4))
    made = plan(cast.ann, series(cast, owner, exceptions=given_away(500, others)))
    moved = given_away(500, list(reversed(others)), minutes=5)
    change = {
        "recurrencePattern": {"frequency": "daily", "exceptions": moved},
        "allowOverlap": True,
    }
    assert put(cast.ann, made["id"], change).status_code == 200
    entry = cast.ann.get(f"/user/{owner}/audit-logs?limit=1").json()["items"][0]
    assert len(str(entry)) < 20_000
    assert entry["changes"][-2] == {"field": "shifts", "before": None, "after": "480 more"}


@pytest.mark.parametrize(
    "id", ["9999-12-31T23:59:59", "0001-01-01T00:00:00", "2200-01-01T09:00:00"]
)
def test_a_shift_beyond_all_years_is_refused(cast: Cast, id: str) -> None:
    made = plan(cast.ann, series(cast, cast.fresh().id))
    for scope in ("occurrence", "following", "all"):
        query = {"scope": scope, "recurrenceId": id}
        change = {"staffId": cast.sam.id}
        assert put(cast.ann, made["id"], change, **query).status_code == 400
        deleted = cast.ann.call("DELETE", f"{PATH}/{made['id']}", params=query)
        assert deleted.status_code == 400


def test_an_end_is_not_moved_beyond_all_years(cast: Cast) -> None:
    wanted = series(cast, cast.fresh().id, until="2199-12-31")
    made = plan(cast.ann, wanted)
    later = {"startTime": "2031-02-04T09:00", "endTime": "2031-02-04T10:00"}
    answer = put(cast.ann, made["id"], later)
    assert answer.status_code == 400, answer.text


def test_an_odd_address_of_a_feed_is_no_defect(cast: Cast) -> None:
    for user in ("x" * 3000, "usr_", "%2e%2e", "usr_%00"):
        answer = httpx.get(f"{cast.ann.web}/calendar/{user}/secret.ics")
        assert answer.status_code == 404


def test_a_zone_of_a_template_is_one(cast: Cast) -> None:
    zones: list[Any] = [[], 0, "", "Mars/Olympus", {}]
    for zone in zones:
        pattern = {**WEEKLY, "timeZone": zone}
        times = {"startTime": "09:00", "endTime": "10:00"}
        wanted = {"name": "T", **times, "recurrencePattern": pattern}
        assert cast.ann.post("/scheduleTemplate", wanted).status_code == 400, zone


# --- edits lose nothing without a word ------------------------------------------------------------
def test_what_became_of_shifts_is_not_lost_without_a_word(cast: Cast) -> None:
    owner, cover = cast.fresh(), cast.fresh()
    days = [{"day": day} for day in ("mo", "we", "fr")]
    exceptions = {
        "2031-02-07T09:00:00": {"excluded": True},
        "2031-02-14T09:00:00": {"staffId": cover.id},
    }
    wanted = series(cast, owner.id, frequency="weekly", byDay=days, exceptions=exceptions)
    made = plan(cast.ann, wanted)
    later = {"startTime": "2031-02-05T09:00"}
    moved = put(cast.ann, made["id"], later)
    assert (moved.status_code, problem(moved)["code"]) == (409, "exceptions_lost")
    for id in exceptions:
        query = {"scope": "following", "recurrenceId": id}
        single = put(cast.ann, made["id"], {"recurring": False}, **query)
        assert (single.status_code, problem(single)["code"]) == (409, "exceptions_lost")
    hour = put(cast.ann, made["id"], {"startTime": "2031-02-03T11:00"})
    assert sorted(hour.json()["recurrencePattern"]["exceptions"]) == [
        *("2031-02-07T11:00:00", "2031-02-14T11:00:00"),
    ]


def test_almost_a_day_may_overlap_itself_in_spring() -> None:
    start = datetime(2031, 1, 6, 3)
    daily = Series(
        start, start + timedelta(hours=23, minutes=30), "America/New_York", Rule("daily")
    )
    clash = conflicts.itself(daily)
    assert clash
    assert f"{clash.at:%Y-%m-%dT%H:%M}" == "2031-03-09T07:00"
    whole = Series(start, start + timedelta(hours=24), "America/New_York", Rule("daily"))
    assert conflicts.itself(whole) is None


# --- what who stands in for others sees and hears -------------------------------------------------
def test_one_cover_does_not_open_the_series_of_another_location(cast: Cast, world: World) -> None:
    cover, owner = come(world, cast.ann.web, cast.fresh()), cast.fresh()
    wanted = series(cast, owner.id, hour=18, exceptions=given_away(1, [cover.id], hour=18))
    made = plan(cast.ann, {**wanted, "locationId": cast.denver.id})
    window = {"from": "2031-02-01T00:00:00Z", "to": "2031-02-10T00:00:00Z"}
    query = {"customerId": cast.customer.id, **window, "expand": "occurrences"}
    mine = [one["staffId"] for one in cover.get(PATH, params=query).json()["items"]]
    theirs = cover.get(PATH, params={**query, "staffId": owner.id}).json()["items"]
    denver = [one for one in mine if one != cast.sam.id]
    assert cover.id in denver
    assert owner.id not in mine
    assert theirs == []
    assert cover.get(f"{PATH}/{made['id']}").status_code == 403


def line(action: str, subject: str = "sch_x", /, **changes: tuple[Any, Any]) -> reader.Line:
    every = [
        {"field": name, "before": was, "after": becomes} for name, (was, becomes) in changes.items()
    ]
    return reader.Line(
        id="aud_x",
        seq=1,
        at=now(),
        action=action,
        actor={},
        subject={"id": subject},
        customer_id="cus_x",
        changes=every,
        ip=None,
        user_agent=None,
        request_id="",
        hash="",
        prev_hash="",
    )


SHIFT = {"startTime": "2031-02-03T09:00:00", "endTime": "2031-02-03T10:00:00", "timeZone": "UTC"}
FIELDS = {name: (None, value) for name, value in SHIFT.items()}
REST = {f"rest/{name}": (None, value) for name, value in SHIFT.items()}
HEARD: dict[str, tuple[reader.Line, dict[str, list[str]]]] = {
    "a series with a cover is made": (
        line(
            "schedule.created",
            staffId=(None, "A"),
            rrule=(None, "FREQ=DAILY"),
            **FIELDS,
            **{"shift/x": (None, {**SHIFT, "staffId": "B"})},
        ),
        {"A": ["new series"], "B": ["new"], "C": []},
    ),
    "it is removed": (
        line(
            "schedule.removed",
            staffId=("A", None),
            rrule=("FREQ=DAILY", None),
            **{name: (value, None) for name, value in SHIFT.items()},
            **{"shift/x": ({**SHIFT, "staffId": "B"}, None)},
        ),
        {"A": ["gone series"], "B": ["gone"], "C": []},
    ),
    "the rest is moved, the cover stays": (
        line("schedule.split", **REST, **{"rest/staffId": ("A", "A"), "rest/rrule": (None, "R")}),
        {"A": ["changed series"], "B": [], "C": []},
    ),
    "the rest goes to somebody else": (
        line("schedule.split", **REST, **{"rest/staffId": ("A", "C"), "rest/rrule": (None, "R")}),
        {"A": ["gone series"], "B": [], "C": ["new series"]},
    ),
    "a cover is swapped": (
        line(
            "schedule.changed",
            **{"shift/x": ({**SHIFT, "staffId": "B"}, {**SHIFT, "staffId": "C"})},
        ),
        {"A": [], "B": ["gone"], "C": ["new"]},
    ),
}


@pytest.mark.parametrize("what", HEARD)
def test_each_hears_of_their_own_part(what: str) -> None:
    entry, expected = HEARD[what]
    for person, words in expected.items():
        heard = rota_changes.of_line(entry, person)
        assert [f"{one.kind}{' series' if one.recurs else ''}" for one in heard] == words, person


# --- what an entry tells of single shifts ---------------------------------------------------------
def told(cast: Cast, user_id: str) -> list[tuple[str, str]]:
    """What the newest entry of somebody's log means for them: kind and day."""
    newest = cast.ann.get(f"/user/{user_id}/audit-logs?limit=1").json()["items"][0]
    changes = {c["field"]: (c["before"], c["after"]) for c in newest["changes"]}
    entry = line(newest["action"], newest["subject"]["id"], **changes)
    return [(one.kind, one.start[5:10]) for one in rota_changes.of_line(entry, user_id)]


def covered(cast: Cast, **pattern: Any) -> tuple[str, str, str]:
    """A series of somebody of which another stands in for the fourth shift: schedule and people."""
    owner, cover = cast.fresh().id, cast.fresh().id
    given = {"2031-02-06T09:00:00": {"staffId": cover}}
    return plan(cast.ann, series(cast, owner, exceptions=given, **pattern))["id"], owner, cover


@pytest.mark.parametrize("pattern", [{}, {"count": 9}, {"until": "2031-03-01"}])
def test_who_stands_in_for_what_is_cut_off_hears_so(cast: Cast, pattern: dict[str, Any]) -> None:
    id, owner, cover = covered(cast, **pattern)
    query = {"scope": "following", "recurrenceId": "2031-02-05T09:00:00"}
    assert cast.ann.call("DELETE", f"{PATH}/{id}", params=query).status_code == 200
    assert told(cast, cover) == [("gone", "02-06")]
    assert told(cast, owner) == [("changed", "02-03")]


def test_who_stands_in_hears_of_another_length_and_another_place(cast: Cast) -> None:
    id, owner, cover = covered(cast)
    assert put(cast.ann, id, {"endTime": "2031-02-03T12:00"}).status_code == 200
    assert told(cast, cover) == [("changed", "02-06")]
    assert put(cast.ann, id, {"locationId": cast.denver.id}).status_code == 200
    assert told(cast, cover) == [("changed", "02-06")]
    assert told(cast, owner) == [("changed", "02-03")]


@pytest.mark.parametrize("scope", ["following", "all"])
def test_who_stood_in_and_takes_it_all_loses_nothing(cast: Cast, scope: str) -> None:
    id, _, cover = covered(cast)
    query = {"scope": scope, "recurrenceId": "2031-02-05T09:00:00"}
    assert put(cast.ann, id, {"staffId": cover}, **query).status_code == 200
    assert [kind for kind, _ in told(cast, cover)] == ["new"]


def test_everybody_whose_shift_changed_is_in_the_entry(cast: Cast) -> None:
    owner, first, last = (cast.fresh().id for _ in range(3))
    exceptions = given_away(30, [first]) | {"2031-03-05T09:00:00": {"staffId": last}}
    plan(cast.ann, series(cast, owner, exceptions=exceptions))
    assert told(cast, last) == [("new", "03-05")]
    assert len(told(cast, first)) == 19


def test_a_rule_that_was_taken_may_be_split_where_it_comes_late(cast: Cast) -> None:
    """Christmas on a Sunday: five, six or eleven years apart."""
    rare = {"frequency": "yearly", "byMonth": ["12"], "byMonthDay": [25], "byDay": [{"day": "su"}]}
    times = {"startTime": "2033-12-25T09:00", "endTime": "2033-12-25T10:00"}
    wanted = {**series(cast, cast.fresh().id), **times, "recurrencePattern": rare}
    made = plan(cast.ann, wanted)
    query = {"scope": "following", "recurrenceId": "2050-12-25T09:00:00"}
    later = {"endTime": "2050-12-25T12:00"}
    assert put(cast.ann, made["id"], later, **query).status_code == 200
