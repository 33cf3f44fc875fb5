"""Checks our requests and the emulator's responses against Twilio's published specification.

The file lies beside the project; without it nothing is checked, and the tests report that. Names,
types, patterns and enums are checked, but not formats, which are Twilio's own.
"""

import json
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.proxy import Exchange

SPECIFICATION = Path(__file__).resolve().parents[3] / "shared/specs/twilio-2010-subset.json"
FORM_MEDIA_TYPE = "application/x-www-form-urlencoded"
ERROR_FIELDS = {"code", "message", "more_info", "status"}


class SpecificationValidator:
    """Checks exchanges against the specification."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = _expand_nullable(json.loads(SPECIFICATION.read_text()))

    def violations(self, exchange: Exchange) -> list[str]:
        """All violations of an exchange; none if the specification does not cover it."""
        operation = self.find_operation(exchange)
        if operation is None:
            return []
        prefix = f"{exchange.method} {exchange.path} {exchange.status}"
        violations = [
            f"{prefix}: {name} is not a parameter" for name in exchange.parameter_names - _parameter_names(operation)
        ]
        return violations + [f"{prefix}: {violation}" for violation in self._response_violations(exchange, operation)]

    def find_operation(self, exchange: Exchange) -> Any:
        """The specified operation of a request, or None."""
        for pattern, methods in self._paths:
            if pattern.fullmatch(exchange.path):
                return methods.get(exchange.method.lower())
        return None

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        return [
            (re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))), methods)
            for path, methods in self.document["paths"].items()
        ]

    def _response_violations(self, exchange: Exchange, operation: dict[str, Any]) -> Iterator[str]:
        if exchange.status >= 400:
            yield from _error_violations(exchange)
            return
        response = operation["responses"].get(str(exchange.status))
        if response is None:
            yield "this status is not documented"
        elif "content" in response:
            schema = response["content"]["application/json"]["schema"]
            full_schema = {**schema, "components": self.document["components"]}
            content = json.loads(exchange.response_body)
            for violation in Draft202012Validator(full_schema).iter_errors(content):
                yield f"{'/'.join(map(str, violation.absolute_path))}: {violation.message[:120]}"
            yield from self._field_violations(content, schema)

    def _field_violations(self, content: Any, schema: dict[str, Any]) -> Iterator[str]:
        """Missing and unknown members of a resource."""
        reference = schema.get("$ref")
        if reference is None:
            for name, property_schema in schema.get("properties", {}).items():
                for item in content.get(name, ()) if property_schema.get("type") == "array" else ():
                    yield from self._field_violations(item, property_schema["items"])
            return
        expected = set(self.document["components"]["schemas"][reference.split("/")[-1]]["properties"])
        for name in sorted(set(content) ^ expected):
            yield f"{name} is missing" if name in expected else f"{name} is not a member"


def _parameter_names(operation: dict[str, Any]) -> set[str]:
    body = operation.get("requestBody", {}).get("content", {}).get(FORM_MEDIA_TYPE, {}).get("schema", {})
    return {parameter["name"] for parameter in operation.get("parameters", ())} | set(body.get("properties", {}))


def _error_violations(exchange: Exchange) -> Iterator[str]:
    error = json.loads(exchange.response_body)
    if set(error) != ERROR_FIELDS or error["status"] != exchange.status:
        yield f"an error must be {sorted(ERROR_FIELDS)}"


def _expand_nullable(schema: Any) -> Any:
    """Convert ``nullable`` to JSON Schema."""
    if isinstance(schema, list):
        return [_expand_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    expanded = {name: _expand_nullable(value) for name, value in schema.items()}
    if expanded.get("nullable") is True:
        if isinstance(expanded.get("type"), str):
            expanded["type"] = [expanded["type"], "null"]
        if "enum" in expanded:
            expanded["enum"] = [*expanded["enum"], None]
    return expanded
