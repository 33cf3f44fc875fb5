"""Notifications of rota changes, one for each batch, and reminders before shifts."""

import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import preferences
from config import dynamodb, outbox
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, put_schedule, schedule_body
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, emails_to, now, process_outbox

BATCH_SECONDS = 130
"""Seconds after which a batch is sent."""


@pytest.fixture
def sue(test_users: UserFixtures, env: Environment) -> SignedInUser:
    """A user with a device, all notifications enabled, German, in Berlin."""
    person = accept_invitation(env, test_users.ann.web, test_users.create_user(name="Sue"))
    channel_settings = {"rotaChanged": True, "shiftReminder": True}
    settings = {
        "language": "de",
        "timeZone": "Europe/Berlin",
        "notifications": {"email": channel_settings, "push": channel_settings},
    }
    assert person.patch("/user", {"settings": settings}).is_success
    device = {"token": push_token_of(person)}
    assert person.post("/user/push-token", device).is_success
    return person


@pytest.fixture(autouse=True)
def drain_outbox() -> None:
    """Process messages left by other tests."""
    process_outbox(BATCH_SECONDS)


def push_token_of(person: SignedInUser) -> str:
    return f"ExponentPushToken[rota-{person.id}]"


def list_messages(env: Environment, person: SignedInUser) -> list[dict[str, Any]]:
    """Pushes to a user's device, newest first."""
    messages = httpx.get(f"{env.expo}/messages", params={"limit": 1000}).json()
    return [message for message in messages if message["to"] == push_token_of(person)]


def list_pushes(env: Environment, person: SignedInUser) -> list[str]:
    """Pushes to a user's device as title and text, newest first."""
    return [f"{message['title']} | {message['body']}" for message in list_messages(env, person)]


def run_due_tasks(seconds_ahead: float = BATCH_SECONDS) -> None:
    """Process what is due by then: batches, their two channels, reminders."""
    for _ in range(4):
        process_outbox(seconds_ahead)


def test_batch_is_sent_once_per_channel(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    schedules = [
        create_schedule(
            test_users.mia, schedule_body(test_users, f"2031-07-0{n}T09:00", f"2031-07-0{n}T17:00", staffId=sue.id)
        )
        for n in (1, 2, 3)
    ]
    assert put_schedule(test_users.mia, schedules[0]["id"], {"endTime": "2031-07-01T18:00"}).is_success
    assert test_users.mia.delete(f"{PATH}/{schedules[1]['id']}").is_success
    run_due_tasks()

    mails = [message for message in emails_to(env, sue.user.email) if "Dienstplan" in message["subject"]]
    pushes = list_pushes(env, sue)
    assert len(mails) == len(pushes), "both channels get the same number of batches"
    assert len(pushes) in (1, 2), "one batch, or two if the minute changed"
    text = "\n".join(mail["text"] for mail in mails)
    assert "Neuer Dienst: Donnerstag, 3. Juli 2031, 15:00 – 23:00 Uhr (MESZ), Boston" in text
    assert "Dienst entfällt: Mittwoch, 2. Juli 2031, 15:00 – 23:00 Uhr (MESZ), Boston" in text
    assert "Mia Canary-Har hat Ihren Dienstplan geändert" in text
    assert "Canary-Har" not in str(pushes), "pushes on locked screens must not show names"
    run_due_tasks(3 * BATCH_SECONDS)
    assert len(list_pushes(env, sue)) == len(pushes)


def test_single_change_is_described_in_the_push(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    create_schedule(
        test_users.mia,
        schedule_body(test_users, "2031-08-04T09:00", "2031-08-04T10:00", staffId=sue.id, recurrencePattern=WEEKLY),
    )
    run_due_tasks()
    assert list_pushes(env, sue) == [
        "Ihr Dienstplan hat sich geändert | Neue Serie ab Montag, 4. August 2031, 15:00 – 16:00 Uhr (MESZ), Boston"
    ]


def test_pushes_name_what_the_app_opens(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    """One schedule: its id and location; several: the location; one that is gone: not its id."""
    location = {"event": "rota_changed", "locationId": test_users.boston.id}
    only_one = create_schedule(
        test_users.mia, schedule_body(test_users, "2031-12-01T09:00", "2031-12-01T10:00", staffId=sue.id)
    )
    run_due_tasks()
    single_change = list_messages(env, sue)[0]
    for day in ("2031-12-02", "2031-12-03"):
        create_schedule(test_users.abe, schedule_body(test_users, f"{day}T09:00", f"{day}T10:00", staffId=sue.id))
    run_due_tasks(2 * BATCH_SECONDS)
    batch = list_messages(env, sue)[0]
    assert sue.get(f"{PATH}/{only_one['id']}").status_code == 200
    assert test_users.ann.delete(f"{PATH}/{only_one['id']}").is_success
    run_due_tasks(3 * BATCH_SECONDS)
    removal = list_messages(env, sue)[0]

    assert single_change["data"] == {**location, "scheduleId": only_one["id"]}
    if len(list_messages(env, sue)) == 3:  # else the minute changed
        assert batch["data"] == location
        assert batch["body"] == "2 Änderungen am Standort Boston. In der App sehen Sie alle."
    assert removal["data"] == location
    assert removal["body"].endswith("(MEZ), Boston")


def test_reminder_names_its_place(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    schedule, _ = create_shift_starting_in(test_users, sue, 40)
    run_due_tasks()
    (reminder,) = (message for message in list_messages(env, sue) if "beginnt bald" in message["title"])
    assert reminder["data"] == {
        "event": "shift_reminder",
        "locationId": test_users.boston.id,
        "scheduleId": schedule["id"],
    }
    assert reminder["body"].startswith("Boston: ")
    (mail,) = (mail for mail in emails_to(env, sue.user.email) if "beginnt bald" in mail["subject"])
    assert "(MEZ), Boston." in mail["text"].replace("MESZ", "MEZ")


def test_previous_and_new_assignee_are_both_notified(
    test_users: UserFixtures, sue: SignedInUser, env: Environment
) -> None:
    other_person = accept_invitation(env, test_users.ann.web, test_users.create_user(name="Kim"))
    assert other_person.post("/user/push-token", {"token": push_token_of(other_person)}).is_success
    daily = {"frequency": "daily", "count": 9}
    id = create_schedule(
        test_users.mia,
        schedule_body(test_users, "2031-09-01T09:00", "2031-09-01T10:00", staffId=sue.id, recurrencePattern=daily),
    )["id"]
    run_due_tasks()
    occurrence_query = {"scope": "occurrence", "recurrenceId": "2031-09-03T09:00:00"}
    assert put_schedule(test_users.abe, id, {"staffId": other_person.id}, **occurrence_query).is_success
    run_due_tasks(2 * BATCH_SECONDS)

    assert "Dienst entfällt: Mittwoch, 3. September 2031" in list_pushes(env, sue)[0]
    assert list_pushes(env, other_person) == [
        "Your rota has changed | New shift: Wednesday, Sept. 3, 2031, 9 a.m. – 10 a.m. (EDT), Boston"
    ]


def test_own_changes_and_disabled_events_are_not_sent(
    test_users: UserFixtures, sue: SignedInUser, env: Environment
) -> None:
    off = {"notifications": {"email": {"rotaChanged": False}, "push": {"rotaChanged": False}}}
    assert sue.patch("/user", {"settings": off}).is_success
    create_schedule(test_users.mia, schedule_body(test_users, "2031-10-01T09:00", "2031-10-01T10:00", staffId=sue.id))
    own_shift_body = schedule_body(test_users, "2031-10-01T09:00", "2031-10-01T10:00", staffId=test_users.mia.id)
    create_schedule(test_users.mia, own_shift_body)
    run_due_tasks()
    assert list_pushes(env, sue) == []
    assert [mail for mail in emails_to(env, test_users.mia.user.email) if "rota" in mail["subject"]] == []


def test_email_is_opt_in() -> None:
    for channel, event in (("email", "rota_changed"), ("push", "shift_reminder")):
        assert not preferences.is_notification_enabled({}, channel, event)
        chosen = {"notifications": {channel: {event: True}}}
        assert preferences.is_notification_enabled(chosen, channel, event)
    assert preferences.is_notification_enabled({}, "push", "rota_changed")


# --- reminders ------------------------------------------------------------------------------------
def create_shift_starting_in(
    test_users: UserFixtures, sue: SignedInUser, minutes: int, **more: Any
) -> tuple[dict[str, Any], datetime]:
    """Create a shift of half an hour that starts this many minutes from now."""
    start = now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    end = start + timedelta(minutes=30)
    request_body = schedule_body(test_users, start.isoformat(), end.isoformat(), staffId=sue.id, **more)
    return create_schedule(test_users.mia, request_body), start


def list_pending_reminders(person: SignedInUser) -> list[str]:
    """The messages that wait for a person's next shift."""
    rows = dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"]
    reminder_rows = (row for row in rows if row["task"]["S"] == "staffing.remind" and person.id in row["id"]["S"])
    return sorted(row["id"]["S"] for row in reminder_rows)


def count_reminders(env: Environment, person: SignedInUser) -> int:
    return sum("beginnt bald" in text for text in list_pushes(env, person))


def test_each_shift_gets_a_single_reminder(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    create_shift_starting_in(test_users, sue, 300, recurrencePattern={"frequency": "daily", "count": 3})
    run_due_tasks()
    assert len(list_pending_reminders(sue)) == 1, "one message waits, for the next shift"
    assert count_reminders(env, sue) == 0
    run_due_tasks(241 * 60)
    assert count_reminders(env, sue) == 1
    mails = [mail["text"] for mail in emails_to(env, sue.user.email) if "beginnt bald" in mail["subject"]]
    assert len(mails) == 1
    assert re.search(r" Uhr \(MES?Z\)", mails[0])
    assert len(list_pending_reminders(sue)) == 1
    run_due_tasks((240 + 24 * 60 + 1) * 60)
    assert count_reminders(env, sue) == 2
    run_due_tasks((240 + 48 * 60 + 1) * 60)
    assert count_reminders(env, sue) == 3
    assert list_pending_reminders(sue) == []


def test_reminder_lead_time_is_configurable(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    assert sue.patch("/user", {"settings": {"reminderMinutes": 120}}).is_success
    create_shift_starting_in(test_users, sue, 300)
    run_due_tasks()
    run_due_tasks(179 * 60)
    assert count_reminders(env, sue) == 0
    run_due_tasks(181 * 60)
    assert count_reminders(env, sue) == 1


def test_moved_shift_is_reminded_at_its_new_time(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    schedule, start = create_shift_starting_in(test_users, sue, 300)
    run_due_tasks()
    end = datetime.fromisoformat(schedule["endTime"])
    changes = {name: (time + timedelta(days=1)).isoformat() for name, time in (("startTime", start), ("endTime", end))}
    assert put_schedule(test_users.mia, schedule["id"], changes).is_success
    run_due_tasks(2 * BATCH_SECONDS)
    run_due_tasks(250 * 60)
    assert count_reminders(env, sue) == 0
    run_due_tasks((241 + 24 * 60) * 60)
    assert count_reminders(env, sue) == 1
    assert list_pending_reminders(sue) == []


def test_other_changes_do_not_repeat_a_reminder(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    create_shift_starting_in(test_users, sue, 40)
    run_due_tasks()
    assert count_reminders(env, sue) == 1
    for n in (1, 2):
        create_schedule(
            test_users.mia, schedule_body(test_users, f"2031-11-0{n}T09:00", f"2031-11-0{n}T10:00", staffId=sue.id)
        )
        run_due_tasks((n + 1) * BATCH_SECONDS)
    assert count_reminders(env, sue) == 1


def test_person_scheduled_before_sign_in_is_reminded(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user(name="Ida")
    start = now().replace(second=0, microsecond=0) + timedelta(minutes=300)
    end = start + timedelta(minutes=30)
    create_schedule(test_users.mia, schedule_body(test_users, start.isoformat(), end.isoformat(), staffId=user.id))
    run_due_tasks()
    ida = accept_invitation(env, test_users.ann.web, user)
    assert ida.post("/user/push-token", {"token": push_token_of(ida)}).is_success
    settings = {"notifications": {"push": {"shiftReminder": True}}}
    assert ida.patch("/user", {"settings": settings}).is_success
    run_due_tasks(241 * 60)
    assert [text for text in list_pushes(env, ida) if "starts soon" in text]


def test_disabled_reminders_are_not_sent(test_users: UserFixtures, sue: SignedInUser, env: Environment) -> None:
    off = {"notifications": {"email": {"shiftReminder": False}, "push": {"shiftReminder": False}}}
    assert sue.patch("/user", {"settings": off}).is_success
    create_shift_starting_in(test_users, sue, 300)
    run_due_tasks()
    run_due_tasks(250 * 60)
    assert count_reminders(env, sue) == 0


def test_reminder_lead_time_is_limited(sue: SignedInUser) -> None:
    for invalid_minutes in (4, 1441, "60", 60.0, True):
        response = sue.patch("/user", {"settings": {"reminderMinutes": invalid_minutes}})
        assert response.status_code == 400, invalid_minutes
    assert sue.patch("/user", {"settings": {"reminderMinutes": 5}}).is_success
    assert sue.get("/user").json()["settings"]["reminderMinutes"] == 5
    assert sue.patch("/user", {"settings": {"reminderMinutes": None}}).is_success
    assert sue.get("/user").json()["settings"]["reminderMinutes"] == 60
