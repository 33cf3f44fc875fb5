"""Examples for the OpenAPI document."""

from config.api.examples import SAMPLE_TIME, ExampleBuilder
from telephony import ivr
from telephony.serializers import (
    blocked_callers,
    callbacks,
    calls,
    demand,
    line_tests,
    number_profiles,
    numbers,
    public_hours,
    reach,
    replay,
)

USER_ID = "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF"
CONFIGURATION = ivr.default_configuration("Boston Harbour")
_builder = ExampleBuilder(
    {
        "customerId": "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM",
        "locationId": "loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB",
        "staffId": USER_ID,
        "phoneNumber": "+14155550123",
        "friendlyName": "(415) 555-0123",
        "locality": "San Francisco",
        "region": "CA",
        "country": "US",
        "configuration": CONFIGURATION,
        "ivrConfiguration": CONFIGURATION,
        "status": "active",
        "voice": True,
        "phone": "+16175550142",
        "timeZone": "America/New_York",
    }
)
AVAILABLE_NUMBERS = _builder.build(numbers.AvailableNumbers)
PURCHASE = _builder.build(numbers.NumberPurchase)
NUMBER_WITH_CONFIGURATION = _builder.build(numbers.NumberWithConfigurationView)
PHONE_NUMBER = _builder.build(numbers.PhoneNumberView)
NUMBER_REQUIREMENT = _builder.build(
    number_profiles.NumberRequirementView,
    country="DE",
    type="local",
    requires="bundle",
    missing=["bundle"],
    detail="In this country an address in the country and a regulatory bundle are needed. Numbers of this country "
    "need a regulatory bundle: send support the documents of the business, which the telephone service examines.",
)
NUMBER_ADDRESS = {
    "businessName": "Harbour Dental GmbH",
    "street": "Invalidenstraße 1",
    "city": "Berlin",
    "postalCode": "10115",
}
NUMBER_PROFILE = _builder.build(
    number_profiles.NumberProfileView,
    **NUMBER_ADDRESS,
    country="DE",
    region="",
    addressStatus="registered",
    hasBundle=False,
)
LINE = _builder.build(numbers.LineView)
_PUBLIC_URL = "https://api.dutyline.example/public/pub_01JDCXQ9R4S6T8V0W2X4Y6Z8AB7J2M9QK4T6WX0Z3C5E8G1H2J9K/hours"
PUBLIC_HOURS_SETTINGS = _builder.build(
    public_hours.PublicHoursSettingsView, enabled=True, url=_PUBLIC_URL, calendarUrl=f"{_PUBLIC_URL}.ics"
)
PUBLISHED_HOURS = {
    "@context": "https://schema.org",
    "@type": "LocalBusiness",
    "name": "Boston Harbour",
    "telephone": "+14155550123",
    "openingHoursSpecification": [
        {
            "@type": "OpeningHoursSpecification",
            "dayOfWeek": ["https://schema.org/Monday", "https://schema.org/Tuesday"],
            "opens": "09:00",
            "closes": "17:00",
        },
        {
            "@type": "OpeningHoursSpecification",
            "name": "Christmas Day",
            "validFrom": "2026-12-25",
            "validThrough": "2026-12-25",
            "opens": "00:00",
            "closes": "00:00",
        },
    ],
}
LINE_TEST = _builder.build(
    line_tests.LineTestView,
    timeZone="America/New_York",
    testedAt="2026-11-23T13:52:10Z",
    simulatedTime="2026-11-23T09:00:00-05:00",
    result="failed",
    steps=[
        {
            "name": "ring",
            "path": "open",
            "result": "failed",
            "code": "nobody_rings",
            "sentence": "A call would ring nobody: phone number is not verified.",
        }
    ],
    nextTestAt="2026-11-23T14:52:10Z",
)
HOURS_CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"
_CANDIDATE = _builder.build(
    numbers.PreviewCandidateView,
    name="Sam Reed",
    until="2026-11-23T17:00:00Z",
    rings=True,
    whyNot=None,
    breakUntil=None,
)
_RING_STEP = _builder.build(
    numbers.PreviewStepView, path="open", type="ring", keys={}, people=[_CANDIDATE], maxRingSeconds=45, callerId="line"
)
PREVIEW = _builder.build(
    numbers.CallPreviewView, reason="Somebody is on duty.", holiday=None, nextOpening=SAMPLE_TIME, steps=[_RING_STEP]
)
CALL = _builder.build(
    calls.CallView,
    id="CA0123456789abcdef0123456789abcdef",
    caller="+16175550100",
    endedAt="2026-11-23T09:02:10Z",
    seconds=130,
    outcome="answered",
    answeredBy=USER_ID,
    people=[_builder.build(calls.CallCandidateView, phoneNumber=None, why="scheduled", whyNot=None)],
    recordings=[],
    heardBy=[],
    events=[{"kind": "accepted", "at": SAMPLE_TIME, "who": USER_ID}],
)
CALLBACK = _builder.build(
    callbacks.CallbackView,
    id="cbk_01JDCXT2N4P6R8T0V2X4Z6B8DF",
    callId="CA0123456789abcdef0123456789abcdef",
    caller="+16175550100",
    canCall=True,
    calls=2,
    status="open",
    version=2,
)
CALLBACK_CALL = _builder.build(callbacks.CallbackCallView, callId="CA0123456789abcdef0123456789abcdef")
PHONE = _builder.build(calls.PhoneView, breakUntil=None)
BREAK = _builder.build(calls.BreakView, breakUntil="2026-11-23T09:30:00Z", aloneAt=[])
BLOCKED_CALLER = _builder.build(
    blocked_callers.BlockedCallerView, number="+16175550100", reason="Advertising", blockedBy=USER_ID
)
_DEMAND_HOUR = _builder.build(
    demand.DemandHourView, hour=9, calls=14, answered=11, missed=2, secondsToAnswer={"p50": 8, "p90": 21}, onDuty=1.5
)
_WINDOW = {"from": "2026-10-26T04:00:00Z", "to": "2026-11-23T05:00:00Z"}
DEMAND = _builder.build(demand.DemandView, **_WINDOW, calls=14, hours=[_DEMAND_HOUR])
_ADDED_SERIES = {
    "action": "add",
    "staffId": USER_ID,
    "startTime": "2026-10-26T08:00:00",
    "endTime": "2026-10-26T12:00:00",
    "recurrencePattern": {"frequency": "weekly", "byDay": [{"day": "mo"}]},
}
REPLAY_BODY = {"from": "2026-10-26", "to": "2026-11-23", "changes": [_ADDED_SERIES]}
_MET = {"then": 11, "now": 13}
_REPLAYED_CALL = _builder.build(
    replay.ReplayedCallView,
    callId="CA0123456789abcdef0123456789abcdef",
    was="missed",
    isMet=True,
    wouldRing=[{"staffId": USER_ID, "phoneNumber": None, "rangThen": False}],
)
REPLAY = _builder.build(
    replay.ReplayView,
    **_WINDOW,
    calls=14,
    met=_MET,
    unmet=[_REPLAYED_CALL],
    perHour=[_builder.build(replay.ReplayHourView, hour=9, calls=14, met=_MET)],
)
_HOLE = _builder.build(
    reach.HoleView,
    **{"from": "2026-12-03T12:30:00-05:00", "to": "2026-12-03T14:00:00-05:00"},
    minutes=90,
    way="open/keys/1",
    people=[{"staffId": USER_ID, "whyNot": "phone_not_verified", "until": "2026-12-03T17:00:00-05:00"}],
    would=[f"verify:{USER_ID}", "shift:nobody_on_duty"],
)
REACH = _builder.build(
    reach.ReachView,
    **{"from": "2026-11-23T04:00:00-05:00", "to": "2026-12-21T04:00:00-05:00"},
    computedAt=SAMPLE_TIME,
    rests={"line": 7, "rota": "5f0c2b7d9e1a4c38"},
    openMinutes=14820,
    reachedMinutes=14730,
    holeMinutes=90,
    closedByRotaMinutes=0,
    assumedMinutes=0,
    ways=["open/keys/1", "open/keys/2"],
    holes=[_HOLE],
    warnings=[],
)
REACH_SUMMARY = _builder.build(reach.ReachSummaryView, openMinutes=14820, holeMinutes=90, holes=1, firstHole=_HOLE)
