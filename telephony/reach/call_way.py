"""The way of a past call through a configuration: which ring actions it comes to. Pure."""

from collections.abc import Iterable, Iterator

from telephony import ivr
from telephony.ivr import IvrAction, IvrConfiguration


def iter_ring_actions(
    configuration: IvrConfiguration, entrance: str, keys: Iterable[str], *, heard_menus: Iterable[str] = ()
) -> Iterator[tuple[str, IvrAction]]:
    """The ring actions that a caller comes to who is never answered, in order, with their paths.

    ``keys``: what the caller pressed, in order; empty: nothing in time. ``heard_menus``: the paths
    of menus in which the caller hung up, once the keys are used up. In others they press nothing.
    """
    path, attempt, pressed, left = entrance, 0, iter(keys), set(heard_menus)
    while action := ivr.action_at(configuration, path):
        if action["type"] == "menu":
            key = next(pressed, None)
            if key is None and path in left:
                return
            target = ivr.resolve_key(action, path, key or "", attempt)
            path, attempt = (path, target) if isinstance(target, int) else (target, 0)
            continue
        if action["type"] not in ("ring", "say"):
            return
        if action["type"] == "ring":
            yield path, action
        path += "/then" if action["type"] == "say" else "/otherwise"
