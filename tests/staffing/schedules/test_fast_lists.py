"""What lists of schedules read and show by hand is what the declarations say."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from accounts.models import User
from accounts.users import display_name, display_names
from staffing.models import Schedule
from staffing.recurrence import wall_clock
from staffing.serializers.schedules import ScheduleView
from tests.support import record_items

_PATTERNS = [{"frequency": "weekly"}, {"frequency": "daily", "interval": 2, "exceptions": {"2031-03-03T09:00:00": {}}}]
SCHEDULES = record_items.items_of(
    Schedule,
    is_complete=True,
    values={
        "start": some.sampled_from(["2031-03-01T09:00:00", "2031-03-30T02:30:00"]),
        "end": some.sampled_from(["2031-03-30T12:00:00", "2031-03-31T03:30:00"]),
        "zone": some.sampled_from(["Europe/Berlin", "US/Eastern"]),
        "pattern": some.sampled_from(_PATTERNS),
    },
)
NAME_ATTRIBUTES = ("id", "customer_id", "name", "profile_name", "status")
PEOPLE = record_items.items_of(
    User,
    is_complete=True,
    values={"customer_id": some.sampled_from(["a", "b"]), "status": some.sampled_from(["active", "deleting"])},
)


@settings(max_examples=40, deadline=None)
@given(SCHEDULES)
def test_schedules_are_shown_as_declared(item: dict[str, Any]) -> None:
    schedule = Schedule.from_item(item)
    view = ScheduleView(context={"staff_names": {schedule.staff_id: "Ann"}})
    shown = view.to_representation(schedule)
    derived = {
        "kind": "schedule",
        "staffName": "Ann",
        "startTime": wall_clock.to_zoned_time(schedule.first_shift.start, schedule.zone),
        "endTime": wall_clock.to_zoned_time(schedule.first_shift.end, schedule.zone),
    }
    values = {name: getattr(schedule, str(field.source), None) for name, field in view.fields.items()}
    declared = {
        name: None if values[name] is None else field.to_representation(values[name])
        for name, field in view.fields.items()
        if name not in {*derived, "recurrencePattern"}
    }

    assert shown.keys() == view.fields.keys()
    assert (shown["recurrencePattern"] is not None) == schedule.is_series
    assert {name: value for name, value in shown.items() if name != "recurrencePattern"} == declared | derived


@settings(max_examples=40, deadline=None)
@given(some.lists(PEOPLE, max_size=3))
def test_names_are_those_of_whole_records(items: list[dict[str, Any]]) -> None:
    read = [{name: item[name] for name in NAME_ATTRIBUTES if name in item} for item in items]
    people = map(User.from_item, read)

    assert display_names._display_names_of(read, "a") == {
        user.id: display_name(user) for user in people if user.customer_id == "a" and user.status != "deleting"
    }
