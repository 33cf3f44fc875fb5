"""Public documents that do not change while a process runs, such as the OpenAPI document."""

from collections.abc import Callable
from functools import cache
from threading import Lock

import orjson
import yaml
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_http_compression.middleware import best_coding
from drf_spectacular.generators import SchemaGenerator

from config.api.compression import CompressionMiddleware
from config.api.conditional import digest_etag

CACHE_CONTROL = "public, max-age=300"
"""A new release shows within five minutes."""


def published_document(build: Callable[[], bytes], media_type: str) -> Callable[[HttpRequest], HttpResponse]:
    """A view of a document that each process builds once, and compresses once in each coding."""
    lock = Lock()

    @cache
    def get_representation(coding: str) -> HttpResponse:
        content = build() if coding == "identity" else get_representation("identity").content
        headers = {"Cache-Control": CACHE_CONTROL, "ETag": digest_etag(content)}
        response = HttpResponse(content, media_type, headers=headers)
        request = HttpRequest()
        request.META["HTTP_ACCEPT_ENCODING"] = coding
        CompressionMiddleware(lambda _: response).maybe_compress(request, response)
        return response

    @require_safe
    def view(request: HttpRequest) -> HttpResponse:
        with lock:
            representation = get_representation(best_coding(request.headers.get("Accept-Encoding", "")))
        return HttpResponse(representation.content, headers=dict(representation.items()))

    return view


@cache
def _build_openapi() -> bytes:
    return orjson.dumps(SchemaGenerator().get_schema(request=None, public=True))  # type: ignore[no-untyped-call]


def _build_openapi_yaml() -> bytes:
    document = orjson.loads(_build_openapi())
    return yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, encoding="utf-8")


openapi_json = published_document(_build_openapi, "application/vnd.oai.openapi+json")
openapi_yaml = published_document(_build_openapi_yaml, "application/yaml")
