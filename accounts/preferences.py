"""A person's settings: language, time zone, and notifications by channel.

Only choices are stored; otherwise the customer's setting applies, then the product's default. Every
sender checks `is_notification_enabled`, except for mail that a person must receive (an invitation,
a changed e-mail address).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from accounts import reach_alerts
from config import zone_names

LANGUAGES = ("en", "de", "es")
CHANNELS = ("email", "push")
EVENTS = (
    *("rights_changed", "location_assigned", "terms_renewed"),
    *("rota_changed", "shift_reminder", "voicemail_left"),
    *("call_missed", "callback_due", "callback_handed_over"),
    *("hole_found", "not_ringable"),
)
OPT_IN = {
    ("email", "rota_changed"),
    ("email", "shift_reminder"),
    ("push", "shift_reminder"),
    ("email", "voicemail_left"),
    ("email", "call_missed"),
    ("email", "callback_due"),
    ("email", "callback_handed_over"),
    ("email", "not_ringable"),
}
"""Notifications that are off until a person turns them on."""
_NOTIFICATION_DEFAULTS = {channel: {event: (channel, event) not in OPT_IN for event in EVENTS} for channel in CHANNELS}
GERMAN_ZONES = {"CET": "MEZ", "CEST": "MESZ"}
_ENGLISH_FORMATS = {"DATE_FORMAT": "N j, Y", "TIME_FORMAT": "P", "DATETIME_FORMAT": "N j, Y, P"}
"""Django's own, in whose place the back office has others."""
REMINDER_MINUTES, MAX_REMINDER_MINUTES = 60, 1440

Settings = Mapping[str, Any]


def lane_of_channel(arguments: Mapping[str, Any]) -> str:
    """The outbox lane of a message that has its channel among its arguments."""
    return "mail" if arguments.get("channel") == "email" else "push"


def merge_settings(settings: Settings, change: Settings) -> dict[str, Any]:
    """The settings after a partial change; None removes a choice.

    A choice that equals the default is stored too: it stays when the default changes.
    """
    notifications = {**settings.get("notifications", {})}
    for channel, events in change.get("notifications", {}).items():
        if events:
            notifications[channel] = {**notifications.get(channel, {}), **events}
    merged_settings = {**settings, **change, "notifications": notifications}
    if "reach_alerts" in change:
        merged_settings["reach_alerts"] = reach_alerts.merge(settings, change["reach_alerts"])
    return {name: value for name, value in merged_settings.items() if value not in (None, {})}


def drop_shown(change: Settings, shown: Settings) -> dict[str, Any]:
    """The values of a change that differ from the settings as clients see them, with defaults.

    For a client that sends back a whole record: what it has only read is not a choice.
    """
    changed_values = {name: value for name, value in change.items() if value != shown[name]}
    if "notifications" in changed_values:
        changed_values["notifications"] = {
            channel: {
                event: value for event, value in events.items() if value != shown["notifications"][channel][event]
            }
            for channel, events in change["notifications"].items()
        }
    if changed_values.get("reach_alerts"):
        shown_alerts = shown["reach_alerts"]
        changed_values["reach_alerts"] = {
            name: value for name, value in change["reach_alerts"].items() if value != shown_alerts[name]
        }
    return changed_values


def with_defaults(settings: Settings) -> dict[str, Any]:
    """The settings with the effective value of every notification."""
    notifications = settings.get("notifications", {})
    return {
        "language": settings.get("language"),
        "time_zone": chosen_time_zone(settings),
        "reminder_minutes": reminder_minutes_of(settings),
        "ringing": is_ringing_enabled(settings),
        "answer_without_key": is_answering_without_key(settings),
        "notifications": {
            channel: {event: bool(chosen.get(event, default)) for event, default in defaults.items()}
            for channel, defaults in _NOTIFICATION_DEFAULTS.items()
            for chosen in [notifications.get(channel, {})]
        },
    }


def is_notification_enabled(settings: Settings, channel: str, event: str) -> bool:
    """Whether the person receives an event on this channel, by choice or by default."""
    return bool(settings.get("notifications", {}).get(channel, {}).get(event, _NOTIFICATION_DEFAULTS[channel][event]))


def reminder_minutes_of(settings: Settings) -> int:
    """Minutes before a shift at which its reminder is due."""
    return min(int(settings.get("reminder_minutes") or REMINDER_MINUTES), MAX_REMINDER_MINUTES)


def is_ringing_enabled(settings: Settings) -> bool:
    """Whether calls may ring the person's phone while they are on duty; off by default."""
    return bool(settings.get("ringing"))


def is_answering_without_key(settings: Settings) -> bool:
    """Whether picking up answers a call, without the key 1; off by default: mailboxes do it too."""
    return bool(settings.get("answer_without_key"))


def defaults_of(customer: Settings) -> dict[str, Any]:
    """What applies to people of a customer who chose nothing."""
    return {
        "language": language_of({}, customer),
        "time_zone": time_zone_of({}, customer),
        "reach_alerts": reach_alerts.to_shown(customer),
    }


def language_of(person: Settings, customer: Settings) -> str:
    """The language of mail and push notifications to a person."""
    return str(person.get("language") or customer.get("language") or LANGUAGES[0])


def time_zone_of(person: Settings, customer: Settings) -> str:
    """The IANA time zone of the times in notifications to a person."""
    return chosen_time_zone(person) or chosen_time_zone(customer) or zone_names.UTC_NAME


def chosen_time_zone(settings: Settings) -> str | None:
    """The chosen zone by its canonical name; None where its stored name is no zone's any more."""
    return zone_names.recover_name(settings.get("time_zone") or "")


def time_format(name: str, language: str) -> str:
    """The format of times in notifications, by Django's name of it."""
    return _ENGLISH_FORMATS[name] if language == "en" else name


def time_suffix(local: datetime, language: str) -> str:
    """What follows a local time in a notification: `` (EST)``, `` (UTC-03)``, `` Uhr (MEZ)``."""
    zone = local.strftime("%Z")
    if zone.startswith(("+", "-")):  # many zones have no abbreviation
        zone = f"UTC{zone}"
    return f" Uhr ({GERMAN_ZONES.get(zone, zone)})" if language == "de" else f" ({zone})"
