"""Who leaves, and places that go: what is to come of their schedules ends, what was stays."""

from datetime import datetime, timedelta

from accounts.models import Location, User
from config import dynamodb
from config.audit import verification
from staffing.models import Feed, Schedule
from staffing.schedules import availability, commands
from tests.conftest import Cast, come, made_shift, now, problem, sweep
from tests.staffing.test_schedules import PATH, body, plan, put
from tests.support.environment import World


def today() -> datetime:
    """Midnight, as a wall time."""
    return now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def daily(cast: Cast, staff: User, first: datetime) -> str:
    """A series of an hour a day from then on."""
    end = first + timedelta(hours=1)
    pattern = {"frequency": "daily"}
    wanted = body(cast, first.isoformat(), end.isoformat(), staffId=staff.id)
    return str(plan(cast.ann, {**wanted, "recurrencePattern": pattern})["id"])


def starts(cast: Cast, since: datetime, days: int) -> list[tuple[str, str]]:
    """Days and people of Boston's shifts."""
    query = {
        "locationId": cast.boston.id,
        "expand": "occurrences",
        "from": f"{since.isoformat()}Z",
        "to": f"{(since + timedelta(days=days)).isoformat()}Z",
    }
    answer = cast.ann.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return [(one["startTime"][:10], one["staffId"]) for one in answer.json()["items"]]


def delete(cast: Cast, user: User) -> None:
    answer = cast.ann.delete("/userManagement", {"id": user.id})
    assert answer.status_code == 200, answer.text


def test_who_leaves_has_no_shifts_to_come_and_keeps_those_that_were(cast: Cast) -> None:
    leaver, cover = cast.fresh(), cast.fresh()
    begun = today() - timedelta(days=5) + timedelta(hours=3)
    id = daily(cast, leaver, begun)
    day = (begun + timedelta(days=8)).isoformat()
    given = {"scope": "occurrence", "recurrenceId": day}
    assert put(cast.ann, id, {"staffId": cover.id}, **given).is_success
    other = daily(cast, cover, begun + timedelta(hours=5))
    taken = (begun + timedelta(days=9, hours=5)).isoformat()
    theirs = {"scope": "occurrence", "recurrenceId": taken}
    assert put(cast.ann, other, {"staffId": leaver.id}, **theirs).is_success
    past = made_shift(cast.ann.actor, cast.boston, leaver.id, start=begun - timedelta(days=9))
    future = made_shift(
        cast.ann.actor, cast.boston, leaver.id, start=begun + timedelta(days=30, hours=9)
    )

    delete(cast, leaver)

    assert dynamodb.get(Schedule, past.id), "what was is the business's record"
    assert dynamodb.get(Schedule, future.id) is None
    whole = starts(cast, begun - timedelta(days=10), 60)
    tomorrow = (today() + timedelta(days=1)).date().isoformat()
    assert all(day < tomorrow for day, staff in whole if staff == leaver.id)
    assert sum(staff == leaver.id for _, staff in whole) >= 5
    assert (day[:10], cover.id) in whole, "the shift that was given away stays"
    assert (taken[:10], cover.id) not in whole, "the one that was taken over is left out"
    assert availability.rows_from(leaver.id, now() + timedelta(days=1), None) == []
    (taken_over,) = [
        one
        for row in availability.rows_from(cover.id, now(), None)
        if row.schedule_id != other and (one := dynamodb.get(Schedule, str(row.schedule_id)))
    ]
    assert taken_over.split_from == id, "it is a schedule of its own"
    assert put(cast.ann, taken_over.id, {"staffId": cast.mia.id}).status_code == 200
    assert verification.verify().findings == []


def test_all_that_others_cover_becomes_theirs(cast: Cast) -> None:
    """More than one step's worth, the first shift of the series among them."""
    leaver, covers = cast.fresh(), [cast.fresh() for _ in range(2)]
    first = datetime(2037, 1, 5, 9)
    days = [(first + timedelta(days=n)).isoformat() for n in range(11)]
    given = {day: {"staffId": covers[n % 2].id} for n, day in enumerate(days)}
    wanted = body(cast, first.isoformat(), "2037-01-05T10:00", staffId=leaver.id)
    pattern = {"frequency": "daily", "exceptions": given}
    id = plan(cast.ann, {**wanted, "recurrencePattern": pattern})["id"]

    delete(cast, leaver)

    people = {one.id for one in covers}
    left = [one for one in starts(cast, first - timedelta(days=1), 30) if one[1] in people]
    assert left == [(day[:10], covers[n % 2].id) for n, day in enumerate(days)]
    assert cast.ann.get(f"{PATH}/{id}").status_code == 404, "nothing of their own is left"
    assert verification.verify().findings == []


def test_nobody_is_planned_who_is_leaving(cast: Cast) -> None:
    leaver = cast.fresh()
    id = daily(cast, leaver, today() + timedelta(days=3))
    delete(cast, leaver)
    assert cast.ann.get(f"{PATH}/{id}").status_code == 404
    wanted = body(cast, "2031-01-01T09:00", "2031-01-01T10:00", staffId=leaver.id)
    assert cast.ann.post(PATH, wanted).status_code == 404


def test_a_feed_goes_with_its_person(cast: Cast, world: World) -> None:
    leaver = come(world, cast.ann.web, cast.fresh())
    assert leaver.post("/user/calendar-feed", {}).status_code == 201
    export = leaver.get("/user/export/my-data?format=json").json()["data"]
    assert set(export["calendarFeed"][0]) == {"createdAt"}
    delete(cast, leaver.user)
    assert dynamodb.get(Feed, leaver.id) is None


def test_an_export_shows_ones_shifts_and_nobody_elses(cast: Cast, world: World) -> None:
    person, other = come(world, cast.ann.web, cast.fresh()), cast.fresh()
    id = daily(cast, person.user, datetime(2031, 3, 3, 9))
    given = {"scope": "occurrence", "recurrenceId": "2031-03-05T09:00:00"}
    assert put(cast.ann, id, {"staffId": other.id}, **given).is_success
    export = person.get("/user/export/my-data?format=json")
    (shift,) = export.json()["data"]["shifts"]
    assert shift["scheduleId"] == id
    assert shift["pattern"] == "FREQ=DAILY"
    assert shift["start"] == "2031-03-03T14:00:00Z"
    assert other.id not in export.text


# --- places ---------------------------------------------------------------------------------------
def test_a_location_with_shifts_to_come_is_not_removed(cast: Cast) -> None:
    place = cast.place()
    shift = made_shift(cast.ann.actor, place, cast.sam.id)
    held = cast.ann.delete(f"/location/{place.id}")
    assert (held.status_code, problem(held)["code"]) == (409, "location_in_use")
    assert cast.ann.delete(f"{PATH}/{shift.id}").status_code == 200
    old = today() - timedelta(days=400)
    made_shift(cast.ann.actor, place, cast.fresh().id, start=old)
    assert cast.ann.delete(f"/location/{place.id}").status_code == 200


def test_what_was_planned_while_a_location_went_is_cleared(cast: Cast) -> None:
    """A plan that read the location before it was removed is written after it."""
    place = cast.place()
    assert cast.ann.delete(f"/location/{place.id}").status_code == 200
    dynamodb.call("PutItem", TableName=Location.table_name(), Item=place.serialize())
    shift = made_shift(cast.ann.actor, place, cast.sam.id)
    key = Location.wire_key(place.id)
    dynamodb.call("DeleteItem", TableName=Location.table_name(), Key=key)

    sweep(61)

    assert dynamodb.get(Schedule, shift.id) is None
    log = cast.ann.get(f"/user/{cast.sam.id}/audit-logs").json()["items"][0]
    assert (log["action"], log["actor"]["type"]) == ("schedule.removed", "system")
    assert commands.get(cast.shift().id, actor=cast.ann.actor)
