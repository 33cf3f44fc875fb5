"""Operators answer the requests of callers from the page of a call."""

import io
import json
import zipfile

import pytest

from config.audit import reader
from tests.support.calls import LineFixture, create_line
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, process_outbox, simulate_call

CALLER = "+16175557201"


@pytest.fixture(scope="module")
def line(test_users: UserFixtures) -> LineFixture:
    return create_line(test_users, name="Request Street")


def leave_voicemail(line: LineFixture, caller: str = CALLER) -> str:
    """The path of the page of a call with a voicemail."""
    call_id = str(simulate_call(line.number, **{"from": caller})["sid"])
    process_outbox()
    return f"/admin/telephony/call/{call_id}/"


def test_support_exports_a_caller(
    test_users: UserFixtures, line: LineFixture, operator_sessions: dict[str, OperatorSession]
) -> None:
    page = leave_voicemail(line)

    response = operator_sessions["support"].post(f"{page}do/export-caller/")

    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        document = json.loads(archive.read("caller-data.json"))
        assert document["caller"] == CALLER
        assert archive.read(document["calls"][0]["recordings"][0]["file"])[:4] == b"RIFF"
    exports = [entry for entry in reader.iter_stream(test_users.customer.id) if entry.action == "caller.exported"]
    assert exports[-1].body["subject"]["id"] == "…7201"
    assert operator_sessions["read-only"].post(f"{page}do/export-caller/").status_code == 403


def test_lead_erases_a_caller_after_typing_the_number(
    line: LineFixture, operator_sessions: dict[str, OperatorSession]
) -> None:
    page = leave_voicemail(line, "+16175557202")
    path = f"{page}do/erase-caller/"

    assert operator_sessions["support"].post(path, typed="+16175557202").status_code == 403
    refused = operator_sessions["lead"].post(path, typed="+16175557203")
    assert "does not match" in refused.text
    accepted = operator_sessions["lead"].post(path, typed="+16175557202")
    assert "is being erased" in accepted.text
    process_outbox()

    after = operator_sessions["lead"].get(page)
    assert "erased on request" in after.text
    assert "+16175557202" not in after.text
    assert "Erase this caller" not in after.text
    listed = operator_sessions["lead"].get(
        "/admin/telephony/call/", params={"location_id__exact": str(line.location.id)}
    )
    assert "erased on request" in listed.text
