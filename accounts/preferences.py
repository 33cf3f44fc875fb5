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
OPT_IN = {
    ("email", "rota_changed"),
    ("email", "shift_reminder"),
    ("push", "shift_reminder"),
    ("email", "voicemail_left"),
}
"""What only reaches who chose it."""
REMINDER_MINUTES, MAX_REMINDER_MINUTES = 60, 1440

Settings = Mapping[str, Any]


def merge_settings(settings: Settings, change: Settings) -> dict[str, Any]:
    """The settings after a change that names only some of them; None forgets a choice."""
    merged_settings = {**settings, **change}
    notifications = {**settings.get("notifications", {})}
    for channel, events in change.get("notifications", {}).items():
        notifications[channel] = {**notifications.get(channel, {}), **events}
    merged_settings["notifications"] = notifications
    return {name: value for name, value in merged_settings.items() if value not in (None, {})}


def with_defaults(settings: Settings) -> dict[str, Any]:
    """The settings with every notification spelled out."""
    return {
        "language": settings.get("language"),
        "time_zone": settings.get("time_zone"),
        "reminder_minutes": reminder_minutes_of(settings),
        "ringing": is_ringing_enabled(settings),
        "notifications": {
            channel: {event: is_notification_enabled(settings, channel, event) for event in EVENTS}
            for channel in CHANNELS
        },
    }


def is_notification_enabled(settings: Settings, channel: str, event: str) -> bool:
    """Whether an event is to reach the person on this channel: as they chose, or as usual."""
    default = (channel, event) not in OPT_IN
    return bool(settings.get("notifications", {}).get(channel, {}).get(event, default))


def reminder_minutes_of(settings: Settings) -> int:
    """How long before a shift a reminder of it is due."""
    return min(int(settings.get("reminder_minutes") or REMINDER_MINUTES), MAX_REMINDER_MINUTES)


def is_ringing_enabled(settings: Settings) -> bool:
    """Whether calls to where the person is on duty may ring their phone: by choice only."""
    return bool(settings.get("ringing"))


def language_of(person: Settings, customer: Settings) -> str:
    """The language to write to somebody in."""
    return str(person.get("language") or customer.get("language") or LANGUAGES[0])


def time_zone_of(person: Settings, customer: Settings) -> str:
    """The IANA time zone to tell somebody times in."""
    return str(person.get("time_zone") or customer.get("time_zone") or "UTC")
