"""Which phones decide when a caller of a line is answered. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from telephony.ivr.configuration import IvrAction, IvrConfiguration, action_at, iter_actions


def list_answering_targets(configuration: IvrConfiguration, path: str = "") -> list[Mapping[str, Any]]:
    """The targets of the ring actions of the open branch that a caller at a path waits for.

    Those that the caller has come through; if there are none, those that a caller who presses no
    key reaches; if there are none of these either, those of all keys.
    """
    actions = (
        list(_iter_before(configuration, path))
        or list(_iter_without_keys(configuration))
        or [action for _, action in iter_actions({"open": configuration["open"]})]
    )
    return [action["target"] for action in actions if action["type"] == "ring"]


def first_ring_target(configuration: IvrConfiguration, path: str) -> Mapping[str, Any] | None:
    """Whom a caller is put through to who enters at a path and is asked nothing before."""
    action = action_at(configuration, path)
    while action and action["type"] == "say":
        action = action.get("then")
    return action["target"] if action and action["type"] == "ring" else None


def _iter_before(configuration: IvrConfiguration, path: str) -> Iterator[IvrAction]:
    """The ring actions of the open branch on the way to a path."""
    segments = path.split("/")
    for length in range(1, len(segments)) if segments[0] == "open" else ():
        action = action_at(configuration, "/".join(segments[:length]))
        if action and action["type"] == "ring":
            yield action


def _iter_without_keys(configuration: IvrConfiguration) -> Iterator[IvrAction]:
    """The ring actions of the open branch that a caller reaches who presses no key."""
    action = configuration["open"]
    while action:
        if action["type"] == "ring":
            yield action
        action = action.get("then" if action["type"] == "say" else "otherwise")
