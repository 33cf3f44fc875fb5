"""A day at Boston Harbour, as transcripts: who is told may act, and no caller is lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts import users
from tests.support.calls import LineFixture, PlayedCall, create_line, local_times_around
from tests.support.environment import Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    create_shift,
    enable_ringing,
    now,
    process_outbox,
)

TranscriptSaver = Callable[[str, PlayedCall], None]


@pytest.fixture(scope="module")
def boston(test_users: UserFixtures) -> LineFixture:
    """Boston's line."""
    number = test_users.boston_number.number.number
    return LineFixture(test_users, test_users.boston, str(number))


@pytest.fixture(scope="module")
def phone(boston: LineFixture) -> str:
    """The phone of Sam, who is on duty."""
    test_users = boston.test_users
    start, end = (now() + timedelta(hours=hours) for hours in (-1, 3))
    create_shift(test_users.ann.actor, boston.location, test_users.sam.id, start=start, end=end)
    return enable_ringing(test_users.sam.user)


@pytest.fixture
def save_transcript(record_property: Callable[[str, object], None]) -> TranscriptSaver:
    """Record a transcript; all transcripts are printed at the end of the run."""
    return lambda title, call: record_property("transcript", f"{title}\n{call.text}")


def list_callbacks(
    line: LineFixture, person: SignedInUser, caller: str, status: str = "open,taken"
) -> list[dict[str, Any]]:
    """What a person on duty sees of a caller."""
    query = {"locationId": line.location.id, "status": status}
    response = person.get("/callback", params=query)
    assert response.status_code == 200, response.text
    return [item for item in response.json()["items"] if item["caller"] == caller]


def test_who_takes_it_listens(
    test_users: UserFixtures, env: Environment, web: str, save_transcript: TranscriptSaver
) -> None:
    """The voicemail was left before Dora's shift, so nobody had told her of it.

    She has no other shift: other tests give Sam some.
    """
    line, caller = create_line(test_users), "+16175550161"
    employee = test_users.create_user(locations=[line.location.id], name="Dora Quick")
    dora = accept_invitation(env, web, users.get_user(employee.id))
    call = line.call(now() - timedelta(hours=6), **{"from": caller})
    process_outbox()
    line.put_on_duty(*local_times_around(now()), user=employee)  # now, or a reminder would tell her
    recording = f"/call/{call.id}/recording"
    before = dora.get(recording).status_code
    (callback,) = list_callbacks(line, dora, caller)

    dora.post(f"/callback/{callback['id']}/take", {})

    save_transcript("voicemail, taken by who is on duty later", call)
    assert (before, dora.get(recording).status_code) == (403, 200)
    assert test_users.cleo.get(recording).status_code == 404
    assert test_users.cleo.get(f"/callback/{callback['id']}").status_code == 404
    listeners = test_users.ann.get(f"/call/{call.id}").json()["heardBy"]
    assert [listener["staffId"] for listener in listeners] == [dora.id]


def test_missed_twice_then_answered(boston: LineFixture, phone: str, save_transcript: TranscriptSaver) -> None:
    test_users, caller = boston.test_users, "+16175550162"
    first = boston.call(now() - timedelta(minutes=30), **{"from": caller}, hangUpAfter=20)
    process_outbox()
    (opened,) = list_callbacks(boston, test_users.sam, caller)
    second = boston.call(now() - timedelta(minutes=20), **{"from": caller}, hangUpAfter=20)
    process_outbox()
    (joined,) = list_callbacks(boston, test_users.sam, caller)
    assert (opened["calls"], joined["calls"], joined["id"]) == (1, 2, opened["id"])

    answered = boston.call(now() - timedelta(minutes=10), **{"from": caller}, phones={phone: "answers"})
    process_outbox()

    for title, call in (("missed", first), ("missed again", second), ("answered", answered)):
        save_transcript(f"call-back: {title}", call)
    assert list_callbacks(boston, test_users.sam, caller) == []
    (closed,) = list_callbacks(boston, test_users.sam, caller, status="done")
    assert (closed["id"], closed["outcome"], closed["takenBy"]) == (opened["id"], "reached", test_users.sam.id)
