"""The ways of callers through a configuration, as far as they lead to phones. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telephony.ivr.configuration import MAX_ACTIONS, IvrConfiguration, action_at


@dataclass(frozen=True)
class Way:
    """The keys that a caller presses, and what follows from them if nobody answers."""

    path: str
    """Where the last choice before the last ring action leads, such as ``open/keys/1``."""
    ring_paths: tuple[str, ...]
    """Of the ring actions in order; at least one."""
    targets: tuple[Mapping[str, Any], ...]
    """Of these actions."""
    ends: str
    """What the caller gets if nobody answers: voicemail, callback or hangup."""


def list_ways(configuration: IvrConfiguration, entrance: str = "open") -> list[Way]:
    """The ways from an entrance on that ring anybody, those without a key first; at most 60.

    Ways that ring the same phones in the same order, and differ in keys after that, are one. Those
    that ring nobody, such as a key that tells the opening hours, are meant to ring nobody.
    """
    ways: dict[tuple[str, ...], Way] = {}
    for way in _iter_ways(configuration, entrance, entrance, entrance, ()):
        if way.ring_paths and len(ways) < MAX_ACTIONS:
            ways.setdefault(way.ring_paths, way)
    return list(ways.values())


def _iter_ways(
    configuration: IvrConfiguration, path: str, choice: str, name: str, ring_paths: tuple[str, ...]
) -> Iterator[Way]:
    """The ways from an action on.

    ``choice``: where the last key has led; ``name``: where it had when phones rang last.
    """
    action = action_at(configuration, path)
    kind = action["type"] if action else "voicemail"
    if action and kind == "ring":
        yield from _iter_ways(configuration, f"{path}/otherwise", choice, choice, (*ring_paths, path))
    elif action and kind == "menu":
        for next_path in (f"{path}/otherwise", *(f"{path}/keys/{key}" for key in sorted(action["keys"]))):
            yield from _iter_ways(configuration, next_path, next_path, name, ring_paths)
    elif action and kind == "say" and "then" in action:
        yield from _iter_ways(configuration, f"{path}/then", choice, name, ring_paths)
    else:
        actions = (action_at(configuration, ring_path) for ring_path in ring_paths)
        targets = tuple(action["target"] for action in actions if action)
        yield Way(name, ring_paths, targets, "hangup" if kind == "say" else str(kind))
