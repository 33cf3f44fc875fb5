"""Cleanup after deleted users and locations: future shifts are removed, past ones stay."""

from datetime import datetime, timedelta

from accounts.models import Location, User
from config import dynamodb
from staffing.models import Feed, Schedule
from staffing.schedules import access, availability
from tests.staffing.schedules.test_commands import PATH, create_schedule, put_schedule, schedule_body
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, create_shift, now, parse_problem, process_outbox


def local_midnight() -> datetime:
    """Today at midnight, local time."""
    return now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)


def create_daily_series(test_users: UserFixtures, staff: User, first: datetime) -> str:
    """Create a daily series of one-hour shifts."""
    end = first + timedelta(hours=1)
    pattern = {"frequency": "daily"}
    request_body = schedule_body(test_users, first.isoformat(), end.isoformat(), staffId=staff.id)
    return str(create_schedule(test_users.ann, {**request_body, "recurrencePattern": pattern})["id"])


def list_shift_days(test_users: UserFixtures, since: datetime, days: int) -> list[tuple[str, str]]:
    """Days and user ids of Boston's shifts."""
    query = {
        "locationId": test_users.boston.id,
        "expand": "occurrences",
        "from": f"{since.isoformat()}Z",
        "to": f"{(since + timedelta(days=days)).isoformat()}Z",
    }
    response = test_users.ann.get(PATH, params=query)
    assert response.status_code == 200, response.text
    return [(item["startTime"][:10], item["staffId"]) for item in response.json()["items"]]


def delete_user(test_users: UserFixtures, user: User) -> None:
    response = test_users.ann.delete("/userManagement", {"id": user.id})
    assert response.status_code == 200, response.text


def test_deleting_user_removes_future_shifts_and_keeps_past_shifts(test_users: UserFixtures) -> None:
    leaver, cover = test_users.create_user(), test_users.create_user()
    first_start = local_midnight() - timedelta(days=5) + timedelta(hours=3)
    id = create_daily_series(test_users, leaver, first_start)
    day = (first_start + timedelta(days=8)).isoformat()
    reassigned_query = {"scope": "occurrence", "recurrenceId": day}
    assert put_schedule(test_users.ann, id, {"staffId": cover.id}, **reassigned_query).is_success
    cover_series_id = create_daily_series(test_users, cover, first_start + timedelta(hours=5))
    takeover_start = (first_start + timedelta(days=9, hours=5)).isoformat()
    takeover_query = {"scope": "occurrence", "recurrenceId": takeover_start}
    assert put_schedule(test_users.ann, cover_series_id, {"staffId": leaver.id}, **takeover_query).is_success
    past = create_shift(test_users.ann.actor, test_users.boston, leaver.id, start=first_start - timedelta(days=9))
    future = create_shift(
        test_users.ann.actor, test_users.boston, leaver.id, start=first_start + timedelta(days=30, hours=9)
    )

    delete_user(test_users, leaver)

    assert dynamodb.get_record(Schedule, past.id), "past shifts stay as the customer's records"
    assert dynamodb.get_record(Schedule, future.id) is None
    shift_days = list_shift_days(test_users, first_start - timedelta(days=10), 60)
    tomorrow = (local_midnight() + timedelta(days=1)).date().isoformat()
    assert all(day < tomorrow for day, staff in shift_days if staff == leaver.id)
    assert sum(staff == leaver.id for _, staff in shift_days) >= 5
    assert (day[:10], cover.id) in shift_days, "the shift covered by somebody else stays"
    assert (takeover_start[:10], cover.id) not in shift_days, "the shift covered by the deleted user is excluded"
    assert availability.fetch_rows(leaver.id, now() + timedelta(days=1), None) == []
    (split_off,) = [
        schedule
        for row in availability.fetch_rows(cover.id, now(), None)
        if row.schedule_id != cover_series_id and (schedule := dynamodb.get_record(Schedule, str(row.schedule_id)))
    ]
    assert split_off.split_from == id, "the covered shift is now a separate schedule"
    assert put_schedule(test_users.ann, split_off.id, {"staffId": test_users.mia.id}).status_code == 200
    assert test_users.audit_findings() == []


def test_covered_shifts_become_schedules_of_the_cover(test_users: UserFixtures) -> None:
    """More shifts than one batch, including the first shift of the series."""
    leaver, covers = test_users.create_user(), [test_users.create_user() for _ in range(2)]
    first = datetime(2037, 1, 5, 9)
    days = [(first + timedelta(days=n)).isoformat() for n in range(11)]
    exceptions = {day: {"staffId": covers[n % 2].id} for n, day in enumerate(days)}
    request_body = schedule_body(test_users, first.isoformat(), "2037-01-05T10:00", staffId=leaver.id)
    pattern = {"frequency": "daily", "exceptions": exceptions}
    id = create_schedule(test_users.ann, {**request_body, "recurrencePattern": pattern})["id"]

    delete_user(test_users, leaver)

    cover_ids = {item.id for item in covers}
    remaining = [item for item in list_shift_days(test_users, first - timedelta(days=1), 30) if item[1] in cover_ids]
    assert remaining == [(day[:10], covers[n % 2].id) for n, day in enumerate(days)]
    assert test_users.ann.get(f"{PATH}/{id}").status_code == 404, "the series itself is removed"
    assert test_users.audit_findings() == []


def test_deleted_user_cannot_be_scheduled(test_users: UserFixtures) -> None:
    leaver = test_users.create_user()
    id = create_daily_series(test_users, leaver, local_midnight() + timedelta(days=3))
    delete_user(test_users, leaver)
    assert test_users.ann.get(f"{PATH}/{id}").status_code == 404
    request_body = schedule_body(test_users, "2031-01-01T09:00", "2031-01-01T10:00", staffId=leaver.id)
    assert test_users.ann.post(PATH, request_body).status_code == 404


def test_deleting_user_deletes_the_feed(test_users: UserFixtures, env: Environment) -> None:
    leaver = accept_invitation(env, test_users.ann.web, test_users.create_user())
    assert leaver.post("/user/calendar-feed", {}).status_code == 201
    export = leaver.get("/user/export/my-data?format=json").json()["data"]
    assert set(export["calendarFeed"][0]) == {"createdAt"}
    delete_user(test_users, leaver.user)
    assert dynamodb.get_record(Feed, leaver.id) is None


def test_export_contains_only_own_shifts(test_users: UserFixtures, env: Environment) -> None:
    person, other = (accept_invitation(env, test_users.ann.web, test_users.create_user()), test_users.create_user())
    id = create_daily_series(test_users, person.user, datetime(2031, 3, 3, 9))
    occurrence_query = {"scope": "occurrence", "recurrenceId": "2031-03-05T09:00:00"}
    assert put_schedule(test_users.ann, id, {"staffId": other.id}, **occurrence_query).is_success
    export = person.get("/user/export/my-data?format=json")
    (shift,) = export.json()["data"]["shifts"]
    assert shift["scheduleId"] == id
    assert shift["pattern"] == "FREQ=DAILY"
    assert shift["start"] == "2031-03-03T14:00:00Z"
    assert other.id not in export.text


# --- locations ------------------------------------------------------------------------------------
def test_location_with_future_shifts_cannot_be_removed(test_users: UserFixtures) -> None:
    location = test_users.create_location()
    shift = create_shift(test_users.ann.actor, location, test_users.sam.id)
    response = test_users.ann.delete(f"/location/{location.id}")
    assert (response.status_code, parse_problem(response)["code"]) == (409, "location_in_use")
    assert test_users.ann.delete(f"{PATH}/{shift.id}").status_code == 200
    past_start = local_midnight() - timedelta(days=400)
    create_shift(test_users.ann.actor, location, test_users.create_user().id, start=past_start)
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200


def test_shifts_created_while_location_is_removed_are_cleaned_up(test_users: UserFixtures) -> None:
    """A request that read the location before its removal writes a shift after it."""
    location = test_users.create_location()
    assert test_users.ann.delete(f"/location/{location.id}").status_code == 200
    dynamodb.call("PutItem", TableName=Location.table_name(), Item=location.serialize())
    shift = create_shift(test_users.ann.actor, location, test_users.sam.id)
    key = Location.to_dynamodb_key(location.id)
    dynamodb.call("DeleteItem", TableName=Location.table_name(), Key=key)

    process_outbox(61)

    assert dynamodb.get_record(Schedule, shift.id) is None
    entry = test_users.ann.get(f"/user/{test_users.sam.id}/audit-logs").json()["items"][0]
    assert (entry["action"], entry["actor"]["type"]) == ("schedule.removed", "system")
    assert access.get_schedule(test_users.create_shift().id, actor=test_users.ann.actor)
