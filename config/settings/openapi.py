"""Names, patterns and texts of the OpenAPI document that belong to no single serializer."""

from typing import Any

OPENAPI_TAGS = {
    "Users": "The signed-in user: profile, terms, devices, phone, personal data. Creating and deleting users.",
    "User Management": "The users of a customer, and their invitations.",
    "Customer": "The business that the signed-in user belongs to.",
    "Locations": "The locations of a customer.",
    "Staff Schedule": "Shifts and series of shifts, and who is on duty.",
    "Schedule Templates": "Reusable times and recurrence patterns.",
    "Calendar Feed": "A private iCalendar feed of the signed-in user's shifts.",
    "Phone Numbers": "Finding, purchasing, adopting and releasing the phone numbers of locations.",
    "IVR": "What callers of a location hear, and whom a call rings.",
    "Public Hours": "When a line is open, for anybody to read.",
    "Calls": "Calls to a location, and their recordings.",
    "Call-backs": "Callers who reached nobody, until somebody has called them back.",
}
"""Each tag of a view, in the order of the document."""

OPENAPI_ENUMS = {
    "AuditAction": ("config.audit.known_actions", "What was done. Releases may add actions."),
    "CallbackOutcome": ("telephony.models.CALLBACK_OUTCOMES", "How a call-back ended."),
    "CallbackStatus": ("telephony.models.CALLBACK_STATUSES", "The state of a call-back."),
    "CallEventKind": ("telephony.models.EVENT_KINDS", "A kind of event in a call."),
    "CallOutcome": ("telephony.models.CALL_OUTCOMES", "How a call ended."),
    "CustomerStatus": ("accounts.models.CUSTOMER_STATUSES", "Whether users of the customer have access."),
    "Language": ("accounts.preferences.LANGUAGES", "Language of notifications and legal texts."),
    "OnDutyReason": ("telephony.reasons.ON_DUTY", "Why a user is on duty."),
    "Permission": ("accounts.permissions.PERMISSIONS", "What a user may do; see `x-permission` of each operation."),
    "NotTakenReason": ("telephony.reasons.NOT_TAKEN", "Why somebody whose phone rang did not answer."),
    "NumberAddressStatus": ("telephony.models.ADDRESS_STATUSES", "The state of an address for numbers."),
    "NumberRequirementKind": ("telephony.numbers.requirements.REQUIREMENTS", "What a country demands for numbers."),
    "PhoneNumberStatus": ("telephony.models.NUMBER_STATUSES", "The state of a phone number."),
    "PhoneNumberType": ("telephony.dialing_rules.NUMBER_TYPES", "A type of phone numbers."),
    "RecordingKind": ("telephony.calls.recordings.RECORDING_KINDS", "What was recorded."),
    "RingExclusion": ("telephony.reasons.WHY_NOT", "Why a phone does not ring."),
    "RingReason": ("telephony.reasons.WHY", "Why a user or number is considered for a call."),
    "Role": ("accounts.permissions.ROLES", "A role, from the least to the most permissions."),
    "ScheduleScope": ("staffing.serializers.schedules.SCOPES", "Which occurrences of a series a change concerns."),
    "UserStatus": ("accounts.models.USER_STATUSES", "The state of a user's account."),
    "WeekdayName": ("staffing.serializers.patterns.WEEKDAYS", "A day of the week."),
}
"""Component: where its values are (a mapping also describes each), and what they are."""

_ULID = "[0-9A-HJKMNP-TV-Z]{26}"
_CALLBACK, _CUSTOMER, _EXPORT, _LOCATION, _USER, _SCHEDULE, _TEMPLATE = (
    {"pattern": f"^{prefix}_{_ULID}$"} for prefix in ("cbk", "cus", "exp", "loc", "usr", "sch", "tpl")
)
_CALL = {"pattern": "^CA[0-9a-f]{32}$"}
_PHONE_NUMBER = {"pattern": r"^\+[1-9][0-9]{6,14}$"}

OPENAPI_MEMBERS: dict[str, dict[str, Any]] = {
    "address": {"description": "Postal address; may be empty."},
    "callId": {"description": "Id of the call.", **_CALL},
    "country": {"description": "Country code (ISO 3166-1), such as DE."},
    "createdAt": {"description": "When it was created."},
    "customerId": {"description": "Id of the customer.", **_CUSTOMER},
    "date": {"description": "The date, such as 2026-12-24.", "pattern": r"^\d{4}-\d\d-\d\d$"},
    "email": {"description": "E-mail address."},
    "endTime": {"description": "End, exclusive."},
    "exportId": {"description": "Id of the export.", **_EXPORT},
    "items": {"description": "The items of this page, or of the list if it has no pages."},
    "language": {"description": "Language of notifications."},
    "locationId": {"description": "Id of the location.", **_LOCATION},
    "locations": {"items": {"pattern": rf"^(loc_{_ULID}|\*)$"}},
    "name": {"description": "Name as shown to people."},
    "phone": {"description": "Phone number (E.164); null: none.", **_PHONE_NUMBER},
    "phoneNumber": {"description": "Phone number (E.164).", **_PHONE_NUMBER},
    "profileName": {"description": "What the user likes to be called; null: `name`."},
    "recurrencePattern": {"description": "How the schedule recurs; null or omitted: it does not."},
    "scheduleId": {"description": "Id of the schedule.", **_SCHEDULE},
    "splitFrom": _SCHEDULE,
    "staffId": {"description": "Id of the user who has the shift.", **_USER},
    "startTime": {"description": "Start, inclusive."},
    "templateId": {"description": "Id of the schedule template; null: none.", **_TEMPLATE},
    "timeZone": {"description": "IANA time zone."},
    "updatedAt": {"description": "When it was last changed."},
    "userId": {"description": "Id of the user.", **_USER},
    "userSkills": {"description": "Skills of the user, which an IVR configuration can ask for."},
    "verified": {"description": "Whether the user has confirmed the phone."},
    "version": {"description": "Increases with every change; in quotes, it is a value for `If-Match`."},
}
"""By name: what a member or parameter says unless its serializer says it."""

OPENAPI_IDS: dict[str, dict[str, Any]] = {
    "BlockedCaller": {
        "description": "The caller: a phone number in any form, or an address such as sip:ann@example.com. "
        "Percent-encode it: `+` is `%2B`, `@` is `%40`, `:` is `%3A`, `/` is `%2F`.",
        "pattern": r"^.*[^\s].*$",
    },
    "Call": {"description": "Id of the call.", **_CALL},
    "Callback": {"description": "Id of the call-back.", **_CALLBACK},
    "Customer": {"description": "Id of the customer.", **_CUSTOMER},
    "Location": {"description": "Id of the location.", **_LOCATION},
    "Public": {
        "description": "The id in the URL of the public hours of a line.",
        "pattern": "^pub_[0-9A-HJKMNP-TV-Z]{52}$",
    },
    "PhoneNumber": {"description": "Phone number (E.164); send `+` as `%2B`.", **_PHONE_NUMBER},
    "PreparedExport": {"description": "Id of the export.", **_EXPORT},
    "Schedule": {"description": "Id of the schedule.", **_SCHEDULE},
    "ScheduleTemplate": {"description": "Id of the schedule template.", **_TEMPLATE},
    "StaffSchedule": {"description": "Id of the schedule.", **_SCHEDULE},
    "User": {"description": "Id of the user.", **_USER},
}
"""The same for ``id`` and the path parameters that identify a resource, by the noun of the
component's name or of the path."""
