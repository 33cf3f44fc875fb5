"""Calendar feeds: what a calendar program reads is what `expand=occurrences` gives; and secrecy."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import icalendar
import pytest
import recurring_ical_events

from config import dynamodb
from staffing import demo
from staffing.calendar import ical
from staffing.models import Feed
from staffing.recurrence import dst
from tests.conftest import Cast, Person, come, make_cast, now
from tests.staffing.test_schedules import PATH, body, plan, put
from tests.support.environment import World

FEED = "/user/calendar-feed"


@pytest.fixture
def sue(cast: Cast, world: World) -> Person:
    return come(world, cast.ann.web, cast.fresh(name="Sue"))


def address(who: Person, **headers: str) -> str:
    answer = who.post(FEED, {}, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def read(url: str) -> icalendar.Calendar:
    answer = httpx.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(answer.text)


def instants(calendar: icalendar.Calendar, since: datetime, until: datetime) -> list[list[str]]:
    """Start and end of every event of a window, as a calendar program has them, in UTC."""
    found = recurring_ical_events.of(calendar).between(since, until)
    return sorted(
        [event[name].dt.astimezone(UTC).isoformat() for name in ("DTSTART", "DTEND")]
        for event in found
    )


def expanded(who: Person, customer_id: str, since: datetime, until: datetime) -> list[list[str]]:
    """The same from the API."""
    query = {"customerId": customer_id, "staffId": who.id, "expand": "occurrences"}
    window = {"from": since.isoformat(), "to": until.isoformat()}
    answer = who.get(PATH, params={**query, **window})
    assert answer.status_code == 200, answer.text
    assert answer.json()["nextCursor"] is None
    return sorted(
        [
            datetime.fromisoformat(one[name]).astimezone(UTC).isoformat()
            for name in ("startTime", "endTime")
        ]
        for one in answer.json()["items"]
    )


def monday(weeks: int) -> datetime:
    """A Monday some weeks from now, at midnight, as a wall time."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def shift_body(
    cast: Cast, staff: str, start: datetime, hours: float, **pattern: object
) -> dict[str, object]:
    end = start + timedelta(hours=hours)
    more = {"recurrencePattern": pattern} if pattern else {}
    return body(cast, start.isoformat(), end.isoformat(), staffId=staff, **more)


def test_a_feed_shows_the_same_instants_as_the_api(
    cast: Cast, sue: Person, say: Callable[[str], None]
) -> None:
    """Series over changes of the clock in three zones, moved, left out, given away, taken over."""
    other = cast.fresh()
    first = monday(1)
    weekly = shift_body(
        cast,
        sue.id,
        first + timedelta(hours=22),
        8,
        frequency="weekly",
        byDay=[{"day": "mo"}, {"day": "th"}],
    )
    id = plan(cast.ann, weekly)["id"]
    starts = [(first + timedelta(days=7 * n, hours=22)).isoformat() for n in range(1, 6)]
    for start, change in (
        (starts[0], {"startTime": f"{starts[0][:10]}T20:30:00"}),
        (starts[1], {"staffId": other.id}),
        (
            starts[2],
            {"endTime": (datetime.fromisoformat(starts[2]) + timedelta(hours=9)).isoformat()},
        ),
    ):
        answer = put(cast.ann, id, change, scope="occurrence", recurrenceId=start)
        assert answer.status_code == 200, answer.text
    left_out = {"scope": "occurrence", "recurrenceId": starts[3]}
    assert cast.ann.call("DELETE", f"{PATH}/{id}", params=left_out).is_success
    cover = plan(
        cast.ann,
        shift_body(
            cast, other.id, first + timedelta(days=1, hours=9), 4, frequency="daily", interval=5
        ),
    )
    taken = {"scope": "occurrence", "recurrenceId": cover["startTime"][:19]}
    assert put(cast.ann, cover["id"], {"staffId": sue.id}, **taken).is_success
    for zone, hour, pattern in (
        ("America/New_York", 2.5, {"frequency": "weekly", "byDay": [{"day": "su"}]}),
        ("Europe/Berlin", 13, {"frequency": "monthly", "byMonthDay": [15, -1]}),
        ("Australia/Lord_Howe", 11, {"frequency": "weekly", "interval": 3, "count": 30}),
        ("Africa/Casablanca", 19, {"frequency": "daily", "interval": 9, "gap": "skip"}),
        ("UTC", 20, {"frequency": "weekly", "interval": 2, "byDay": [{"day": "we"}]}),
    ):
        day = first + timedelta(days={"su": 6, "we": 2}.get(_day(pattern), 0))
        if pattern["frequency"] == "monthly":
            day = (first + timedelta(days=32)).replace(day=15)
        begins = day.replace(hour=0) + timedelta(hours=hour)
        wanted = shift_body(cast, sue.id, begins, 0.5, **pattern, timeZone=zone)
        wanted["allowOverlap"] = True
        wanted["startTime"] = begins.replace(tzinfo=ZoneInfo(zone)).isoformat()
        wanted["endTime"] = (
            (begins + timedelta(minutes=30)).replace(tzinfo=ZoneInfo(zone)).isoformat()
        )
        plan(cast.ann, wanted)
    single = shift_body(cast, sue.id, first + timedelta(days=4, hours=3), 2)
    plan(cast.ann, {**single, "allowOverlap": True})
    since, until = now(), now() + timedelta(days=390)

    calendar = read(address(sue))

    ours = expanded(sue, cast.customer.id, since, until)
    theirs = instants(calendar, since, until)
    assert theirs == ours
    assert len(ours) > 250
    zones = {str(part["TZID"]) for part in calendar.walk("VTIMEZONE")}
    assert zones == {
        *("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca"),
    }
    say(
        f"a feed of {len(calendar.walk('VEVENT'))} events: {len(ours)} shifts of 390 days, as the API"
    )


def test_a_feed_of_the_demo_shows_the_same_instants_as_the_api(
    world: World, web: str, say: Callable[[str], None]
) -> None:
    """Nights and days of 24 hours, over two changes of the clock."""
    cast = make_cast(world, web)
    people = {
        "sam": cast.sam,
        "sue": come(world, web, cast.fresh()),
        "mia": cast.mia,
        "abe": cast.abe,
        "ann": cast.ann,
    }
    places = {
        "Boston Harbour": (str(cast.boston.id), "America/New_York"),
        "Denver": (str(cast.denver.id), "America/Denver"),
    }
    demo.rota(
        cast.ann.actor,
        people={name: one.id for name, one in people.items()},
        places=places,
        at=now(),
    )
    since, until = now() - timedelta(days=10), now() + timedelta(days=380)
    for name, person in people.items():
        ours = expanded(person, cast.customer.id, since, until)
        assert instants(read(address(person)), since, until) == ours, name
        assert len(ours) > 100
    at = now()
    for hours in range(0, 24 * 8, 3):
        moment = (at + timedelta(hours=hours)).isoformat()
        for place in (cast.boston, cast.denver):
            there = cast.ann.get(f"/location/{place.id}/on-duty", params={"at": moment})
            assert len(there.json()["items"]) == 1, "one on duty at every moment"
    say("feeds of the demo's people are read as the API has them; one is on duty at every moment")


def _day(pattern: Mapping[str, Any]) -> str:
    days = pattern.get("byDay")
    return str(days[0]["day"]) if isinstance(days, list) else ""


def test_an_event_keeps_its_identity_and_counts_its_changes(cast: Cast, sue: Person) -> None:
    made = plan(cast.ann, shift_body(cast, sue.id, monday(2) + timedelta(hours=9), 8))
    url = address(sue)
    (before,) = read(url).walk("VEVENT")
    later = {"endTime": (monday(2) + timedelta(hours=18)).isoformat()}
    assert put(cast.ann, made["id"], later).is_success
    (after,) = read(url).walk("VEVENT")

    assert before["UID"] == after["UID"] == f"{made['id']}@dutyline"
    assert [str(one["SEQUENCE"]) for one in (before, after)] == ["0", "1"]
    assert str(after["SUMMARY"]) == "Boston"
    assert after["DTSTART"].params["TZID"] == "America/New_York"


def test_a_program_that_has_it_already_hears_so(cast: Cast, sue: Person) -> None:
    url = address(sue)
    first = httpx.get(url)
    known = {"If-None-Match": first.headers["ETag"]}
    assert httpx.get(url, headers=known).status_code == 304
    plan(cast.ann, shift_body(cast, sue.id, monday(3) + timedelta(hours=9), 8))
    assert httpx.get(url, headers=known).status_code == 200
    assert httpx.head(url).status_code == 200


def test_a_feed_can_be_revoked_and_is_one(cast: Cast, sue: Person) -> None:
    first = address(sue)
    second = address(sue)
    assert httpx.get(first).status_code == 404
    assert httpx.get(second).status_code == 200
    assert sue.delete(FEED).json() == {"status": "removed"}
    assert httpx.get(second).status_code == 404
    assert sue.delete(FEED).status_code == 200
    actions = [
        line["action"] for line in cast.ann.get(f"/user/{sue.id}/audit-logs").json()["items"]
    ]
    assert actions[:3] == ["feed.closed", "feed.opened", "feed.opened"]


def test_a_repeated_request_gets_the_same_address(sue: Person) -> None:
    key = {"Idempotency-Key": "my feed"}
    assert address(sue, **key) == address(sue, **key)


def test_the_secret_is_kept_as_a_digest_and_guards_the_feed(cast: Cast, sue: Person) -> None:
    url = address(sue)
    secret = url.rpartition("/")[2].removesuffix(".ics")
    feed = dynamodb.get(Feed, sue.id)
    assert feed
    assert secret not in str(feed.serialize())
    for wrong in ("x", secret[:-1], feed.secret, "%00", "é", "a" * 3000):
        answer = httpx.get(f"{cast.ann.web}/calendar/{sue.id}/{wrong}.ics")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{cast.ann.web}/calendar/{cast.sam.id}/{secret}.ics").status_code == 404
    assert httpx.post(url).status_code == 405


def test_who_may_not_sign_in_has_no_feed(cast: Cast, sue: Person) -> None:
    url = address(sue)
    assert cast.ann.patch("/userManagement", {"id": sue.id, "status": "blocked"}).is_success
    assert httpx.get(url).status_code == 404


@pytest.mark.parametrize(
    "zone",
    [
        "America/New_York",
        "Europe/Berlin",
        "Africa/Casablanca",
        "Asia/Tehran",
        "Australia/Lord_Howe",
    ],
)
def test_the_clock_of_a_feed_is_that_of_the_zone(zone: str) -> None:
    """VTIMEZONE alone, without the name of the zone, gives the same offsets."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    for start in (datetime(2015, 1, 5), datetime(2026, 6, 1)):
        clock = ical.clock(zone, start, at)
        own = clock.to_tz(lookup_tzid=False)
        known = [one for one in dst.changes(zone, at.year) if one.replace(tzinfo=None) > start]
        for change in known[:40]:
            for minutes in (-120, -61, -1, 0, 1, 61, 120):
                moment = change + timedelta(minutes=minutes)
                wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
                told = wall.replace(tzinfo=own).utcoffset()
                truths = {
                    wall.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)
                }
                assert told in truths, (moment, told)
