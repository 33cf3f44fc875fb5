"""Calendar feeds: equality with `expand=occurrences`, updates, and secret URLs."""

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
from staffing.calendar import zones
from staffing.models import Feed
from staffing.recurrence import dst
from tests.staffing.schedules.test_commands import PATH, create_schedule, put_schedule, schedule_body
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, create_user_fixtures, now

FEED_PATH = "/user/calendar-feed"


@pytest.fixture
def sue(test_users: UserFixtures, env: Environment) -> SignedInUser:
    return accept_invitation(env, test_users.ann.web, test_users.create_user(name="Sue"))


def create_feed_url(person: SignedInUser, **headers: str) -> str:
    response = person.post(FEED_PATH, {}, headers=headers)
    assert response.status_code == 201, response.text
    return str(response.json()["url"])


def read_calendar(url: str) -> icalendar.Calendar:
    response = httpx.get(url)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    return icalendar.Calendar.from_ical(response.text)


def list_feed_instants(calendar: icalendar.Calendar, since: datetime, until: datetime) -> list[list[str]]:
    """Start and end of all events in a range in UTC, as a calendar client computes them."""
    events = recurring_ical_events.of(calendar).between(since, until)
    return sorted([event[name].dt.astimezone(UTC).isoformat() for name in ("DTSTART", "DTEND")] for event in events)


def list_api_instants(person: SignedInUser, customer_id: str, since: datetime, until: datetime) -> list[list[str]]:
    """Start and end of all shifts in a range in UTC, as the API returns them."""
    query = {"customerId": customer_id, "staffId": person.id, "expand": "occurrences"}
    window = {"from": since.isoformat(), "to": until.isoformat()}
    response = person.get(PATH, params={**query, **window})
    assert response.status_code == 200, response.text
    assert response.json()["nextCursor"] is None
    return sorted(
        [datetime.fromisoformat(item[name]).astimezone(UTC).isoformat() for name in ("startTime", "endTime")]
        for item in response.json()["items"]
    )


def monday_after_weeks(weeks: int) -> datetime:
    """A Monday some weeks from now, at midnight local time."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    return today - timedelta(days=today.weekday()) + timedelta(weeks=weeks)


def shift_body(
    test_users: UserFixtures, staff: str, start: datetime, hours: float, **pattern: object
) -> dict[str, object]:
    end = start + timedelta(hours=hours)
    more = {"recurrencePattern": pattern} if pattern else {}
    return schedule_body(test_users, start.isoformat(), end.isoformat(), staffId=staff, **more)


def test_a_feed_shows_the_same_instants_as_the_api(
    test_users: UserFixtures, sue: SignedInUser, record_figure: Callable[[str], None]
) -> None:
    """Series across DST changes, with moved, excluded, reassigned and covered occurrences."""
    other_user = test_users.create_user()
    first = monday_after_weeks(1)
    weekly = shift_body(
        test_users, sue.id, first + timedelta(hours=22), 8, frequency="weekly", byDay=[{"day": "mo"}, {"day": "th"}]
    )
    id = create_schedule(test_users.ann, weekly)["id"]
    starts = [(first + timedelta(days=7 * n, hours=22)).isoformat() for n in range(1, 6)]
    for start, change in (
        (starts[0], {"startTime": f"{starts[0][:10]}T20:30:00"}),
        (starts[1], {"staffId": other_user.id}),
        (starts[2], {"endTime": (datetime.fromisoformat(starts[2]) + timedelta(hours=9)).isoformat()}),
    ):
        response = put_schedule(test_users.ann, id, change, scope="occurrence", recurrenceId=start)
        assert response.status_code == 200, response.text
    excluded_query = {"scope": "occurrence", "recurrenceId": starts[3]}
    assert test_users.ann.request("DELETE", f"{PATH}/{id}", params=excluded_query).is_success
    cover_series = create_schedule(
        test_users.ann,
        shift_body(test_users, other_user.id, first + timedelta(days=1, hours=9), 4, frequency="daily", interval=5),
    )
    reassigned_query = {"scope": "occurrence", "recurrenceId": cover_series["startTime"][:19]}
    assert put_schedule(test_users.ann, cover_series["id"], {"staffId": sue.id}, **reassigned_query).is_success
    for zone, hour, pattern in (
        ("America/New_York", 2.5, {"frequency": "weekly", "byDay": [{"day": "su"}]}),
        ("Europe/Berlin", 13, {"frequency": "monthly", "byMonthDay": [15, -1]}),
        ("Australia/Lord_Howe", 11, {"frequency": "weekly", "interval": 3, "count": 30}),
        ("Africa/Casablanca", 19, {"frequency": "daily", "interval": 9, "gap": "skip"}),
        ("UTC", 20, {"frequency": "weekly", "interval": 2, "byDay": [{"day": "we"}]}),
    ):
        day = first + timedelta(days={"su": 6, "we": 2}.get(_first_weekday(pattern), 0))
        if pattern["frequency"] == "monthly":
            day = (first + timedelta(days=32)).replace(day=15)
        starts_at = day.replace(hour=0) + timedelta(hours=hour)
        request_body = shift_body(test_users, sue.id, starts_at, 0.5, **pattern, timeZone=zone)
        request_body["allowOverlap"] = True
        request_body["startTime"] = starts_at.replace(tzinfo=ZoneInfo(zone)).isoformat()
        request_body["endTime"] = (starts_at + timedelta(minutes=30)).replace(tzinfo=ZoneInfo(zone)).isoformat()
        create_schedule(test_users.ann, request_body)
    single = shift_body(test_users, sue.id, first + timedelta(days=4, hours=3), 2)
    create_schedule(test_users.ann, {**single, "allowOverlap": True})
    since, until = now(), now() + timedelta(days=390)

    calendar = read_calendar(create_feed_url(sue))

    expected = list_api_instants(sue, test_users.customer.id, since, until)
    actual = list_feed_instants(calendar, since, until)
    assert actual == expected
    assert len(expected) > 250
    zones = {str(part["TZID"]) for part in calendar.walk("VTIMEZONE")}
    assert zones == {*("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Africa/Casablanca")}
    record_figure(f"a feed of {len(calendar.walk('VEVENT'))} events: {len(expected)} shifts of 390 days, as in the API")


def test_a_feed_of_the_demo_shows_the_same_instants_as_the_api(
    env: Environment, web: str, record_figure: Callable[[str], None]
) -> None:
    """Day and night shifts around the clock, across two DST changes."""
    fixtures = create_user_fixtures(env, web)
    people = {
        "sam": fixtures.sam,
        "sue": accept_invitation(env, web, fixtures.create_user()),
        "mia": fixtures.mia,
        "abe": fixtures.abe,
        "ann": fixtures.ann,
    }
    locations = {
        "Boston Harbour": (str(fixtures.boston.id), "America/New_York"),
        "Denver": (str(fixtures.denver.id), "America/Denver"),
    }
    demo.create_rota(
        fixtures.ann.actor,
        user_ids={name: member.id for name, member in people.items()},
        locations_by_name=locations,
        at=now(),
    )
    since, until = now() - timedelta(days=10), now() + timedelta(days=380)
    for name, person in people.items():
        expected = list_api_instants(person, fixtures.customer.id, since, until)
        assert list_feed_instants(read_calendar(create_feed_url(person)), since, until) == expected, name
        assert len(expected) > 100
    at = now()
    for hours in range(0, 24 * 8, 3):
        moment = (at + timedelta(hours=hours)).isoformat()
        for location in (fixtures.boston, fixtures.denver):
            response = fixtures.ann.get(f"/location/{location.id}/on-duty", params={"at": moment})
            assert len(response.json()["items"]) == 1, "exactly one person is on duty at any time"
    record_figure("feeds of the demo's users equal the API; exactly one person is on duty at any time")


def _first_weekday(pattern: Mapping[str, Any]) -> str:
    days = pattern.get("byDay")
    return str(days[0]["day"]) if isinstance(days, list) else ""


def test_event_keeps_its_uid_and_increments_its_sequence(test_users: UserFixtures, sue: SignedInUser) -> None:
    schedule = create_schedule(
        test_users.ann, shift_body(test_users, sue.id, monday_after_weeks(2) + timedelta(hours=9), 8)
    )
    url = create_feed_url(sue)
    (before,) = read_calendar(url).walk("VEVENT")
    changes = {"endTime": (monday_after_weeks(2) + timedelta(hours=18)).isoformat()}
    assert put_schedule(test_users.ann, schedule["id"], changes).is_success
    (after,) = read_calendar(url).walk("VEVENT")

    assert before["UID"] == after["UID"] == f"{schedule['id']}@dutyline"
    assert [str(event["SEQUENCE"]) for event in (before, after)] == ["0", "1"]
    assert str(after["SUMMARY"]) == "Boston"
    assert after["DTSTART"].params["TZID"] == "America/New_York"


def test_unchanged_feed_returns_304(test_users: UserFixtures, sue: SignedInUser) -> None:
    url = create_feed_url(sue)
    response = httpx.get(url)
    headers = {"If-None-Match": response.headers["ETag"]}
    assert httpx.get(url, headers=headers).status_code == 304
    create_schedule(test_users.ann, shift_body(test_users, sue.id, monday_after_weeks(3) + timedelta(hours=9), 8))
    assert httpx.get(url, headers=headers).status_code == 200
    assert httpx.head(url).status_code == 200


def test_user_has_a_single_feed_that_can_be_revoked(test_users: UserFixtures, sue: SignedInUser) -> None:
    first = create_feed_url(sue)
    second = create_feed_url(sue)
    assert httpx.get(first).status_code == 404
    assert httpx.get(second).status_code == 200
    assert sue.delete(FEED_PATH).json() == {"status": "removed"}
    assert httpx.get(second).status_code == 404
    assert sue.delete(FEED_PATH).status_code == 200
    actions = [entry["action"] for entry in test_users.ann.get(f"/user/{sue.id}/audit-logs").json()["items"]]
    assert actions[:3] == ["feed.closed", "feed.opened", "feed.opened"]


def test_idempotency_key_returns_the_same_url(sue: SignedInUser) -> None:
    key = {"Idempotency-Key": "my feed"}
    assert create_feed_url(sue, **key) == create_feed_url(sue, **key)


def test_feed_secret_is_stored_as_digest_and_required(test_users: UserFixtures, sue: SignedInUser) -> None:
    url = create_feed_url(sue)
    secret = url.rpartition("/")[2].removesuffix(".ics")
    feed = dynamodb.get_record(Feed, sue.id)
    assert feed
    assert secret not in str(feed.serialize())
    for wrong_secret in ("x", secret[:-1], feed.secret, "%00", "é", "a" * 3000):
        response = httpx.get(f"{test_users.ann.web}/calendar/{sue.id}/{wrong_secret}.ics")
        assert response.status_code == 404
        assert response.headers["content-type"] == "application/problem+json"
    assert httpx.get(f"{test_users.ann.web}/calendar/{test_users.sam.id}/{secret}.ics").status_code == 404
    assert httpx.post(url).status_code == 405


def test_blocked_user_has_no_feed(test_users: UserFixtures, sue: SignedInUser) -> None:
    url = create_feed_url(sue)
    assert test_users.ann.patch("/userManagement", {"id": sue.id, "status": "blocked"}).is_success
    assert httpx.get(url).status_code == 404


@pytest.mark.parametrize(
    "zone", ["America/New_York", "Europe/Berlin", "Africa/Casablanca", "Asia/Tehran", "Australia/Lord_Howe"]
)
def test_vtimezone_has_the_offsets_of_the_zone(zone: str) -> None:
    """The VTIMEZONE has the zone's offsets even for clients that do not know the zone's name."""
    at = datetime(2026, 11, 23, tzinfo=UTC)
    for start in (datetime(2015, 1, 5), datetime(2026, 6, 1)):
        vtimezone = zones.build_timezone(zone, start, at)
        feed_zone = vtimezone.to_tz(lookup_tzid=False)
        transitions = [
            instant for instant in dst.list_transitions(zone, at.year) if instant.replace(tzinfo=None) > start
        ]
        for transition in transitions[:40]:
            for minutes in (-120, -61, -1, 0, 1, 61, 120):
                moment = transition + timedelta(minutes=minutes)
                local_time = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
                offset = local_time.replace(tzinfo=feed_zone).utcoffset()
                possible_offsets = {local_time.replace(tzinfo=ZoneInfo(zone), fold=fold).utcoffset() for fold in (0, 1)}
                assert offset in possible_offsets, (moment, offset)
