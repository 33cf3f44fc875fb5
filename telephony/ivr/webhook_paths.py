"""Paths of Twilio's webhooks, with queries that nobody on the way has a reason to rewrite. Pure.

Twilio signs the URL that it was given, and is reported to request it with its query sorted and
encoded anew (twilio/twilio-php#790, twilio/twilio-node#1079). So queries are sorted, and values
have only characters that no encoder changes: letters, digits, ``.``, ``-`` and ``_``.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

_KEY_NAMES = {"*": "star", "#": "hash"}
_KEYS_BY_NAME = {name: key for key, name in _KEY_NAMES.items()}


def webhook_path(name: str, *, action: str = "", **query: object) -> str:
    """Path of a webhook relative to ``/telephony/voice/``.

    ``action`` is the path of an action in the configuration; the other values are ids and numbers.
    """
    values = {**query, "p": encode_action_path(action)} if action else query
    return f"{name}?{encode_query((name, str(value)) for name, value in values.items())}" if values else name


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query sorted by name; the values of one name keep their order, as it has a meaning."""
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))


def encode_action_path(path: str) -> str:
    """The path of an action as in a URL: ``open/keys/*`` becomes ``open.keys.star``."""
    return ".".join(_KEY_NAMES.get(segment, segment) for segment in path.split("/"))


def decode_action_path(text: str) -> str:
    """The path of an action from a URL; calls of an older release have it as it is."""
    if "/" in text:
        return text
    return "/".join(_KEYS_BY_NAME.get(segment, segment) for segment in text.split("."))
