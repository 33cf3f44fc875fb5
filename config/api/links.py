"""Headers that link to what a response names."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from rest_framework.request import Request

from config.api import pagination
from config.api.operations import Operation


def link_headers(declared: Operation, request: Request, response: Any) -> dict[str, str]:
    """Location of a created resource, Link to the next page of a list."""
    content = getattr(response, "data", None)
    if not isinstance(content, dict) or response.status_code >= 300:
        return {}
    locations = {202: declared.pending_location, declared.status: declared.location}
    if location := locations.get(response.status_code):
        return {"Location": _resource_path(location, content)}
    if next_cursor := content.get("nextCursor"):
        return {"Link": pagination.next_link(request, next_cursor)}
    return {}


class _QuotedMembers(dict[str, Any]):
    """Members of a response as segments of a path."""

    def __getitem__(self, name: str) -> str:
        return quote(str(super().__getitem__(name)), safe="")


def _resource_path(template: str, content: Mapping[str, Any]) -> str:
    path, _, parameter = template.partition("?")
    filled = path.format_map(_QuotedMembers(content))
    value = content.get(parameter)
    return f"{filled}?{urlencode({parameter: value})}" if value else filled
