"""What the reference shows of each operation."""

from typing import Any

CUSTOMER_ID = "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM"
LOCATION_ID = "loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB"
STAFF_ID = "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF"
PATTERN: dict[str, Any] = {
    "frequency": "weekly",
    "byDay": [{"day": "mo"}, {"day": "we"}],
    "until": "2027-06-30T23:59:59",
    "timeZone": "America/New_York",
    "exceptions": {
        "2027-01-06T09:00:00": {"excluded": True},
        "2027-01-11T09:00:00": {"startTime": "2027-01-11T12:00:00"},
    },
}
NEW_SCHEDULE: dict[str, Any] = {
    "customerId": CUSTOMER_ID,
    "locationId": LOCATION_ID,
    "staffId": STAFF_ID,
    "startTime": "2027-01-04T09:00:00",
    "endTime": "2027-01-04T17:00:00",
    "recurring": True,
    "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "mo"}, {"day": "we"}]},
}
SCHEDULE: dict[str, Any] = {
    "id": "sch_01JDCXS2N4P6Q8R0S2T4V6W8XY",
    "customerId": CUSTOMER_ID,
    "locationId": LOCATION_ID,
    "staffId": STAFF_ID,
    "startTime": "2027-01-04T09:00:00-05:00",
    "endTime": "2027-01-04T17:00:00-05:00",
    "timeZone": "America/New_York",
    "recurring": True,
    "recurrencePattern": {**PATTERN, "rrule": "FREQ=WEEKLY;BYDAY=MO,WE;UNTIL=20270701T035959Z"},
    "templateId": None,
    "splitFrom": None,
    "createdAt": "2026-11-23T09:00:00Z",
    "updatedAt": "2026-11-23T09:00:00Z",
    "version": 1,
}
SHIFT: dict[str, Any] = {
    "scheduleId": SCHEDULE["id"],
    "recurrenceId": "2027-01-04T09:00:00",
    "customerId": CUSTOMER_ID,
    "locationId": LOCATION_ID,
    "staffId": STAFF_ID,
    "startTime": "2027-01-04T09:00:00-05:00",
    "endTime": "2027-01-04T17:00:00-05:00",
    "timeZone": "America/New_York",
    "changed": False,
    "adjusted": False,
}
ON_DUTY: dict[str, Any] = {
    "locationId": LOCATION_ID,
    "at": "2027-01-04T15:00:00Z",
    "items": [
        {
            "staffId": STAFF_ID,
            "name": "Sam Reed",
            "until": "2027-01-04T17:00:00-05:00",
            "reason": "scheduled",
            "shift": SHIFT,
        }
    ],
}
NEW_TEMPLATE: dict[str, Any] = {
    "name": "Early, Monday to Friday",
    "locationId": LOCATION_ID,
    "startTime": "06:00",
    "endTime": "14:00",
    "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": day} for day in ("mo", "tu", "we", "th", "fr")]},
}
TEMPLATE: dict[str, Any] = {
    "id": "tpl_01JDCXS8T0V2W4X6Y8Z0A2B4CD",
    "customerId": CUSTOMER_ID,
    **NEW_TEMPLATE,
    "createdAt": "2026-11-23T09:00:00Z",
    "updatedAt": "2026-11-23T09:00:00Z",
    "version": 1,
}
FEED: dict[str, Any] = {
    "url": f"https://api.dutyline.example/calendar/{STAFF_ID}/kJ8…q3w.ics",
    "createdAt": "2026-11-23T09:00:00Z",
}
