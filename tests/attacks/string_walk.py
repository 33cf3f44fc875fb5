"""Every string of a request, from the OpenAPI document."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from tests.support.samples import Operation

Path = tuple[str | int, ...]
Schema = Mapping[str, Any]
PLACEHOLDER = "@@hostile@@"
MAX_NESTING = 2
"""How often a schema that contains itself, such as an action of a configuration, is entered."""


def iter_hostile_bodies(operation: Operation, body: Any, openapi: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The operation's body for each string of it and each name, which is `PLACEHOLDER`."""
    media_types = operation.definition.get("requestBody", {}).get("content", {})
    for media_type in media_types.values():
        for path, containers in _iter_strings(media_type["schema"], openapi, (), {}, ()):
            yield "/".join(map(str, path)), _place(body, path, containers)


def _iter_strings(
    schema: Schema, openapi: Mapping[str, Any], path: Path, containers: Mapping[Path, Any], entered: tuple[str, ...]
) -> Iterator[tuple[Path, Mapping[Path, Any]]]:
    """The path of each string, with what its containers must have besides to be what they are."""
    if reference := schema.get("$ref"):
        if entered.count(reference) < MAX_NESTING:
            target = openapi["components"]["schemas"][reference.rpartition("/")[2]]
            yield from _iter_strings(target, openapi, path, containers, (*entered, reference))
        return
    for variant in [*schema.get("oneOf", ()), *schema.get("anyOf", ()), *schema.get("allOf", ())]:
        yield from _iter_strings(variant, openapi, path, containers, entered)
    types = schema.get("type", ())
    if "string" in types:
        yield path, containers
    if items := schema.get("items"):
        yield from _iter_strings(items, openapi, (*path, 0), containers, entered)
    members = schema.get("properties", {})
    if members or "additionalProperties" in schema or "object" in types:
        constants = {name: member["const"] for name, member in members.items() if "const" in member}
        containers = {**containers, path: constants}
        yield (*path, "{name}"), containers
        for name, member in members.items():
            yield from _iter_strings(member, openapi, (*path, name), containers, entered)
        if isinstance(schema.get("additionalProperties"), dict):
            yield from _iter_strings(schema["additionalProperties"], openapi, (*path, "1"), containers, entered)


def _place(body: Any, path: Path, containers: Mapping[Path, Any]) -> Any:
    """A body with `PLACEHOLDER` at the path, and around it what was there or what must be there."""
    root = deepcopy(body) if isinstance(body, dict) else {}
    node: Any = root
    for depth, segment in enumerate(path):
        if segment == "{name}":
            node[PLACEHOLDER] = 1
            break
        if isinstance(node, list):
            node.append(None)
            segment = -1
        node[segment] = _value_at(
            node.get(segment) if isinstance(node, dict) else None, path[: depth + 1], path, containers
        )
        node = node[segment]
    return root


def _value_at(present: Any, own_path: Path, path: Path, containers: Mapping[Path, Any]) -> Any:
    if own_path == path:
        return PLACEHOLDER
    if path[len(own_path)] == 0:
        return []
    constants = containers.get(own_path, {})
    return {**present, **constants} if isinstance(present, dict) and not constants else dict(constants)
