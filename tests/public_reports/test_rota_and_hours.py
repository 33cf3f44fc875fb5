"""Reports about shifts, the rota, holidays and opening hours."""

from itertools import pairwise

from tests.staffing.schedules.test_commands import PATH, create_schedule, schedule_body
from tests.support.users import UserFixtures, parse_problem


# --- long shifts ----------------------------------------------------------------------------------
def test_grafana_oncall_5247_a_week_on_call_is_one_shift(test_users: UserFixtures) -> None:
    """grafana/oncall#5247: shifts of more than 48 hours were refused."""
    sue = test_users.create_user()
    body = schedule_body(test_users, "2027-10-04T09:00", "2027-10-11T09:00", staffId=sue.id)
    assert create_schedule(test_users.ann, body)["endTime"] == "2027-10-11T09:00:00-04:00"
    path = f"/location/{test_users.boston.id}/on-duty"
    for at, expected in (("2027-10-11T08:59:59", [sue.id]), ("2027-10-11T09:00", []), ("2027-10-04T08:59", [])):
        items = test_users.ann.get(path, params={"at": at}).json()["items"]
        assert [item["staffId"] for item in items if item["staffId"] == sue.id] == expected, at
    within = schedule_body(test_users, "2027-10-10T09:00", "2027-10-10T10:00", staffId=sue.id)
    refused = test_users.ann.post(PATH, within)
    assert (refused.status_code, parse_problem(refused)["code"]) == (409, "schedule_clash")


def test_grafana_oncall_5247_two_people_alternate_by_week(test_users: UserFixtures) -> None:
    """grafana/oncall#5247: as series; one is on duty also where the clock changes."""
    sue, tom = test_users.create_user(), test_users.create_user()
    every_other_week = {"frequency": "weekly", "interval": 2}
    for person, start, end in ((sue, "10-04", "10-11"), (tom, "10-11", "10-18")):
        times = (f"2027-{start}T09:00", f"2027-{end}T09:00")
        body = schedule_body(test_users, *times, staffId=person.id, recurrencePattern=every_other_week)
        create_schedule(test_users.ann, body)
    window = {"from": "2027-10-25T00:00:00Z", "to": "2027-11-20T00:00:00Z"}
    query = {"locationId": test_users.boston.id, "expand": "occurrences", **window}
    items = test_users.ann.get(PATH, params=query).json()["items"]
    shifts = [item for item in items if item["staffId"] in (sue.id, tom.id)]
    assert [item["startTime"][:10] for item in shifts] == [
        f"2027-{day}" for day in ("10-18", "10-25", "11-01", "11-08", "11-15")
    ]
    assert all(first["endTime"] == second["startTime"] for first, second in pairwise(shifts))
    assert shifts[2]["endTime"].endswith("-05:00"), "the week in which the clock is set back"
