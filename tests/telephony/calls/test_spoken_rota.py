"""Placeholders in the texts of calls: the location's name, and when somebody answers next."""

from collections.abc import Callable
from typing import Any

import pytest

from accounts import locations
from config import dynamodb
from telephony.models import Line
from tests.support.bulk import put_records
from tests.support.calls import LineFixture, PlayedCall, create_line
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, parse_problem

TranscriptSaver = Callable[[str, PlayedCall], None]
OPENING_TEXT = "We are closed. You can reach {location} again {nextOpening}. {other} {{location}} {"
CLOSED = {"type": "say", "prompt": {"say": OPENING_TEXT}}


@pytest.fixture
def save_transcript(record_property: Callable[[str, object], None]) -> TranscriptSaver:
    """Record a transcript; all transcripts are printed at the end of the run."""
    return lambda title, call: record_property("transcript", f"{title}\n{call.text}")


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A line with somebody on duty on Thursday, 2027-06-03, from nine."""
    line = create_line(test_users)
    line.put_on_duty("2027-06-03T09:00", "2027-06-03T17:00")
    return line


def test_texts_name_the_location_and_the_next_opening(line: LineFixture, save_transcript: TranscriptSaver) -> None:
    menu = {"type": "menu", "prompt": {"say": "{location}: press 1, or call {nextOpening}."}, "keys": {"1": CLOSED}}
    line.update_configuration(greeting={"say": "This is {location}."}, closed=menu)

    call = line.call("2027-06-02T22:00:00-04:00", press="1")

    save_transcript("texts name the location and the next opening", call)
    call.assert_sequence(
        "This is Harbour Street.",
        "Harbour Street: press 1, or call tomorrow at nine AM.",
        "You can reach Harbour Street again tomorrow at nine AM. {other} {Harbour Street} {",
    )
    preview = line.test_users.ann.get(
        f"/ivrConfiguration/{line.location.id}/preview", params={"at": "2027-06-02T22:00"}
    ).json()
    assert preview["nextOpening"] == "2027-06-03T09:00:00-04:00"
    assert [step["text"] for step in preview["steps"]][:2] == (
        ["This is Harbour Street.", "Harbour Street: press 1, or call tomorrow at nine AM."]
    )


def test_a_location_named_as_a_placeholder_is_only_named(test_users: UserFixtures) -> None:
    line = create_line(test_users, name="{nextOpening}")
    line.update_configuration(closed=CLOSED)
    line.call().assert_sequence("You can reach {nextOpening} again as soon as possible.")
    locations.update_location(line.location.id, {"name": "x" * 100}, actor=test_users.ann.actor, at=now())
    line.update_configuration(closed={"type": "say", "prompt": {"say": "{location}" * 100}})
    assert "x" * 4000 in line.call().text
    assert "x" * 4001 not in line.call().text


def test_without_the_rota_no_time_is_said(
    line: LineFixture, env: Environment, save_transcript: TranscriptSaver
) -> None:
    """Only texts that name the next opening read the rota for it."""
    always: dict[str, Any] = {"hours": {"mode": "always"}, "open": CLOSED}
    line.update_configuration(**always, greeting={"say": "{location} is closed {today}."})
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "503"})):
        call = line.call()
    save_transcript("the rota cannot be read", call)
    call.assert_sequence("Harbour Street is closed {today}.", "again as soon as possible.")

    line.update_configuration(open={"type": "say", "prompt": {"say": "Bye from {location}."}})
    with env.apply_plan() as plan:
        line.call().assert_sequence("Bye from Harbour Street.")
    assert not [proxied for proxied in plan.calls if proxied.operation == "Query"]


def store_configuration(line: LineFixture, configuration: dict[str, Any]) -> None:
    """As an earlier release took it."""
    record = dynamodb.get_record(Line, line.location.id)
    assert record
    put_records([record.with_changes(configuration=configuration)])


def test_texts_that_calls_cannot_say_are_refused_where_they_are_new(line: LineFixture) -> None:
    """A line that has them keeps them, and says no English within French."""
    path = f"/ivrConfiguration/{line.location.id}"
    ann, announcement = line.test_users.ann, {"type": "say", "prompt": {"say": "Nous sommes là {nextOpening}."}}
    before = {**ann.get(path).json()["configuration"], "closed": {"type": "say", "prompt": {"say": "Closed {today}."}}}
    assert ann.request("PUT", path, json={"configuration": before}).status_code == 200
    for changes, pointer, detail in (
        ({"greeting": {"say": "This is {locaton}."}}, "greeting/say", "did you mean `{location}`"),
        ({"greeting": {"say": "{ nextOpening }"}}, "greeting/say", "did you mean `{nextOpening}`"),
        ({"greeting": {"say": "{nextopening}"}}, "greeting/say", "did you mean `{nextOpening}`"),
        ({"language": "fr-FR", "closed": announcement}, "closed/prompt/say", "cannot be said in fr-FR"),
        ({"language": "fr-FR", "closed": {"type": "callback"}}, "closed", "callers would hear English"),
    ):
        refused = ann.request("PUT", path, json={"configuration": {**before, **changes}})
        assert refused.status_code == 400
        (error,) = parse_problem(refused)["errors"]
        assert (error["pointer"], detail in error["detail"]) == (f"/configuration/{pointer}", True)

    stored = {**before, "language": "fr-FR", "greeting": {"say": "Ici { location }."}, "closed": announcement}
    store_configuration(line, stored)
    line.call("2027-06-02T22:00:00-04:00").assert_sequence("Ici { location }.", "Nous sommes là.")
    assert ann.request("PUT", path, json={"configuration": {**stored, "callerId": "caller"}}).status_code == 200
    store_configuration(line, {**stored, "closed": {"type": "callback"}})
    line.call("2027-06-02T22:00:00-04:00").assert_sequence("We will call you back. Goodbye.")
