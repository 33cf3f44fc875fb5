"""The audit as operators read it: sentences, names, times, filters and files."""

import csv
import io
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from accounts.users import delete, erase, update
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now

AUDIT = "/admin/config/auditentry/"


@dataclass(frozen=True)
class Story:
    """People to whom something happened."""

    customer_id: str
    moved_id: str
    erased_id: str


@pytest.fixture(scope="module")
def story(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> Story:
    moved = test_users.create_user(name="Mona Moved")
    erased = test_users.create_user(name="Erich Erasmus")
    change = {"locations": [test_users.denver.id], "role": "manager", "settings": {"language": "de"}}
    update.update_user(moved.id, change, actor=test_users.ann.actor, at=now())
    delete.delete_user(erased.id, actor=test_users.ann.actor, at=now())
    erase.erase_deleted_user(erased.id, actor=test_users.ann.actor, at=now())
    operator_sessions["support"].get(f"/admin/accounts/user/{moved.id.replace('_', '_5F')}/change/")
    return Story(test_users.customer.id, moved.id, erased.id)


def text_of(response: Any) -> str:
    assert response.status_code == 200, response.text[:300]
    return " ".join(re.sub(r"<[^>]+>", " ", response.text).split())


def test_entries_are_sentences_with_names_and_local_times(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], story: Story
) -> None:
    response = operator_sessions["read-only"].get(AUDIT, params={"listed_for__exact": story.customer_id})
    text = text_of(response)
    assert "The user was changed." in text
    assert "Locations: Boston → Denver" in text
    assert "Role: staff → manager" in text
    assert "Settings, language: de" in text
    assert "user.changed" not in text
    assert "Mona Moved" in text
    assert "Erich Erasmus" not in text, "erased names stay erased"
    assert "(erased)" in text
    row = next(row for row in response.text.split("<tr")[1:] if "Boston → Denver" in row)
    assert test_users.boston.id not in row
    assert test_users.ann.user.name in re.sub(r"<[^>]+>", "", row)
    assert "<time datetime=" in row


def test_own_looks_are_folded_and_shown_on_request(operator_sessions: dict[str, OperatorSession], story: Story) -> None:
    query = {"stream__exact": story.moved_id}
    own, other = operator_sessions["support"], operator_sessions["read-only"]
    folded = own.get(AUDIT, params=query)
    assert "of the times that you viewed a record" in text_of(folded)
    assert "An operator viewed the user." not in _rows(folded)
    assert "An operator viewed the user." in _rows(own.get(AUDIT, params={**query, "looks": "1"}))
    assert "An operator viewed the user." in _rows(other.get(AUDIT, params=query)), "of others they are shown"


def _rows(response: Any) -> str:
    """The text of the rows."""
    return " ".join(re.sub(r"<[^>]+>", " ", response.text.partition('id="result_list"')[2]).split())


def test_the_audit_is_filtered_by_person_action_and_days(
    operator_sessions: dict[str, OperatorSession], story: Story
) -> None:
    operator, query = operator_sessions["read-only"], {"listed_for__exact": story.customer_id}
    for person in (story.moved_id, "mona", "moved mona"):
        rows = _rows(operator.get(AUDIT, params={**query, "person": person}))
        assert "Mona Moved" in rows, person
        assert "(erased)" not in rows, person
    rows = _rows(operator.get(AUDIT, params={**query, "person": story.moved_id, "what": "user.changed"}))
    assert "The user was changed." in rows
    assert "The user was created" not in rows
    today, long_ago = now().date(), now().date() - timedelta(days=4_000)
    days = {"since": str(today - timedelta(days=1)), "until": str(today + timedelta(days=1))}
    assert "Mona Moved" in _rows(operator.get(AUDIT, params={**query, **days}))
    nothing = operator.get(AUDIT, params={**query, "since": str(long_ago), "until": str(long_ago)})
    assert "No matches." in text_of(nothing)
    assert "No matches" in text_of(operator.get(AUDIT, params={**query, "person": "nobody at all"}))
    for hostile in ({"since": "yesterday"}, {"until": "2026-02-31"}, {"since": "9" * 500}):
        assert operator.get(AUDIT, params={**query, **hostile}).status_code == 400, hostile
    for hostile in (
        {"person": "\0" * 9},
        {"person": "é" * 900},
        {"what": "x"},
        {"looks": "<b>"},
        {"since": "0001-01-01"},
    ):
        assert operator.get(AUDIT, params={**query, **hostile}).status_code == 200, hostile


def test_files_of_the_audit_have_what_is_filtered(operator_sessions: dict[str, OperatorSession], story: Story) -> None:
    query = f"listed_for__exact={story.customer_id}&person={story.moved_id}"
    response = operator_sessions["support"].post(f"{AUDIT}csv/?{query}")
    header, *rows = csv.reader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert header[:5] == ["When", "Who", "What", "About", "What changed"]
    assert {row[3] for row in rows} == {"Mona Moved"}
    assert any("Locations: Boston → Denver" in row[4] for row in rows)
    assert not any(row[6] == "user.viewed" for row in rows), "own looks are folded in files, too"
    assert operator_sessions["read-only"].post(f"{AUDIT}pdf/?{query}").status_code == 403
    october = f"{query}&since=2031-10-01&until=2031-10-31"
    for kind in ("csv", "pdf"):
        empty = operator_sessions["support"].post(f"{AUDIT}{kind}/?{october}")
        assert f"-2031-10.{kind}" in empty.headers["content-disposition"], "named after the month, also without entries"
    assert operator_sessions["support"].get(f"{AUDIT}?{query}&until=9999-12-31").status_code == 400
    printed = operator_sessions["support"].post(f"{AUDIT}pdf/?{query}")
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF")


def test_schedules_and_callbacks_are_named_by_people_and_places(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    test_users.create_shift()
    query = {"listed_for__exact": test_users.customer.id, "what": "Rota"}
    shifts = _rows(operator_sessions["read-only"].get(AUDIT, params=query))
    assert re.search(r"Canary-Har, Boston: shift \w{3} \d+ \w{3} \d{4}, \d\d:\d\d E[SD]T", shifts), shifts[:500]
    assert "The user was" not in shifts, "a group of actions"
    callback_id = test_users.create_callback()
    assert test_users.mia.post(f"/callback/{callback_id}/take").status_code == 200
    callbacks = _rows(operator_sessions["read-only"].get(AUDIT, params={**query, "what": "Calls and call-backs"}))
    assert re.search(r"Somebody took the call-back\. call-back of \+\d+ [\d -]+, Boston", callbacks), callbacks[:500]


def test_the_number_of_entries_of_a_log_is_known(operator_sessions: dict[str, OperatorSession], story: Story) -> None:
    response = operator_sessions["read-only"].get(AUDIT, params={"stream__exact": story.customer_id})
    assert re.search(r"\d+ shown of \d+|\d+ in all", text_of(response))
