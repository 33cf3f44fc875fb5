"""Page cursors: where a list goes on, sealed: nobody can make one, or read where it points."""

import base64
import binascii
import hashlib
import hmac
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from rest_framework import serializers
from rest_framework.response import Response

from config import errors
from config.dynamodb import encryption, pagination


class BadCursor(errors.Invalid):
    """A cursor of another list, another caller, or nobody's."""

    code = "bad_cursor"


def cursor(scope: str, place: pagination.Place | None) -> str | None:
    """The cursor for the page after ``place``; None at the end.

    ``scope`` says whose list it is and how it is filtered: it opens only for the same one.
    """
    if not place:
        return None
    return base64.urlsafe_b64encode(encryption.seal(_key(), place, scope)).decode()


def start_of(scope: str, given: str | None) -> pagination.Place | None:
    """The place that a cursor stands for; None at the beginning. Raises `BadCursor`."""
    if given is None:
        return None
    try:
        sealed = base64.b64decode(given, altchars=b"-_", validate=True)
        return dict(encryption.unseal(_key(), sealed, scope))
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise BadCursor("This cursor does not belong to this list.", pointer="?cursor") from error


def answer(
    scope: str, page: pagination.Page[Any], view: type[serializers.Serializer[Any]]
) -> Response:
    """The answer that shows a page: ``{"items": […], "nextCursor": … or null}``."""
    shown = {"items": page.records, "nextCursor": cursor(scope, page.next)}
    return Response(view(shown).data)


def _key() -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"cursor", hashlib.sha256).digest()
