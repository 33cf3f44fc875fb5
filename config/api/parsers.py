"""Reads JSON bodies strictly: what two parsers could understand differently is refused."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser

from config import strict_json


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without duplicate members, NaN, lone surrogates or deep nesting."""

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
