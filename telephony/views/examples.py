"""Examples for the OpenAPI document."""

from typing import Any

from telephony import ivr

CUSTOMER = "cus_01JDCXR5V7W8M3T6Q2Z9K4B1NF"
LOCATION = "loc_01JDCXRE3N5P7Q9R1S3T5V7W9X"
USER = "usr_01JDCXRP1A3C5E7G9J1M3P5R7T"
NUMBER = "+14155550123"
AVAILABLE_NUMBERS: dict[str, Any] = {
    "items": [
        {
            "phoneNumber": NUMBER,
            "friendlyName": "(415) 555-0123",
            "locality": "San Francisco",
            "region": "CA",
            "country": "US",
            "capabilities": {"voice": True, "sms": True, "mms": True},
        }
    ]
}
CONFIGURATION = ivr.default_configuration("Boston Harbour")
PURCHASE = {"phoneNumber": NUMBER, "locationId": LOCATION}
NUMBER_WITH_CONFIGURATION = {**PURCHASE, "status": "active", "ivrConfiguration": CONFIGURATION}
PHONE_NUMBER: dict[str, Any] = {
    "phoneNumber": NUMBER,
    "customerId": CUSTOMER,
    "locationId": LOCATION,
    "status": "active",
    "releaseAt": None,
    "createdAt": "2026-11-23T09:00:00Z",
}
LINE: dict[str, Any] = {
    "locationId": LOCATION,
    "phoneNumber": NUMBER,
    "configuration": CONFIGURATION,
    "updatedAt": "2026-11-23T09:00:00Z",
    "version": 1,
}
PREVIEW: dict[str, Any] = {
    "locationId": LOCATION,
    "phoneNumber": NUMBER,
    "at": "2026-11-23T15:00:00Z",
    "entrance": "open",
    "steps": [
        {"path": "greeting", "type": "say", "text": "Thank you for calling Boston Harbour.", "keys": {}, "people": []},
        {
            "path": "open",
            "type": "ring",
            "text": None,
            "keys": {},
            "people": [
                {
                    "staffId": USER,
                    "name": "Sam Reed",
                    "why": "scheduled",
                    "until": "2026-11-23T23:00:00Z",
                    "rings": True,
                    "whyNot": None,
                }
            ],
        },
    ],
}
CALL: dict[str, Any] = {
    "id": "CA0123456789abcdef0123456789abcdef",
    "customerId": CUSTOMER,
    "locationId": LOCATION,
    "phoneNumber": NUMBER,
    "caller": "+16175550100",
    "startedAt": "2026-11-23T15:00:00Z",
    "endedAt": "2026-11-23T15:02:10Z",
    "seconds": 130,
    "outcome": "answered",
    "answeredBy": USER,
    "people": [{"staffId": USER, "phoneNumber": None, "why": "scheduled", "whyNot": None}],
    "recordings": [],
    "events": [
        {"kind": "entered", "at": "2026-11-23T15:00:00+00:00", "where": "open"},
        {"kind": "rung", "at": "2026-11-23T15:00:00+00:00", "who": USER, "why": "scheduled"},
        {"kind": "accepted", "at": "2026-11-23T15:00:09+00:00", "who": USER},
    ],
}
PHONE: dict[str, Any] = {"phone": "+16175550142", "verified": False, "verifiedAt": None, "rings": False}
