"""Page cursors: where a list goes on, signed, so that nobody can make one point elsewhere."""

from typing import Any

import orjson
from django.conf import settings
from django.core import signing
from django.utils.crypto import constant_time_compare
from rest_framework import serializers
from rest_framework.response import Response

from config import errors, listing

_SALT = "dutyline.cursor"


class BadCursor(errors.Invalid):
    """A cursor of another list, another caller, or nobody's."""

    code = "bad_cursor"


def cursor(scope: str, key: dict[str, Any] | None) -> str | None:
    """The cursor for the page after ``key`` (DynamoDB's own notation); None at the end.

    ``scope`` says whose list it is and how it is filtered: it opens only for the same one.
    """
    if not key:
        return None
    packed = signing.b64_encode(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).decode()
    return f"{packed}.{_signature(scope, packed)}"


def start_of(scope: str, given: str | None) -> dict[str, Any] | None:
    """The key that a cursor stands for; None at the beginning. Raises `BadCursor`."""
    if given is None:
        return None
    packed, _, signature = given.partition(".")
    expected = _signature(scope, packed)
    if not given.isascii() or not constant_time_compare(signature, expected):
        raise BadCursor("This cursor does not belong to this list.", pointer="?cursor")
    return dict(orjson.loads(signing.b64_decode(packed.encode())))


def answer(
    scope: str, page: listing.Page[Any], view: type[serializers.Serializer[Any]]
) -> Response:
    """The answer that shows a page: ``{"items": […], "nextCursor": … or null}``."""
    shown = {"items": page.records, "nextCursor": cursor(scope, page.next)}
    return Response(view(shown).data)


def _signature(scope: str, packed: str) -> str:
    value = f"{scope}\n{packed}"
    return signing.Signer(key=settings.SECRET_KEY, salt=_SALT).signature(value)
