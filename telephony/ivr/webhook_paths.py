"""Paths of Twilio's webhooks, with queries that nobody on the way has a reason to rewrite. Pure.

Twilio signs the URL that it was given, and is reported to request it with its query sorted and
encoded anew (twilio/twilio-php#790, twilio/twilio-node#1079). So queries are sorted, and values
have only characters that encoders agree on: letters, digits, ``-`` and ``_`` stay, ``/`` and ``#``
become ``%2F`` and ``%23``. They do not agree on ``*``, which is written as a word.
"""

from collections.abc import Iterable
from datetime import datetime
from urllib.parse import urlencode

_STAR, _STAR_NAME = "*", "star"
_NAMED_KEYS = {_STAR_NAME: _STAR, "hash": "#"}


def webhook_path(name: str, *, action: str = "", **query: object) -> str:
    """Path of a webhook relative to ``/telephony/voice/``.

    ``action`` is the path of an action in the configuration; the other values are ids and numbers.
    """
    values = {**query, "p": encode_action_path(action)} if action else query
    return f"{name}?{encode_query((name, str(value)) for name, value in values.items())}" if values else name


def instant_parameter(at: datetime) -> int:
    """A moment as in the query of a webhook: milliseconds since 1970."""
    return round(at.timestamp() * 1000)


def encode_query(pairs: Iterable[tuple[str, str]]) -> str:
    """A query sorted by name; the values of one name keep their order, as it has a meaning."""
    return urlencode(sorted(pairs, key=lambda pair: pair[0]))


def encode_action_path(path: str) -> str:
    """The path of an action as in a query: ``open/keys/*`` becomes ``open/keys/star``.

    Others stay: while 0.2.0 is replaced, its processes get webhooks of new ones, and read them raw.
    """
    return "/".join(_STAR_NAME if segment == _STAR else segment for segment in path.split("/"))


def decode_action_path(text: str) -> str:
    """The path of an action from a query, also of calls that began with ``open.keys.star``."""
    return "/".join(_NAMED_KEYS.get(segment, segment) for segment in text.replace(".", "/").split("/"))
