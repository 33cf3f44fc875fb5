"""The header of each kind of record, and pages of operators who may only read."""

import html
import re
from datetime import timedelta

import pytest

from config import dynamodb, phone_numbers
from config.backoffice.links import admin_change_url
from tests.support.callbacks import put_callback
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now


def header_of(operator: OperatorSession, app: str, model: str, pk: str) -> str:
    """The text of the header of a record's page."""
    response = operator.get(admin_change_url(app, model, pk))
    assert response.status_code == 200
    return text_of(
        response.text.partition('<header class="bo-record" aria-label="Record">')[2].partition("</header>")[0]
    )


def text_of(markup: str) -> str:
    """The text of a part of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", markup)).split())


@pytest.fixture(scope="module")
def operator(operator_sessions: dict[str, OperatorSession]) -> OperatorSession:
    return operator_sessions["read-only"]


def test_header_of_a_person_tells_where_the_invitation_is(test_users: UserFixtures, operator: OperatorSession) -> None:
    """F3: neither the status nor when the invitation was sent was shown."""
    user = test_users.create_user(name="Heddy Header", locations=[test_users.boston.id])
    header = header_of(operator, "accounts", "user", user.id)
    for part in ("Heddy Header", "invited", user.id, "Role Staff", "Boston", "Invitation sent", "Phone none"):
        assert part in header, header
    working = header_of(operator, "accounts", "user", test_users.sam.id)
    for part in ("active", "First signed in", "Devices with the app", "Calls ring the phone"):
        assert part in working, working


def test_header_of_an_expired_invitation_says_so(test_users: UserFixtures, operator: OperatorSession) -> None:
    user = test_users.create_user(name="Lapsed Late")
    record = user.with_changes(invitation_expires_at=now() - timedelta(days=1))
    dynamodb.call("PutItem", TableName=type(record).table_name(), Item=record.serialize())
    assert "Invitation expired" in header_of(operator, "accounts", "user", user.id)


def test_headers_of_all_kinds_name_people_places_and_local_times(
    test_users: UserFixtures, operator: OperatorSession
) -> None:
    shift = test_users.create_shift()
    number = str(test_users.boston_number.number.number)
    shown_number = phone_numbers.to_readable(number)
    callback = put_callback(test_users.boston, "+16175557397", test_users.recorded_call_id, now())
    expected = {
        ("accounts", "customer", test_users.customer.id): (
            "Customer since",
            "People",
            "Locations",
            "Numbers",
            "active",
        ),
        ("accounts", "location", test_users.boston.id): (
            "Time there now",
            "America/New_York",
            shown_number,
            "IVR configuration",
        ),
        ("accounts", "location", test_users.denver.id): ("none: nobody can call",),
        ("telephony", "phonenumber", number): ("takes calls", "Location Boston", "Bought"),
        ("telephony", "line", test_users.boston.id): ("IVR configuration of Boston", shown_number, "takes calls"),
        ("telephony", "call", test_users.recorded_call_id): ("Call to Boston", "Began", "Caller", "Answered by"),
        ("telephony", "callback", callback.id): ("Location Boston", "Waiting for", "open"),
        ("staffing", "schedule", shift.id): ("Shift of", "Location", "Begins", "Ends"),
    }
    for (app, model, pk), parts in expected.items():
        header = header_of(operator, app, model, str(pk))
        for part in (*parts, str(pk)):
            assert part in header, f"{model}: {header}"
        assert "usr_" not in header, header
    call = header_of(operator, "telephony", "call", test_users.recorded_call_id)
    assert re.search(r"Began \w{3} \d+ \w{3} \d{4}, \d\d:\d\d E[SD]T \w{3} \d+ \w{3} \d{4}, \d\d:\d\d UTC", call), call


def test_operators_who_only_read_see_the_values_and_labels_of_the_form(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    """F2: they saw wire names, ids, and that a weekly series did not recur."""
    template = test_users.create_template()
    series = test_users.ann.post(
        "/staffSchedule",
        {
            "customerId": test_users.customer.id,
            "locationId": test_users.denver.id,
            "staffId": test_users.mia.id,
            "startTime": "2035-01-01T09:00:00",
            "endTime": "2035-01-01T17:00:00",
            "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "mo"}], "until": "2035-06-01T00:00:00"},
        },
    )
    assert series.status_code == 201, series.text
    user = test_users.create_user(name="Wilma Wire", locations=[test_users.boston.id])
    reader, support = operator_sessions["read-only"], operator_sessions["support"]
    for app, model, pk, expected in (
        ("accounts", "user", user.id, ("Role Staff", "Locations Boston", "E-mail", "Setup completed No")),
        (
            "staffing",
            "schedule",
            series.json()["id"],
            ("Denver", str(test_users.mia.user.name), "Recurs Weekly", "1 Jun 2035"),
        ),
        ("accounts", "location", test_users.boston.id, ("Time zone America/New_York",)),
        ("staffing", "template", template.id, ("Start", "End")),
        ("accounts", "customer", test_users.customer.id, ("Language English",)),
    ):
        url = admin_change_url(app, model, str(pk))
        page = reader.get(url).text
        body = text_of(page.partition('id="content-main"')[2].partition('class="bo-panels"')[0])
        for part in expected:
            assert part in body, f"{model}: {body}"
        for leftover in ("Userrole", "Staffid", "Locationid", "Profilename", "loc_", "Applies to", "Allow overlap"):
            assert leftover not in body.replace(str(pk), ""), f"{model}: {leftover} in {body}"
        labels = set(re.findall(r"<dt>([^<]+)</dt>", page.partition('class="bo-shown"')[2]))
        form = support.get(url).text.partition('id="content-main"')[2]
        form_labels = {
            text_of(label).removesuffix("*").strip()
            for label in re.findall(r"<label[^>]*>(.*?)</label>", form, re.DOTALL)
        }
        assert labels <= form_labels, f"{model}: {labels - form_labels}"
        assert 'name="_save"' not in page
