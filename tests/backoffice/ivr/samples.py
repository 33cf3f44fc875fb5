"""IVR configurations of all kinds, for tests of their form and their words."""

from typing import Any

from telephony import ivr

DEFAULT = ivr.default_configuration("Boston")
USER, OTHER_LOCATION = "usr_" + "0" * 26, "loc_" + "0" * 26
WEEKLY = {
    "mo": [["09:00", "12:00"], ["13:00", "18:00"]],
    "tu": [],
    "fr": [["21:00", "02:00"]],
    "su": [["00:00", "24:00"]],
}
ON_DUTY = {
    "graceMinutes": 0,
    "roles": ["staff", "manager"],
    "skills": ["x-ray", "first aid"],
    "locations": [OTHER_LOCATION],
    "first": "last_spoken",
}
VOICEMAIL = {"type": "voicemail"}
MENU = {
    "type": "menu",
    "prompt": {"say": "Press 1.\nOr 2.", "language": "es-US", "voice": "Polly.Lupe"},
    "timeoutSeconds": 9,
    "retries": 0,
    "keys": {
        "1": {"type": "ring", "target": {"users": [USER]}, "strategy": "all", "ringSeconds": 7, "maxRingSeconds": 11},
        "2": {"type": "ring", "target": {"onDuty": ON_DUTY}, "strategy": "sequence"},
        "3": {"type": "ring", "target": {"numbers": ["+16175550100", "+16175550101"]}, "otherwise": {"type": "hangup"}},
        "*": {"type": "callback", "otherwise": VOICEMAIL},
        "#": {"type": "say", "prompt": {"play": "https://x.example/a.mp3"}},
    },
    "otherwise": {"type": "callback", "prompt": {"say": "We call back."}},
}
NOTIFICATIONS: list[dict[str, bool]] = [
    {},
    {"onDuty": True},
    {"onDuty": False},
    {"managers": False},
    {"onDuty": True, "managers": True},
    {"onDuty": False, "managers": False},
]
SAMPLES: list[dict[str, Any]] = [
    DEFAULT,
    ivr.default_configuration("Berlin", language="de-DE"),
    {**DEFAULT, "open": MENU, "closed": MENU, "holiday": MENU},
    {**DEFAULT, "hours": {"mode": "always"}, "callerId": "caller", "voice": "Polly.Joanna"},
    {**DEFAULT, "hours": {"mode": "weekly", "weekly": WEEKLY}, "timeZone": "Europe/Berlin", "callerId": "line"},
    {**DEFAULT, "hours": {"mode": "weekly", "weekly": {}}},
    {
        **DEFAULT,
        "hours": {"mode": "schedule", "holidays": {"dates": ["2026-12-24", "2025-01-01"]}},
        "holiday": VOICEMAIL,
    },
    {**DEFAULT, "hours": {"mode": "schedule", "holidays": {"country": "US", "subdivision": "MA", "dates": []}}},
    {**DEFAULT, "hours": {"mode": "schedule", "holidays": {}, "weekly": WEEKLY}},
    {**DEFAULT, "recording": {"calls": True, "consentPrompt": {"say": "Recorded.", "language": "es-US"}}},
    {**DEFAULT, "recording": {"calls": False, "consentPrompt": {"play": "https://x.example/a.mp3"}}},
    {name: value for name, value in DEFAULT.items() if name != "recording"},
    *({**DEFAULT, "closed": {**VOICEMAIL, "maxSeconds": 30, "notify": notify}} for notify in NOTIFICATIONS),
]
"""Some could not be saved today, but are stored: the form must keep those, too."""
