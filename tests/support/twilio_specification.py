"""Twilio's published specification as a judge: of what we ask, and of what the stand-in answers.

The file lies beside the project, where it is there; without it nothing is judged and the tests say
so. Formats are not checked (they are Twilio's own); names, types, patterns and enums are.
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
FORM = "application/x-www-form-urlencoded"
ERROR = {"code", "message", "more_info", "status"}


class Judge:
    """Finds what an exchange violates."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = _with_null(json.loads(SPECIFICATION.read_text()))

    def faults(self, exchange: Exchange) -> list[str]:
        """Everything wrong with an exchange; nothing for what the specification leaves out."""
        operation = self.operation(exchange)
        if operation is None:
            return []
        where = f"{exchange.method} {exchange.path} {exchange.status}"
        found = [f"{where}: {name} is no parameter" for name in exchange.given - _names(operation)]
        return found + [f"{where}: {fault}" for fault in self._of_answer(exchange, operation)]

    def operation(self, exchange: Exchange) -> Any:
        """What the specification has for a request; None: nothing."""
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

    def _of_answer(self, exchange: Exchange, operation: dict[str, Any]) -> Iterator[str]:
        if exchange.status >= 400:
            yield from _of_error(exchange)
            return
        documented = operation["responses"].get(str(exchange.status))
        if documented is None:
            yield "this status is not documented"
        elif "content" in documented:
            schema = documented["content"]["application/json"]["schema"]
            whole = {**schema, "components": self.document["components"]}
            answer = json.loads(exchange.answer)
            for fault in Draft202012Validator(whole).iter_errors(answer):
                yield f"{'/'.join(map(str, fault.absolute_path))}: {fault.message[:120]}"
            yield from self._of_members(answer, schema)

    def _of_members(self, answer: Any, schema: dict[str, Any]) -> Iterator[str]:
        """No member more, none less, than the resource has."""
        reference = schema.get("$ref")
        if reference is None:
            for name, part in schema.get("properties", {}).items():
                for one in answer.get(name, ()) if part.get("type") == "array" else ():
                    yield from self._of_members(one, part["items"])
            return
        wanted = set(self.document["components"]["schemas"][reference.split("/")[-1]]["properties"])
        for name in sorted(set(answer) ^ wanted):
            yield f"{name} is missing" if name in wanted else f"{name} is no member"


def _names(operation: dict[str, Any]) -> set[str]:
    body = operation.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
    return {one["name"] for one in operation.get("parameters", ())} | set(
        body.get("properties", {})
    )


def _of_error(exchange: Exchange) -> Iterator[str]:
    told = json.loads(exchange.answer)
    if set(told) != ERROR or told["status"] != exchange.status:
        yield f"an error must be {sorted(ERROR)}"


def _with_null(schema: Any) -> Any:
    """``nullable`` as JSON Schema has it."""
    if isinstance(schema, list):
        return [_with_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {name: _with_null(value) for name, value in schema.items()}
    if changed.get("nullable") is True:
        if isinstance(changed.get("type"), str):
            changed["type"] = [changed["type"], "null"]
        if "enum" in changed:
            changed["enum"] = [*changed["enum"], None]
    return changed
