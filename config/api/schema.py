"""What drf-spectacular does not know by itself about our operations."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema

COMMON_HEADERS = {
    "X-Request-Id": "Identifies this request in our logs and audit.",
    "RateLimit": 'What is left of the limit: `"name";r=remaining;t=seconds`.',
}
HEADERS_BY_STATUS = {
    "429": {"Retry-After": "Seconds to wait."},
    "503": {"Retry-After": "Seconds to wait."},
    "401": {"WWW-Authenticate": "Bearer, and what was wrong with the token."},
}


class OperationSchema(AutoSchema):
    """Keeps the bodies of DELETE operations, which the library drops."""

    def get_operation(self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any) -> Any:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation and method == "DELETE" and "requestBody" not in operation:
            self.method = "POST"
            body = self._get_request_body()  # type: ignore[no-untyped-call]
            self.method = method
            if body:
                operation["requestBody"] = body
        return operation


def exclude_documentation_paths(endpoints: Iterable[Any], **_: Any) -> list[Any]:
    """Everything that is not the documentation itself."""
    return [endpoint for endpoint in endpoints if not endpoint[0].startswith(("/docs", "/openapi"))]


def add_common_headers(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Headers of the answers, and 304 where a resource has an ETag."""
    for operations in result["paths"].values():
        for method, operation in operations.items():
            names = {parameter["name"] for parameter in operation.get("parameters", ())}
            if method == "get" and "If-None-Match" in names:
                operation["responses"]["304"] = {"description": "Not Modified"}
            for status, response in operation["responses"].items():
                response.setdefault("headers", {}).update(_response_headers(status))
    return result


def _response_headers(status: str) -> dict[str, Any]:
    descriptions = {**COMMON_HEADERS, **HEADERS_BY_STATUS.get(status, {})}
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in descriptions.items()}
