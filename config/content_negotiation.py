"""The media types of requests and responses: JSON, or what the Accept header prefers.

REST framework imports this while it defines its views, so `config.api`, which imports those, cannot
contain it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class JSONParser(BaseParser):
    """Declares for the OpenAPI document what `config.api.messages.parse_body` reads."""

    media_type = "application/json"


class JSONRenderer(BaseRenderer):
    """Declares for the OpenAPI document what `config.api.messages.Response` writes."""

    media_type = "application/json"
    format = "json"


class FirstRendererNegotiation(BaseContentNegotiation):
    """Answers what a page has, whatever Accept says."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        return None

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def select_media_type(request: Request, offered: Sequence[str]) -> str:
    """The offered type with the highest quality in Accept; of equals, or if none fits, the first.

    So ``*/*`` and lists of everything that a generated client can read get the first. Parameters
    such as ``charset`` do not count. Nothing is 406: a client that accepts only what an operation
    does not have can do more with JSON than with an error (RFC 9110, 12.1).
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
