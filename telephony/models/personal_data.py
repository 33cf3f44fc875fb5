"""Categories of personal data in telephony: purpose, retention and erasure of attributes."""

from dataclasses import replace

from django.conf import settings

from config.dynamodb.attributes import Erasure, PersonalData

VERIFICATION = PersonalData(
    "verified phone",
    "ring only phones that their owner verified",
    "until another phone is verified or the account is deleted",
    Erasure.REMOVED,
)
PAUSE = PersonalData(
    "break from calls",
    "ring nobody who wants to be left alone for a while",
    "until the day after it ends, or another one begins",
    Erasure.REMOVED,
)
CALLS = PersonalData(
    "calls",
    "know who called, which phones rang and why, and how the call ended",
    f"{settings.TELEPHONY['kept_days']} days",
    Erasure.EXPIRES,
)
CALLERS = PersonalData(
    "callers",
    "know who called, call back whom nobody could talk to, and play what they left",
    f"{settings.TELEPHONY['kept_days']} days, or until the caller asks to be erased (`manage.py forget_caller`)",
    Erasure.EXPIRES,
    recipients=("Twilio",),
    withheld_because="about the caller, who gets it on request (`manage.py export_caller`)",
)
BLOCKED_CALLERS = replace(
    CALLERS,
    purpose="reject calls of callers who are not wanted",
    retention="until the business allows their calls again, or the caller asks to be erased",
    erasure=Erasure.ON_REQUEST,
    recipients=(),
)
CALL_FLOW = replace(CALLS, category="technical").withheld("technical course of the call")
HELD_CALLBACKS = replace(CALLS, category="call-backs", purpose="call back callers who reached nobody")
"""What says who has taken or closed a call-back."""
CALLBACKS = replace(HELD_CALLBACKS, category="technical").withheld("technical course of the call")
LAST_MESSAGES = PersonalData(
    "technical",
    "tell a person of call-backs at a location at most once in five minutes",
    "four days",
    Erasure.EXPIRES,
    withheld_because="temporary",
)
REACH = PersonalData(
    "business",
    "tell those in charge once of each time in which callers would reach nobody",
    "until the location has no number any more, or is removed",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
BLOCKS = replace(BLOCKED_CALLERS, category="technical").withheld("about the caller, not the person")
CONVERSATIONS = replace(CALLS, category="technical", purpose="ring first who last talked with a caller").withheld(
    "technical course of the call"
)
HEARD = replace(CALLS, category="technical", purpose="show who has listened to a recording").withheld(
    "part of the audit log"
)
CALL_KEYS = replace(
    CALLS, category="technical", purpose="find the calls of a person", erasure=Erasure.REMOVED
).withheld("derived from exported values")
BUSINESS = PersonalData(
    "business",
    "answer calls to the locations",
    "until the number is released",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
REVISIONS = replace(
    BUSINESS,
    purpose="show and restore how a location answered before",
    retention="the last 50 changes, until the location is removed",
)
IVR_CHANGES = PersonalData(
    "technical",
    "show who changed how a location answers",
    REVISIONS.retention,
    Erasure.EVIDENCE,
    withheld_because="part of the audit log",
)
PUBLIC_HOURS = replace(
    BUSINESS, purpose="show on the web when a line is open", retention="until the location is removed"
)
LINE_TESTS = PersonalData(
    "technical",
    "show whether the line of a location works, and what does not",
    "until the next test, at most 30 days",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
PROFILES = replace(
    BUSINESS, purpose="buy numbers where an address is demanded", retention="until the customer removes it"
)
USAGE = PersonalData(
    "business",
    "limit the cost of calls",
    "two days",
    Erasure.EXPIRES,
    withheld_because="counters; calling numbers as HMAC under a key of Dutyline",
)
