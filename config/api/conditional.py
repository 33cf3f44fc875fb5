"""Conditional requests (RFC 9110): ETags, ``If-None-Match`` and ``If-Match``."""

import hashlib
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.api.middleware import READINESS_PATH

GetResponse = Callable[[HttpRequest], HttpResponse]
_HEADERS_OF_BODY = ("content-type", "content-length", "content-encoding", "content-disposition", "content-range")


class ConditionalRequestMiddleware:
    """Gives each representation that clients may store an ETag; 304 to a client that has it.

    The ETag is a digest of the body unless the view names one, such as the version of a record.
    What a view marks ``no-store`` has none, nor has the back office.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._get_response(request)
        if not _is_storable(request, response):
            return response
        if "ETag" not in response:
            response["ETag"] = digest_etag(response.content)
        if _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), response["ETag"]):
            return _not_modified(response)
        return response


def _is_storable(request: HttpRequest, response: HttpResponse) -> bool:
    if request.method not in ("GET", "HEAD") or response.status_code not in (200, 206):
        return False
    if request.path.startswith(settings.ADMIN_PATH) or request.path == READINESS_PATH:
        return False
    return "no-store" not in response.get("Cache-Control", "") and (not response.streaming or "ETag" in response)


def digest_etag(content: bytes) -> str:
    """The strong ETag of these bytes."""
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def weak_etag(value: Any) -> str:
    """The weak ETag of a response of which only this JSON value counts, not when it was asked."""
    return "W/" + digest_etag(orjson.dumps(value, default=str))


def not_modified_response(request: HttpRequest, etag: str) -> HttpResponse | None:
    """304 if the client has the representation with this ETag, before it is built; or None."""
    if not _matches(request.META.get("HTTP_IF_NONE_MATCH", ""), etag):
        return None
    return _not_modified(HttpResponse(headers={"ETag": etag}))


def _matches(header: str, etag: str) -> bool:
    if not header:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return not tags.isdisjoint({"*", etag.removeprefix("W/")})


def _not_modified(response: HttpResponse) -> HttpResponse:
    headers = {name: value for name, value in response.items() if name.lower() not in _HEADERS_OF_BODY}
    not_modified = HttpResponse(status=304, headers=headers)
    del not_modified["Content-Type"]
    return not_modified
