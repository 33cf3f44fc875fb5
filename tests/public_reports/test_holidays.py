"""Reports about public holidays in the rota and on the phone."""

from datetime import date, datetime
from typing import Any

import pytest

from staffing.schedules import holidays
from telephony import ivr
from tests.staffing.schedules.test_commands import PATH, create_schedule, schedule_body
from tests.support.calls import LineFixture, create_line
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures

CHRISTMAS = "2028-12-25"  # a Monday
HOLIDAYS = {"mode": "schedule", "holidays": {"country": "US"}}
HOLIDAY_ACTION = {"type": "say", "prompt": {"say": "Happy holidays."}}


@pytest.fixture
def line(test_users: UserFixtures) -> LineFixture:
    """A line that follows the rota, except on holidays."""
    line = create_line(test_users)
    line.update_configuration(hours=HOLIDAYS, holiday=HOLIDAY_ACTION)
    return line


def plan(line: LineFixture, start: str, end: str, **fields: Any) -> tuple[dict[str, Any], str]:
    """A new person with a verified phone and a schedule at a line's location; the phone."""
    sam, phone = line.put_on_duty("2028-06-01T03:00", "2028-06-01T03:05")
    fields |= {"staffId": sam.id, "locationId": line.location.id}
    return create_schedule(line.test_users.ann, schedule_body(line.test_users, start, end, **fields)), phone


def preview(line: LineFixture, at: str) -> dict[str, Any]:
    response = line.test_users.ann.get(f"/ivrConfiguration/{line.location.id}/preview", params={"at": at})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_frappe_hrms_3615_and_4801_a_holiday_is_obeyed_where_the_rota_decides(line: LineFixture) -> None:
    """frappe/hrms#3615, #4801: calls rang whoever had an ordinary shift on that weekday."""
    schedule, phone = plan(line, "2028-12-04T09:00", "2028-12-04T17:00", recurrencePattern={"frequency": "weekly"})

    line.call("2028-12-18T12:00:00-05:00", phones={phone: "answers"}).assert_sequence(f"talks with {phone}")
    call = line.call(f"{CHRISTMAS}T12:00:00-05:00", phones={phone: "answers"})
    call.assert_sequence("Happy holidays.")
    call.assert_absent(phone)
    entered = call.api_record["events"][0]
    assert (entered["where"], entered["holiday"]) == ("holiday", "Christmas Day")
    shown = preview(line, f"{CHRISTMAS}T12:00")
    assert (shown["entrance"], shown["holiday"]) == ("holiday", "Christmas Day")
    assert "Christmas Day (Mon 25 Dec 2028)" in shown["reason"]
    assert "nobody is planned on purpose" in shown["reason"]

    query = {"scope": "occurrence", "recurrenceId": f"{CHRISTMAS}T09:00"}
    path = f"{PATH}/{schedule['id']}"
    edited = line.test_users.ann.request("PUT", path, json={"notes": "Turkey at noon"}, params=query)
    assert edited.status_code == 200, edited.text
    line.call(f"{CHRISTMAS}T12:00:00-05:00", phones={phone: "answers"}).assert_sequence(f"talks with {phone}")
    shown = preview(line, f"{CHRISTMAS}T12:00")
    assert (shown["entrance"], shown["holiday"]) == ("open", "Christmas Day")
    assert "on purpose" in shown["reason"]


@pytest.mark.parametrize(
    ("start", "end", "at", "entrance"),
    [
        (f"{CHRISTMAS}T09:00", f"{CHRISTMAS}T17:00", f"{CHRISTMAS}T12:00", "open"),
        ("2028-12-24T22:00", f"{CHRISTMAS}T06:00", f"{CHRISTMAS}T02:00", "open"),
        (f"{CHRISTMAS}T22:00", "2028-12-26T06:00", "2028-12-26T02:00", "open"),
        ("2028-12-21T09:00", "2028-12-28T09:00", f"{CHRISTMAS}T12:00", "open"),
        ("2028-12-24T08:00", "2028-12-26T08:00", f"{CHRISTMAS}T12:00", "open"),
        ("2028-12-24T08:00", f"{CHRISTMAS}T08:00", f"{CHRISTMAS}T00:00", "open"),
        ("2028-12-24T08:00", f"{CHRISTMAS}T00:00", f"{CHRISTMAS}T00:05", "holiday"),
        ("2028-12-21T09:00", f"{CHRISTMAS}T09:00", f"{CHRISTMAS}T12:00", "holiday"),
    ],
)
def test_frappe_hrms_3615_a_single_shift_for_that_day_is_on_purpose(
    line: LineFixture, start: str, end: str, at: str, entrance: str
) -> None:
    """frappe/hrms#3615: who is planned for the holiday itself works, or is on call."""
    plan(line, start, end)
    assert preview(line, at)["entrance"] == entrance


@pytest.mark.parametrize(
    ("start", "end", "edit", "entrance"),
    [
        ("2028-12-03T22:00", "2028-12-04T22:00", {}, "holiday"),
        ("2028-12-03T22:00", "2028-12-04T22:00", {"notes": "Turkey at noon"}, "open"),
        ("2028-12-02T08:00", "2028-12-04T14:00", {}, "open"),
        ("2028-12-04T09:00", "2028-12-11T09:00", {}, "open"),
    ],
)
def test_frappe_hrms_3615_turns_of_more_than_a_day_include_holidays(
    line: LineFixture, start: str, end: str, edit: dict[str, Any], entrance: str
) -> None:
    """frappe/hrms#3615: a series of weeks or weekends on call is not one of ordinary weekdays."""
    schedule, _ = plan(line, start, end, recurrencePattern={"frequency": "weekly"})
    if edit:
        query = {"scope": "occurrence", "recurrenceId": "2028-12-24T22:00"}
        line.test_users.ann.request("PUT", f"{PATH}/{schedule['id']}", json=edit, params=query).raise_for_status()
    assert preview(line, f"{CHRISTMAS}T12:00")["entrance"] == entrance


def test_frappe_hrms_3615_an_unknown_rota_does_not_close_a_line_on_a_holiday(
    line: LineFixture, env: Environment
) -> None:
    """frappe/hrms#3615: the caller leaves a message, and the call says why."""
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "nonsense"})):
        call = line.call(f"{CHRISTMAS}T12:00:00-05:00")
    call.assert_sequence("leave a message")
    call.assert_absent("Happy holidays.")
    entered, failed = call.api_record["events"][:2]
    assert (entered["where"], entered["holiday"]) == ("open", "Christmas Day")
    assert failed["kind"] == "lookup_failed"

    configuration = ivr.validate_configuration({**ivr.default_configuration("Bar"), "hours": HOLIDAYS})
    reasons = {CHRISTMAS: "Christmas Day (Mon 25 Dec 2028) is a holiday, but the rota", "2028-12-27": "The rota"}
    for day, reason in reasons.items():
        at = datetime.fromisoformat(f"{day}T12:00:00-05:00")
        entrance = ivr.find_entrance(configuration, at, time_zone="America/New_York", is_staffed=None)
        assert (entrance.name, entrance.is_rota_unknown) == ("open", True)
        assert entrance.reason.startswith(f"{reason} could not be read, so somebody may be"), entrance.reason
        always = {**configuration, "hours": {**HOLIDAYS, "mode": "always"}}
        entrance = ivr.find_entrance(always, at, time_zone="America/New_York", is_staffed=None)
        assert (entrance.name == "open", entrance.is_rota_unknown) == (day != CHRISTMAS, False)


@pytest.mark.parametrize(
    ("changes", "pointer", "reason"),
    [
        ({"hours": {"mode": "schedule", "weekly": {"mo": [["09:00", "17:00"]]}}}, "/hours/weekly", "mode"),
        ({"hours": {"mode": "always", "weekly": {}}}, "/hours/weekly", "mode"),
        ({"hours": {"mode": "always"}, "holiday": HOLIDAY_ACTION}, "/holiday", "names no holidays"),
        ({"hours": {"mode": "schedule", "holidays": {"dates": []}}, "holiday": HOLIDAY_ACTION}, "/holiday", "holidays"),
        ({"hours": {"mode": "schedule"}, "timeZone": "Europe/Berlin"}, "/timeZone", "neither"),
    ],
)
def test_frappe_hrms_4801_what_would_have_no_effect_is_refused(
    changes: dict[str, Any], pointer: str, reason: str
) -> None:
    """frappe/hrms#4801: a setting that does nothing is taken for one that works."""
    with pytest.raises(ivr.InvalidConfiguration) as refused:
        ivr.validate_configuration({**ivr.default_configuration("Harbour"), **changes})
    (fault,) = refused.value.field_errors
    assert fault.pointer == f"/configuration{pointer}"
    assert "no effect" in fault.detail
    assert reason in fault.detail


def test_frappe_hrms_3615_day_notes_and_holidays_for_everybody_who_works_there(line: LineFixture) -> None:
    """frappe/hrms#3615: the API knew neither, so that apps of the staff could not show them."""
    ann, sam, path = line.test_users.ann, line.test_users.sam, f"/location/{line.test_users.boston.id}/days"
    assert ann.put(f"{path}/2028-12-27", {"note": "Stocktaking, all hands."}).status_code == 200
    listed = sam.get(path, params={"from": "2028-12-01", "to": "2028-12-31"})
    assert listed.status_code == 200, listed.text
    assert [(item["date"], item["holidays"], item["note"]) for item in listed.json()["items"]] == [
        (CHRISTMAS, ["Christmas Day"], None),
        ("2028-12-27", [], "Stocktaking, all hands."),
    ]


def test_frappe_hrms_3615_the_rota_knows_public_holidays(line: LineFixture) -> None:
    """frappe/hrms#3615: those of the country, or as the location's number observes them."""
    december = (date(2028, 12, 1), date(2029, 1, 1))
    boston = line.test_users.boston
    assert holidays.list_holidays(boston, *december) == {date(2028, 12, 25): "Christmas Day"}
    observed = {"country": "DE", "subdivision": "BY", "dates": ["2028-12-24"]}
    line.update_configuration(hours={"mode": "schedule", "holidays": observed})
    assert holidays.list_holidays(line.location, *december) == {
        date(2028, 12, 24): "Holiday",
        date(2028, 12, 25): "Christmas Day",
        date(2028, 12, 26): "Second Day of Christmas",
    }
