"""Page cursors: encrypted, so that clients can neither forge nor read them.

AES-SIV (RFC 5297): the same cursor is always the same text, so that the ETag of a page is stable.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import urlencode

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from django.conf import settings
from drf_spectacular.drainage import get_override
from rest_framework import serializers
from rest_framework.request import Request

from config import errors
from config.api.fields import NextCursorField
from config.api.messages import Response
from config.dynamodb import pagination


class InvalidCursor(errors.InvalidRequest):
    """The cursor was not issued for this list and caller."""

    code = "invalid_cursor"
    example_detail = "This cursor does not belong to this list; start without a cursor."
    example_pointer = "?cursor"


def encode_cursor(scope: str, cursor: pagination.Cursor | None) -> str | None:
    """The encrypted cursor of the next page; None at the end.

    ``scope`` names the caller, the list and its filters; the cursor decodes with this scope only.
    """
    if not cursor:
        return None
    plaintext = orjson.dumps(cursor, option=orjson.OPT_SORT_KEYS)
    return base64.urlsafe_b64encode(_cursor_cipher(settings.SECRET_KEY).encrypt(plaintext, [scope.encode()])).decode()


def decode_cursor(scope: str, encoded: str | None) -> pagination.Cursor | None:
    """The cursor that a client sent; None for the first page. Raises `InvalidCursor`."""
    if encoded is None:
        return None
    with suppress(binascii.Error, ValueError):
        ciphertext = base64.b64decode(encoded, altchars=b"-_", validate=True)
        for secret_key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
            with suppress(InvalidTag):
                return dict(orjson.loads(_cursor_cipher(secret_key).decrypt(ciphertext, [scope.encode()])))
    raise InvalidCursor("This cursor does not belong to this list; start without a cursor.", pointer="?cursor")


def page_serializer(item: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """Documents a page of items, named for them: ``LocationPage`` of ``LocationView``."""
    fields = {"items": item(many=True), "nextCursor": NextCursorField(), "__doc__": "One page of a list."}
    name = get_override(item, "component_name") or item.__name__.removesuffix("View")
    return type(f"{name}Page", (serializers.Serializer,), fields)


def page_response(
    scope: str,
    page: pagination.CursorPage[Any],
    item: type[serializers.Serializer[Any]],
    *,
    context: Mapping[str, Any] | None = None,
) -> Response:
    """The response for a page: ``{"items": […], "nextCursor": … or null}``.

    ``context`` is for the serializer of the items.
    """
    view = item(page.records, context=dict(context or {}))  # of something, so that no field is made
    items = [view.to_representation(record) for record in page.records]
    return Response({"items": items, "nextCursor": encode_cursor(scope, page.next_cursor)})


def next_link(request: Request, next_cursor: str) -> str:
    """The header Link of a page that is not the last; its ``limit`` is the one that applied."""
    parameters = {name: value for name, value in request.query_params.items() if name != "offset"}
    if "limit" in parameters:
        query = cast(Any, request.parser_context)["view"].declared_operation().query
        parameters["limit"] = str(query.parse_query(request)["limit"])
    query_string = urlencode({**parameters, "cursor": next_cursor})
    return f'<{request.path}?{query_string}>; rel="next"'


def _cursor_cipher(secret_key: str) -> AESSIV:
    return AESSIV(hmac.digest(secret_key.encode(), b"cursor", "sha512"))
