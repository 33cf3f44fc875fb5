"""What a person chose: language, time zone, and which notifications reach them where.

Stored sparsely: what was never chosen follows the customer, then the product. Whatever sends asks
`wants` first; only what a person must receive (an invitation, a changed address) does not.
"""

from collections.abc import Mapping
from typing import Any

LANGUAGES = ("en", "de", "es")
CHANNELS = ("email", "push")
EVENTS = ("rights_changed", "location_assigned", "terms_renewed")

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
        "notifications": {
            channel: {event: wants(settings, channel, event) for event in EVENTS}
            for channel in CHANNELS
        },
    }


def wants(settings: Settings, channel: str, event: str) -> bool:
    """Whether an event is to reach the person on this channel; yes, unless they said no."""
    return bool(settings.get("notifications", {}).get(channel, {}).get(event, True))


def language(person: Settings, customer: Settings) -> str:
    """The language to write to somebody in."""
    return str(person.get("language") or customer.get("language") or LANGUAGES[0])


def time_zone(person: Settings, customer: Settings) -> str:
    """The IANA time zone to tell somebody times in."""
    return str(person.get("time_zone") or customer.get("time_zone") or "UTC")
