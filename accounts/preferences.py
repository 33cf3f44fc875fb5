"""What a person chose: language, time zone, and which notifications reach them where.

Stored sparsely: what was never chosen follows the customer, then the product. Whatever sends asks
`wants` first; only what a person must receive (an invitation, a changed address) does not.
"""

from collections.abc import Mapping
from typing import Any

LANGUAGES = ("en", "de", "es")
CHANNELS = ("email", "push")
EVENTS = (
    *("rights_changed", "location_assigned", "terms_renewed"),
    *("rota_changed", "shift_reminder", "voicemail_left"),
)
BY_CHOICE = {
    ("email", "rota_changed"),
    ("email", "shift_reminder"),
    ("push", "shift_reminder"),
    ("email", "voicemail_left"),
}
"""What only reaches who chose it."""
REMINDER_MINUTES, LONGEST_REMINDER = 60, 1440

Settings = Mapping[str, Any]


def merged(settings: Settings, change: Settings) -> dict[str, Any]:
    """The settings after a change that names only some of them; None forgets a choice."""
    after = {**settings, **change}
    chosen = {**settings.get("notifications", {})}
    for channel, events in change.get("notifications", {}).items():
        chosen[channel] = {**chosen.get(channel, {}), **events}
    after["notifications"] = chosen
    return {name: value for name, value in after.items() if value not in (None, {})}


def complete(settings: Settings) -> dict[str, Any]:
    """The settings with every notification spelled out."""
    return {
        "language": settings.get("language"),
        "time_zone": settings.get("time_zone"),
        "reminder_minutes": reminder_minutes(settings),
        "ringing": wants_ringing(settings),
        "notifications": {
            channel: {event: wants(settings, channel, event) for event in EVENTS}
            for channel in CHANNELS
        },
    }


def wants(settings: Settings, channel: str, event: str) -> bool:
    """Whether an event is to reach the person on this channel: as they chose, or as usual."""
    usual = (channel, event) not in BY_CHOICE
    return bool(settings.get("notifications", {}).get(channel, {}).get(event, usual))


def reminder_minutes(settings: Settings) -> int:
    """How long before a shift a reminder of it is due."""
    return min(int(settings.get("reminder_minutes") or REMINDER_MINUTES), LONGEST_REMINDER)


def wants_ringing(settings: Settings) -> bool:
    """Whether calls to where the person is on duty may ring their phone: by choice only."""
    return bool(settings.get("ringing"))


def language(person: Settings, customer: Settings) -> str:
    """The language to write to somebody in."""
    return str(person.get("language") or customer.get("language") or LANGUAGES[0])


def time_zone(person: Settings, customer: Settings) -> str:
    """The IANA time zone to tell somebody times in."""
    return str(person.get("time_zone") or customer.get("time_zone") or "UTC")
