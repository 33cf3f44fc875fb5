"""Callers who ask to be called back are told when, and the rota keeps the promise."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from accounts import locations
from config import dynamodb
from config.outbox.models import OutboxMessage
from telephony import ivr
from telephony.calls.limits import minutes, usage
from telephony.calls.state import call_record
from telephony.calls.webhooks import promises
from telephony.models import Usage
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, PlayedCall, create_line, post_webhook
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, parse_problem, process_outbox

TranscriptSaver = Callable[[str, PlayedCall], None]
CALLBACK: dict[str, Any] = {"type": "callback"}
MENU: dict[str, Any] = {"type": "menu", "prompt": {"say": "We are closed. Press 1."}, "keys": {"1": CALLBACK}}
LOCALES = {
    "en-US": ("America/New_York", "+16175550199", "We will call you back tomorrow at nine AM. Goodbye."),
    "de-DE": ("Europe/Berlin", "+4930901820", "Wir rufen Sie morgen um neun Uhr zurück. Auf Wiederhören."),
    "es-ES": ("Europe/Madrid", "+34911234567", "Le devolveremos la llamada mañana a las nueve de la mañana. Adiós."),
}


@pytest.fixture
def save_transcript(record_property: Callable[[str, object], None]) -> TranscriptSaver:
    """Record a transcript; all transcripts are printed at the end of the run."""
    return lambda title, call: record_property("transcript", f"{title}\n{call.text}")


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    """A line that is closed on Wednesday, 2027-06-02, until nine of the next day."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-03T09:00", "2027-06-03T17:00")
    line.update_configuration(closed=MENU)
    return line


def find_promise(call: PlayedCall) -> dict[str, Any] | None:
    """What the call stored of its promise."""
    return next((event for event in call.api_record["events"] if event["kind"] == "callback"), None)


NIGHTS = {
    "en-US": ("2027-03-13T22:00:00-05:00", "2027-06-02T22:00:00-04:00", "2027-11-06T22:00:00-04:00"),
    "de-DE": ("2027-03-27T22:00:00+01:00", "2027-06-02T22:00:00+02:00", "2027-10-30T22:00:00+02:00"),
    "es-ES": ("2027-03-27T22:00:00+01:00", "2027-06-02T22:00:00+02:00", "2027-10-30T22:00:00+02:00"),
}
"""Evenings before the clock goes forward, before it stays, and before it goes back."""


@pytest.mark.parametrize("language", LOCALES)
def test_callers_are_promised_the_time_at_which_somebody_comes(
    test_users: UserFixtures, save_transcript: TranscriptSaver, language: str
) -> None:
    """Called at 22:00, opens at 9:00 wall time."""
    zone, caller, expected = LOCALES[language]
    line = create_line(test_users)
    locations.update_location(line.location.id, {"time_zone": zone}, actor=test_users.ann.actor, at=now())
    hours = {"mode": "weekly", "weekly": {name: [["09:00", "17:00"]] for name in ("th", "su")}}
    numbers = {"type": "ring", "target": {"numbers": [caller]}}
    line.update_configuration(language=language, hours=hours, open=numbers, closed=MENU)
    for evening in NIGHTS[language]:
        call = line.call(evening, press="1", **{"from": caller})

        save_transcript(f"a call-back is promised, {language}, {evening}", call)
        call.assert_sequence("presses 1", expected, "is hung up")
        stored = find_promise(call)
        assert stored
        due = datetime.fromisoformat(stored["due"]).astimezone(ZoneInfo(zone))
        next_day = datetime.fromisoformat(evening).date() + timedelta(days=1)
        assert due.replace(tzinfo=None) == datetime.combine(next_day, time(9))
        assert dynamodb.get_record(OutboxMessage, f"follow-up-{call.id}")
        process_outbox()
    (entry,) = test_users.ann.get(f"/callback?locationId={line.location.id}").json()["items"]
    assert (entry["calls"], datetime.fromisoformat(entry["dueAt"])) == (3, due)


EVENING = "2027-06-02T22:00:00-04:00"


def test_a_repeated_webhook_promises_the_same_time(line: LineFixture) -> None:
    call = line.call(EVENING, press="1")
    line.put_on_duty("2027-06-02T23:00", "2027-06-02T23:30")
    webhook = next(posted for posted in call.webhooks if "/key" in posted["url"])

    repeated = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})

    assert "We will call you back tomorrow at nine AM." in repeated.text
    assert [event["kind"] for event in call.api_record["events"]].count("callback") == 1
    line.call(EVENING, press="1").assert_sequence("We will call you back today at eleven PM.")


@pytest.mark.parametrize("caller", ["anonymous", "+442071838750", "sip:ann@example.com", "+19005550100"])
def test_callers_who_cannot_be_called_leave_a_message(
    line: LineFixture, save_transcript: TranscriptSaver, caller: str
) -> None:
    call = line.call(EVENING, press="1", **{"from": caller})
    save_transcript(f"cannot be called back: {caller}", call)
    call.assert_absent("call you back")
    call.assert_sequence("presses 1", "leave a message", "speaks for")
    assert find_promise(call) is None


def test_otherwise_and_prompt_of_the_action(test_users: UserFixtures) -> None:
    line = create_line(test_users, name="Elm Street")
    line.put_on_duty("2027-06-05T09:00", "2027-06-05T17:00")
    prompt = {"say": "{location} calls you {nextOpening}."}
    otherwise = {"type": "say", "prompt": {"say": "Write to us."}}
    line.update_configuration(closed={"type": "callback", "prompt": prompt, "otherwise": otherwise})
    line.call(EVENING).assert_sequence("Elm Street calls you on Saturday at nine AM.", "is hung up")
    line.call(EVENING, **{"from": "anonymous"}).assert_sequence("Write to us.")

    preview = test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params={"at": EVENING}).json()

    assert [(step["type"], step["text"]) for step in preview["steps"][1:]] == (
        [("callback", "Elm Street calls you on Saturday at nine AM.")]
    )
    line.update_configuration(closed=CALLBACK)
    preview = test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params={"at": EVENING}).json()
    assert preview["steps"][-1]["text"] == "We will call you back on Saturday at nine AM. Goodbye."
    audio = {"type": "callback", "prompt": {"play": "https://files.example/promise.wav"}}
    line.update_configuration(closed=audio)
    line.call(EVENING).assert_sequence("hears the sound promise.wav")


def test_nothing_is_promised_that_cannot_be_stored(
    line: LineFixture, env: Environment, save_transcript: TranscriptSaver
) -> None:
    faults = {("dynamodb", "TransactWriteItems", number): "503" for number in range(2, 50)}
    with env.apply_plan(FaultPlan(faults=faults)) as plan:  # the first one stores the call
        call = line.call(EVENING, press="1")
    assert plan.fired_faults
    save_transcript("the promise cannot be stored", call)
    call.assert_absent("call you back")
    call.assert_sequence("presses 1", "leave a message")
    assert find_promise(call) is None


def test_without_the_rota_a_call_back_is_promised_as_soon_as_possible(line: LineFixture, env: Environment) -> None:
    line.update_configuration(open=CALLBACK)
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "503"})):
        call = line.call(EVENING)
    line.update_configuration(open={"type": "ring", "target": {"onDuty": {}}})
    call.assert_sequence("We will call you back as soon as possible. Goodbye.")
    stored = find_promise(call)
    assert stored
    assert "due" not in stored


def read_callback(line: LineFixture) -> dict[str, Any]:
    """The only call-back of a line, after what waits was done."""
    process_outbox()
    (callback,) = line.test_users.ann.get(f"/callback?locationId={line.location.id}").json()["items"]
    return dict(callback)


def test_a_promise_without_a_time_is_due_at_the_next_opening(test_users: UserFixtures, env: Environment) -> None:
    """Nobody is told of it at night, if the rota could not be read during the call."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-03T09:00", "2027-06-03T17:00")
    ring = {"type": "ring", "target": {"onDuty": {}}}
    menu = {"type": "menu", "prompt": {"say": "1 sales"}, "keys": {"1": ring}, "retries": 0, "otherwise": CALLBACK}
    line.update_configuration(open=menu)
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "503"})):
        call = line.call("2027-06-03T03:00:00-04:00")
        webhook = next(posted for posted in call.webhooks if "/key" in posted["url"])
        repeated = post_webhook(webhook["url"], webhook["form"], **{"X-Twilio-Signature": webhook["signature"]})
    call.assert_sequence("We will call you back as soon as possible.")
    assert "We will call you back as soon as possible." in repeated.text
    assert read_callback(line)["dueAt"] == "2027-06-03T13:00:00Z"


@pytest.mark.parametrize(
    ("called_at", "due_at"),
    [("03:00", "2027-06-02T13:00"), ("14:30", "2027-06-02T18:30"), ("18:00", "2027-06-03T13:00")],
)
def test_without_anybody_planned_call_backs_are_due_by_day(
    test_users: UserFixtures, called_at: str, due_at: str
) -> None:
    line = create_line(test_users)
    line.update_configuration(closed=CALLBACK)
    line.call(f"2027-06-02T{called_at}:00-04:00").assert_sequence("We will call you back as soon as possible.")
    assert read_callback(line)["dueAt"].startswith(due_at)


def test_promises_follow_the_key_that_was_pressed(test_users: UserFixtures) -> None:
    """Who cannot reach sales is called back by them, though the alarm answers at all times."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-03T09:00", "2027-06-03T17:00")
    promise = {"type": "callback", "prompt": {"say": "We call back {nextOpening}."}}
    sales = {"type": "ring", "target": {"onDuty": {}}, "otherwise": promise}
    announcement = {"type": "say", "prompt": {"say": "Sales is there {nextOpening}."}}
    alarm = {"type": "ring", "target": {"numbers": ["+16175550123"]}}
    menu = {"type": "menu", "prompt": {"say": "1 sales, 2 alarm"}, "keys": {"1": sales, "2": alarm}}
    line.update_configuration(hours={"mode": "always"}, open=menu)
    line.call(EVENING, press="1").assert_sequence("We call back tomorrow at nine AM.")
    menu["keys"] = {"1": {**sales, "otherwise": announcement}, "2": alarm}
    line.update_configuration(open=menu)
    line.call(EVENING, press="1").assert_sequence("Sales is there tomorrow at nine AM.")
    line.update_configuration(open={**menu, "otherwise": sales})
    preview = test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params={"at": EVENING}).json()
    assert preview["steps"][-1]["text"] == "We call back tomorrow at nine AM."
    assert preview["nextOpening"] == "2027-06-03T09:00:00-04:00"


def test_a_call_back_waits_for_the_minutes_of_the_next_day(line: LineFixture) -> None:
    """Minutes are counted by days in UTC; whoever is on duty could not call anybody before."""
    line.put_on_duty("2027-06-07T09:00", "2027-06-08T17:00")
    at = datetime(2027, 6, 7, 15, tzinfo=UTC)
    line.update_configuration(open={"type": "callback"})
    call = line.call(at)
    call.assert_sequence("We will call you back as soon as possible.")
    row = usage.load(line.test_users.customer.id, at)
    put_records([Usage(row.key, used=10**6, calls={}, callers={}, expires_at=row.expires_at)])

    assert minutes.are_used_up(line.test_users.customer.id, at)
    record = call_record.load(call.id)
    assert record
    assert promises.find_due(record, at) == datetime(2027, 6, 8, tzinfo=UTC)
    put_records([row])
    line.update_configuration(open={"type": "ring", "target": {"onDuty": {}}})


def test_configurations_with_the_action(test_users: UserFixtures) -> None:
    path = f"/ivrConfiguration/{create_line(test_users).location.id}"
    configuration = test_users.ann.get(path).json()["configuration"]
    nested: dict[str, Any] = {"type": "callback"}
    for _ in range(8):
        nested = {"type": "callback", "otherwise": nested}
    for action, pointer in (
        ({"type": "callback", "prompt": "x"}, "/configuration/closed/prompt"),
        ({"type": "callback", "then": CALLBACK}, "/configuration/closed"),
        (nested, "/configuration/closed"),
    ):
        refused = test_users.ann.request("PUT", path, json={"configuration": {**configuration, "closed": action}})
        assert refused.status_code == 400
        assert str(parse_problem(refused)["errors"][0]["pointer"]).startswith(pointer)
    ring = {"type": "ring", "target": {"users": ["usr_" + "0" * 26]}}
    body = {**configuration, "closed": {"type": "callback", "otherwise": ring}}
    unknown = test_users.ann.request("PUT", path, json={"configuration": body})
    assert unknown.status_code == 404, "users in the branch of an action are checked"


def test_the_command_shows_a_promise(line: LineFixture, env: Environment) -> None:
    days = {day: [["09:00", "17:00"]] for day in ("mo", "tu", "we", "th", "fr", "sa", "su")}
    hours = {"mode": "weekly", "weekly": days}
    line.update_configuration(hours=hours, open={"type": "say", "prompt": {"say": "Hello."}})

    completed = env.run_management_command("call", line.number, "--at", "22:00", "--press", "1")
    refused = env.run_management_command("call", line.number, "--at", "25:00")

    line.update_configuration(hours={"mode": "schedule"}, open={"type": "ring", "target": {"onDuty": {}}})
    assert "We will call you back tomorrow at nine AM. Goodbye." in completed.stdout
    assert refused.returncode == 1
    assert "25:00 is not a time such as 22:00." in refused.stderr


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en-US", "Nobody is available right now. We will be back on Saturday at nine AM."),
        ("de-DE", "Zurzeit ist leider niemand erreichbar. Wir sind am Samstag um neun Uhr wieder für Sie da."),
        (
            "es-ES",
            "En este momento no hay nadie disponible. Volveremos a atenderle el sábado a las nueve de la mañana.",
        ),
    ],
)
def test_new_lines_say_when_somebody_is_back(test_users: UserFixtures, language: str, expected: str) -> None:
    line = create_line(test_users)
    line.put_on_duty("2027-06-05T09:00", "2027-06-05T17:00")
    line.update_configuration(**ivr.default_configuration("Elm Street", language=language))
    line.call(EVENING).assert_sequence(expected, "speaks for")
