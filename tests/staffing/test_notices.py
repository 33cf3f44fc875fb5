"""People hear of what others do to their rota, once for a batch; and of shifts, if they want it."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from accounts import preferences
from config import dynamodb, outbox
from tests.conftest import Cast, Person, come, mails_to, now, sweep
from tests.staffing.test_schedules import PATH, WEEKLY, body, plan, put
from tests.support.environment import World

BATCH = 130
"""Seconds after which a batch is told."""


@pytest.fixture
def sue(cast: Cast, world: World) -> Person:
    """Somebody with a device who wants mail too, and reads German in Berlin."""
    person = come(world, cast.ann.web, cast.fresh(name="Sue"))
    every = {"rotaChanged": True, "shiftReminder": True}
    settings = {
        "language": "de",
        "timeZone": "Europe/Berlin",
        "notifications": {"email": every, "push": every},
    }
    assert person.patch("/user", {"settings": settings}).is_success
    device = {"token": token_of(person)}
    assert person.post("/user/push-token", device).is_success
    return person


@pytest.fixture(autouse=True)
def idle() -> None:
    """What other tests left is done."""
    sweep(BATCH)


def token_of(person: Person) -> str:
    return f"ExponentPushToken[rota-{person.id}]"


def pushes_to(world: World, person: Person) -> list[str]:
    """What a device showed, newest first: title and text."""
    found = httpx.get(f"{world.expo}/messages", params={"limit": 1000}).json()
    return [f"{one['title']} | {one['body']}" for one in found if one["to"] == token_of(person)]


def done(later: float = BATCH) -> None:
    """Everything that is due by then: a batch, its two channels, the reminder."""
    for _ in range(4):
        sweep(later)


def test_a_batch_is_told_once_on_each_channel(cast: Cast, sue: Person, world: World) -> None:
    made = [
        plan(cast.mia, body(cast, f"2031-07-0{n}T09:00", f"2031-07-0{n}T17:00", staffId=sue.id))
        for n in (1, 2, 3)
    ]
    assert put(cast.mia, made[0]["id"], {"endTime": "2031-07-01T18:00"}).is_success
    assert cast.mia.delete(f"{PATH}/{made[1]['id']}").is_success
    done()

    mails = [m for m in mails_to(world, sue.user.email) if "Dienstplan" in m["subject"]]
    shown = pushes_to(world, sue)
    assert len(mails) == len(shown), "as many batches on each channel"
    assert len(shown) in (1, 2), "a batch, or two where the minute changed"
    text = "\n".join(mail["text"] for mail in mails)
    assert "Neu: Do 3. Juli 2031, 15:00 – 23:00 (Europe/Berlin)" in text
    assert "Entfallen: Mi 2. Juli 2031, 15:00 – 23:00 (Europe/Berlin)" in text
    assert "Mia Canary-Har hat Ihren Dienstplan geändert" in text
    assert "Canary-Har" not in str(shown), "what a locked screen shows names nobody"
    done(3 * BATCH)
    assert len(pushes_to(world, sue)) == len(shown)


def test_a_single_change_is_told_on_the_screen(cast: Cast, sue: Person, world: World) -> None:
    plan(
        cast.mia,
        body(
            cast, "2031-08-04T09:00", "2031-08-04T10:00", staffId=sue.id, recurrencePattern=WEEKLY
        ),
    )
    done()
    assert pushes_to(world, sue) == [
        "Ihr Dienstplan hat sich geändert | Neue Serie, ab Mo 4. August 2031, 15:00 – 16:00 "
        "(Europe/Berlin)"
    ]


def test_who_loses_and_who_gets_a_shift_both_hear(cast: Cast, sue: Person, world: World) -> None:
    other = come(world, cast.ann.web, cast.fresh(name="Kim"))
    assert other.post("/user/push-token", {"token": token_of(other)}).is_success
    daily = {"frequency": "daily", "count": 9}
    id = plan(
        cast.mia,
        body(cast, "2031-09-01T09:00", "2031-09-01T10:00", staffId=sue.id, recurrencePattern=daily),
    )["id"]
    done()
    one = {"scope": "occurrence", "recurrenceId": "2031-09-03T09:00:00"}
    assert put(cast.abe, id, {"staffId": other.id}, **one).is_success
    done(2 * BATCH)

    assert "Entfallen: Mi 3. September 2031" in pushes_to(world, sue)[0]
    assert pushes_to(world, other) == [
        "Your rota has changed | New: Wed Sept. 3, 2031, 9 a.m. – 10 a.m. (America/New_York)"
    ]


def test_ones_own_changes_and_what_one_turned_off_are_not_told(
    cast: Cast, sue: Person, world: World
) -> None:
    off = {"notifications": {"email": {"rotaChanged": False}, "push": {"rotaChanged": False}}}
    assert sue.patch("/user", {"settings": off}).is_success
    plan(cast.mia, body(cast, "2031-10-01T09:00", "2031-10-01T10:00", staffId=sue.id))
    mine = body(cast, "2031-10-01T09:00", "2031-10-01T10:00", staffId=cast.mia.id)
    plan(cast.mia, mine)
    done()
    assert pushes_to(world, sue) == []
    assert [m for m in mails_to(world, cast.mia.user.email) if "rota" in m["subject"]] == []


def test_by_mail_only_who_chose_it() -> None:
    for channel, event in (("email", "rota_changed"), ("push", "shift_reminder")):
        assert not preferences.wants({}, channel, event)
        chosen = {"notifications": {channel: {event: True}}}
        assert preferences.wants(chosen, channel, event)
    assert preferences.wants({}, "push", "rota_changed")


# --- reminders ------------------------------------------------------------------------------------
def soon(cast: Cast, sue: Person, minutes: int, **more: Any) -> tuple[dict[str, Any], datetime]:
    """A shift of half an hour that starts so many minutes from now."""
    start = now().replace(second=0, microsecond=0) + timedelta(minutes=minutes)
    end = start + timedelta(minutes=30)
    wanted = body(cast, start.isoformat(), end.isoformat(), staffId=sue.id, **more)
    return plan(cast.mia, wanted), start


def waiting(person: Person) -> list[str]:
    """The errands that wait for a person's next shift."""
    rows = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    found = (
        row for row in rows if row["task"]["S"] == "staffing.remind" and person.id in row["id"]["S"]
    )
    return sorted(row["id"]["S"] for row in found)


def reminders(world: World, person: Person) -> int:
    return sum("beginnt bald" in text for text in pushes_to(world, person))


def test_each_shift_is_reminded_of_once(cast: Cast, sue: Person, world: World) -> None:
    soon(cast, sue, 300, recurrencePattern={"frequency": "daily", "count": 3})
    done()
    assert len(waiting(sue)) == 1, "one errand waits, for the next shift"
    assert reminders(world, sue) == 0
    done(241 * 60)
    assert reminders(world, sue) == 1
    mails = [m["text"] for m in mails_to(world, sue.user.email) if "beginnt bald" in m["subject"]]
    assert len(mails) == 1
    assert "(Europe/Berlin)" in mails[0]
    assert len(waiting(sue)) == 1
    done((240 + 24 * 60 + 1) * 60)
    assert reminders(world, sue) == 2
    done((240 + 48 * 60 + 1) * 60)
    assert reminders(world, sue) == 3
    assert waiting(sue) == []


def test_the_person_says_how_long_before(cast: Cast, sue: Person, world: World) -> None:
    assert sue.patch("/user", {"settings": {"reminderMinutes": 120}}).is_success
    soon(cast, sue, 300)
    done()
    done(179 * 60)
    assert reminders(world, sue) == 0
    done(181 * 60)
    assert reminders(world, sue) == 1


def test_a_shift_that_was_moved_is_not_reminded_of(cast: Cast, sue: Person, world: World) -> None:
    made, start = soon(cast, sue, 300)
    done()
    later = {"startTime": (start + timedelta(days=1)).isoformat()}
    assert put(cast.mia, made["id"], later).is_success
    done(2 * BATCH)
    done(250 * 60)
    assert reminders(world, sue) == 0
    done((241 + 24 * 60) * 60)
    assert reminders(world, sue) == 1
    assert waiting(sue) == []


def test_other_changes_do_not_remind_again(cast: Cast, sue: Person, world: World) -> None:
    soon(cast, sue, 40)
    done()
    assert reminders(world, sue) == 1
    for n in (1, 2):
        plan(cast.mia, body(cast, f"2031-11-0{n}T09:00", f"2031-11-0{n}T10:00", staffId=sue.id))
        done((n + 1) * BATCH)
    assert reminders(world, sue) == 1


def test_who_was_planned_before_coming_is_reminded(cast: Cast, world: World) -> None:
    user = cast.fresh(name="Ida")
    start = now().replace(second=0, microsecond=0) + timedelta(minutes=300)
    end = start + timedelta(minutes=30)
    plan(cast.mia, body(cast, start.isoformat(), end.isoformat(), staffId=user.id))
    done()
    ida = come(world, cast.ann.web, user)
    assert ida.post("/user/push-token", {"token": token_of(ida)}).is_success
    wanted = {"notifications": {"push": {"shiftReminder": True}}}
    assert ida.patch("/user", {"settings": wanted}).is_success
    done(241 * 60)
    assert [text for text in pushes_to(world, ida) if "starts soon" in text]


def test_whoever_wants_none_is_not_reminded(cast: Cast, sue: Person, world: World) -> None:
    off = {"notifications": {"email": {"shiftReminder": False}, "push": {"shiftReminder": False}}}
    assert sue.patch("/user", {"settings": off}).is_success
    soon(cast, sue, 300)
    done()
    done(250 * 60)
    assert reminders(world, sue) == 0


def test_reminders_are_between_five_minutes_and_a_day(sue: Person) -> None:
    for wrong in (4, 1441, "60", 60.0, True):
        answer = sue.patch("/user", {"settings": {"reminderMinutes": wrong}})
        assert answer.status_code == 400, wrong
    assert sue.patch("/user", {"settings": {"reminderMinutes": 5}}).is_success
    assert sue.get("/user").json()["settings"]["reminderMinutes"] == 5
    assert sue.patch("/user", {"settings": {"reminderMinutes": None}}).is_success
    assert sue.get("/user").json()["settings"]["reminderMinutes"] == 60
