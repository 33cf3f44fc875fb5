"""Operators see who waits to be called back, by name and by the location's clock."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from config import dynamodb
from config.audit import reader
from config.backoffice.links import admin_change_url
from config.board import passes
from telephony.models import Call, Callback
from tests.support.callbacks import put_callback, put_record
from tests.support.calls import LineFixture, create_line
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now, process_outbox, simulate_call

LIST = "/admin/telephony/callback/"


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users, name="Waiting Street")


@pytest.fixture(scope="module")
def operator(operator_sessions: dict[str, OperatorSession]) -> OperatorSession:
    return operator_sessions["read-only"]


def text_of(operator: OperatorSession, path: str, **query: str) -> str:
    response = operator.get(path, params=query)
    assert response.status_code == 200, response.text
    return " ".join(operator.visible_text(response))


def test_list_tells_who_waits_and_who_has_taken(
    test_users: UserFixtures, line: LineFixture, operator: OperatorSession
) -> None:
    at = now() - timedelta(hours=2, minutes=5)
    put_callback(line.location, "+16175557301", "CA1", at, calls=3)
    put_callback(line.location, "+16175557302", "CA2", at, status="taken", taken_by=test_users.mia.id)
    put_callback(line.location, "+16175557303", "CA3", at, status="done", outcome="reached", taken_by="usr_gone")
    query = {"location_id__exact": str(line.location.id)}

    everything = text_of(operator, LIST, **query)
    waiting = text_of(operator, LIST, **query, status="1#")
    taken = text_of(operator, LIST, **query, status="2#")
    of_customer = text_of(operator, LIST, customer_id__exact=str(test_users.customer.id), status="1#")
    of_caller = text_of(operator, LIST, **query, q="(617) 555-7302")

    assert "Waiting Street" in everything
    assert "2 hours, 5 minutes" in everything
    assert f"{test_users.mia.user.name}" in everything
    assert test_users.mia.id not in everything
    assert " EST" in everything or " EDT" in everything
    assert ("+1 617-555-7301" in waiting, "+1 617-555-7302" in waiting) == (True, False)
    assert ("+1 617-555-7301" in taken, "+1 617-555-7302" in taken) == (False, True)
    assert ("+1 617-555-7301" in of_caller, "+1 617-555-7302" in of_caller) == (False, True)
    assert ("+1 617-555-7301" in of_customer, "+1 617-555-7303" in of_customer) == (True, False)


def test_page_has_the_calls_and_who_listened(
    test_users: UserFixtures, line: LineFixture, operator: OperatorSession
) -> None:
    caller = "+16175557304"
    call_id = str(simulate_call(line.number, **{"from": caller})["sid"])
    process_outbox()
    assert test_users.ann.get(f"/call/{call_id}/recording").status_code == 200
    call = dynamodb.get_record(Call, call_id)
    assert call
    stored = put_callback(line.location, caller, call_id, call.started_at, note="Wants <b>Tuesday</b>")
    put_record(Call.from_item({**call.serialize(), "callback_id": {"S": str(stored.id)}}))

    response = operator.get(f"{LIST}{stored.id}/")

    text = " ".join(operator.visible_text(response))
    assert f"heard by {test_users.ann.user.name}" in text
    assert "Wants &lt;b&gt;Tuesday" in response.text
    assert admin_change_url("telephony", "call", call_id) in response.text
    assert str(test_users.ann.id) not in text
    call_page = operator.get(f"/admin/telephony/call/{call_id}/")
    assert admin_change_url("telephony", "callback", str(stored.id)) in call_page.text
    assert str(test_users.ann.user.name) in call_page.text
    assert test_users.ann.id not in " ".join(operator.visible_text(call_page))


def test_attention_shows_who_waits_longer_than_an_hour(
    test_users: UserFixtures, line: LineFixture, operator: OperatorSession
) -> None:
    put_callback(line.location, "+16175557305", "CA5", now() - timedelta(minutes=50))
    put_callback(line.location, "+16175557306", "CA6", now() - timedelta(days=3), due_at=now() + timedelta(hours=5))
    long_ago = put_callback(line.location, "+16175557307", "CA7", now() - timedelta(days=1, minutes=1))

    page = operator.get(f"/admin/accounts/customer/{test_users.customer.id}/").text
    panel = page.partition("Waiting longer than 1 h")[2].partition("</section>")[0]
    passes.check_customer(str(test_users.customer.id), now())
    start_page = operator.get("/admin/", params={"kind": "callback-late"}).text
    start_panel = start_page.partition('class="bo-group"')[2].partition("</section>")[0]

    assert admin_change_url("telephony", "callback", str(long_ago.id)) in panel
    assert "Waiting Street, 1 day" in panel
    assert "+1 617-555-7305" not in panel
    assert "+1 617-555-7306" not in panel
    assert str(test_users.customer.name) in start_panel
    assert f"customer_id__exact={test_users.customer.id}" in start_panel


def test_call_backs_of_removed_calls_and_locations_are_shown(
    test_users: UserFixtures, operator: OperatorSession
) -> None:
    location = test_users.create_location()
    stored = put_callback(location, "", "CA9", now())
    record = stored.with_changes(location_id="loc_" + "0" * 26)
    put_record(record)

    text = text_of(operator, f"{LIST}{stored.id}/")

    assert "a removed location" in text
    assert "withheld" in text
    assert dynamodb.get_record(Callback, stored.id)


def test_support_takes_releases_and_closes(
    test_users: UserFixtures, line: LineFixture, operator_sessions: dict[str, OperatorSession]
) -> None:
    stored = put_callback(line.location, "+16175557308", "CA8", now())
    support = operator_sessions["support"]

    def press(button: str, **form: str) -> str:
        response = support.post(f"{LIST}{stored.id}/do/{button}/", **form)
        assert response.status_code == 200, response.text
        return " ".join(support.visible_text(response))

    assert operator_sessions["read-only"].post(f"{LIST}{stored.id}/do/take/").status_code == 403
    assert "You have taken the call-back." in press("take")
    page = text_of(support, f"{LIST}{stored.id}/")
    assert "Dutyline&#x27;s support" in page or "Dutyline's support" in page
    assert "The call-back is open again." in press("release")
    assert "The call-back is closed." not in press("close", outcome="unheard of")
    assert "The call-back is closed." in press("close", outcome="reached", note="Comes on Tuesday.")

    closed = dynamodb.get_record(Callback, str(stored.id))
    assert closed
    assert (closed.status, closed.outcome, closed.note) == ("done", "reached", "Comes on Tuesday.")
    entries = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.seq]
    actions = [entry.action for entry in entries if entry.body["subject"]["id"] == stored.id]
    assert "callback.viewed" in actions
    changes = [action for action in actions if action != "callback.viewed"]
    assert changes == ["callback.taken", "callback.released", "callback.closed"]
    assert "no longer possible" in press("take")


def test_support_closes_many_at_once(
    test_users: UserFixtures,
    line: LineFixture,
    operator_sessions: dict[str, OperatorSession],
    work: Callable[..., None],
) -> None:
    """As after a wave of spam, so that the location can be removed."""
    location, support = test_users.create_location(), operator_sessions["support"]
    stored = [put_callback(location, f"+161755574{number:02}", f"CA4{number}", now()) for number in range(3)]
    holding = {"status": "taken", "taken_by": test_users.mia.id, "taken_until": now() + timedelta(hours=1)}
    held = put_callback(location, "+16175557499", "CA49", now(), **holding)
    ids = [str(callback.id) for callback in [*stored[:2], held]]
    path = f"{LIST}?location_id__exact={location.id}"
    form = {"action": "close", "index": "0", "select_across": "0", "_selected_action": ids}

    assert operator_sessions["read-only"].post(path, **form).status_code == 200
    question = support.post(path, **form)
    run_path = question.url.path
    assert operator_sessions["read-only"].post(run_path, outcome="spam").status_code == 403
    without_outcome = support.post(run_path, outcome="")
    unchanged = [record.status for id in ids if (record := dynamodb.get_record(Callback, id))]
    support.post(run_path, outcome="spam")
    work()
    done = " ".join(support.visible_text(support.get(run_path)))

    assert "Close: 3 call-backs" in " ".join(support.visible_text(question))
    assert "bo-error" in without_outcome.text
    assert unchanged == ["open", "open", "taken"]
    assert "Done 2 Failed 1" in done
    assert f"{test_users.mia.user.name} has taken this call-back." in done
    records = [dynamodb.get_record(Callback, str(callback.id)) for callback in [*stored, held]]
    assert [(record.status, record.outcome) for record in records if record] == [
        *[("dropped", "spam")] * 2,
        ("open", None),
        ("taken", None),
    ]
    audited = [entry.body for entry in reader.iter_stream(test_users.customer.id) if entry.seq]
    closed_ids = [body["subject"]["id"] for body in audited if body["action"] == "callback.closed"]
    assert sorted(id for id in closed_ids if id in ids) == sorted(ids[:2])
