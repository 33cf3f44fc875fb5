"""Reads and writes JSON, strict in what it reads; and which media type the Accept header prefers.

REST framework imports this while it defines its views, so `config.api`, which imports those, cannot
contain it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any, cast

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from config import strict_json


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without duplicate names, NaN, lone surrogates or deep nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        _check_charset(media_type or "")
        return strict_json.loads(stream.read())


def _check_charset(media_type: str) -> None:
    for parameter in media_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(media_type)


class JSONRenderer(BaseRenderer):
    """JSON; serializers leave times as datetimes (``DATETIME_FORMAT``), so that all are alike."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else strict_json.dumps(data, default=str)


class JSONOnlyNegotiation(BaseContentNegotiation):
    """Answers JSON whatever Accept says; bodies must be JSON.

    Views that offer something else ask `select_media_type`. Nothing is 406: a client that accepts
    only what an operation does not have can do more with JSON than with an error (RFC 9110, 12.1).
    """

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = (request.content_type or "application/json").split(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def select_media_type(request: Request, offered: Sequence[str]) -> str:
    """The offered type with the highest quality in Accept; of equals, or if none fits, the first.

    So ``*/*`` and lists of everything that a generated client can read get the first. Parameters
    such as ``charset`` do not count.
    """
    accepted_types = cast(Any, request).accepted_types

    def quality(media_type: str) -> float:
        main_type, _, sub_type = media_type.partition("/")
        matching = [
            accepted
            for accepted in accepted_types
            if accepted.main_type in (main_type, "*") and accepted.sub_type in (sub_type, "*")
        ]
        matching.sort(key=lambda accepted: (accepted.main_type == "*", accepted.sub_type == "*"))
        return float(matching[0].quality) if matching else 0.0

    return max(offered, key=quality)
