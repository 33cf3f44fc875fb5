"""Examples for the OpenAPI document."""

from config.api.examples import ExampleBuilder
from staffing.serializers import days, on_duty, schedules, shift_templates

STAFF_ID = "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF"
PATTERN = {"frequency": "weekly", "byDay": [{"day": "mo"}, {"day": "we"}], "timeZone": "America/New_York"}
DETAILS = {"position": "Front desk", "breakMinutes": 30, "color": "#1f7a8c", "notes": "Please open the shop."}
_builder = ExampleBuilder(
    {
        "customerId": "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM",
        "locationId": "loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB",
        "staffId": STAFF_ID,
        "staffName": "Sam",
        "scheduleId": "sch_01JDCXS2N4P6Q8R0S2T4V6W8XY",
        "startTime": "2027-01-04T09:00:00-05:00",
        "endTime": "2027-01-04T17:00:00-05:00",
        "timeZone": "America/New_York",
        "recurrenceId": "2027-01-04T09:00:00",
        "name": "Sam Reed",
        "until": "2027-01-04T17:00:00-05:00",
        **DETAILS,
    }
)
NEW_SCHEDULE = _builder.build(schedules.NewSchedule, recurring=True, recurrencePattern=PATTERN, **DETAILS)
CREATED_SCHEDULE = _builder.build(
    schedules.ScheduleView,
    id="sch_01JDCXS2N4P6Q8R0S2T4V6W8XY",
    recurring=True,
    recurrencePattern={**PATTERN, "rrule": "FREQ=WEEKLY;BYDAY=MO,WE"},
)
SCHEDULE = {
    **CREATED_SCHEDULE,
    "recurrencePattern": {
        **CREATED_SCHEDULE["recurrencePattern"],
        "exceptions": {"2027-01-06T09:00:00": {"excluded": True}},
    },
    "version": 2,
}
UPDATED_SCHEDULE = {**SCHEDULE, "endTime": "2027-01-04T18:00:00-05:00", "version": 3}
ON_DUTY = _builder.build(on_duty.LocationOnDutyView, at="2027-01-04T15:00:00Z")
LOCATION_DAY = _builder.build(
    days.LocationDayView,
    date="2026-12-25",
    holidays=["Christmas Day"],
    note="Emergencies only.",
    updatedAt="2026-11-23T09:00:00Z",
    version=1,
)
_TEMPLATE_VALUES = {"name": "Early shift", "startTime": "06:00", "endTime": "14:00", "recurrencePattern": PATTERN}
NEW_TEMPLATE = _builder.build(shift_templates.NewTemplate, **_TEMPLATE_VALUES)
TEMPLATE = _builder.build(shift_templates.TemplateView, id="tpl_01JDCXS8T0V2W4X6Y8Z0A2B4CD", **_TEMPLATE_VALUES)
FEED = _builder.build(schedules.FeedView, url=f"https://api.dutyline.example/calendar/{STAFF_ID}/kJ8…q3w.ics")
