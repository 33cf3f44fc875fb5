"""Hook of the OpenAPI document: headers, parameters and responses that operations share."""

from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import orjson
from inflection import camelize

Node = dict[str, Any]
MAX_NAME_LENGTH = 40
Slot = tuple[Any, Any, str]
"""Where a definition is: its container, its key there, and the name of the component it can be."""


def share_components(result: Node, **_: Any) -> Node:
    """Move definitions that repeat to components, and refer to them."""
    operations = [operation for operations in result["paths"].values() for operation in operations.values()]
    responses = [response for operation in operations for response in operation["responses"].values()]
    _share(result, "headers", [slot for response in responses for slot in _header_slots(response)])
    _share(result, "parameters", [slot for operation in operations for slot in _parameter_slots(operation)])
    _share(result, "responses", [slot for operation in operations for slot in _error_slots(operation)])
    return result


def _header_slots(response: Node) -> Iterator[Slot]:
    headers = response.get("headers", {})
    for name in headers:
        yield headers, name, name


def _parameter_slots(operation: Node) -> Iterator[Slot]:
    parameters = operation.get("parameters", [])
    for index, parameter in enumerate(parameters):
        if parameter["in"] == "header":
            yield parameters, index, camelize(parameter["name"].replace("-", "_"))


def _error_slots(operation: Node) -> Iterator[Slot]:
    responses = operation["responses"]
    for status in [status for status in responses if int(status) >= 300]:
        codes = [code for media in responses[status].get("content", {}).values() for code in media["examples"]]
        name = "Or".join(map(camelize, codes))
        is_readable = 0 < len(name) <= MAX_NAME_LENGTH
        yield responses, status, name if is_readable else HTTPStatus(int(status)).phrase.title().replace(" ", "")


def _share(result: Node, kind: str, slots: list[Slot]) -> None:
    """Share the most frequent definition of each name; others of the same name stay in place."""
    counts = Counter((name, _digest(container[key])) for container, key, name in slots)
    shared: dict[str, bytes] = {}
    for (name, digest), count in counts.most_common():
        if count > 1:
            shared.setdefault(name, digest)
    components: Node = {}
    for container, key, name in slots:
        if shared.get(name) == _digest(container[key]):
            components[name] = container[key]
            container[key] = {"$ref": f"#/components/{kind}/{name}"}
    result["components"][kind] = dict(sorted(components.items()))


def _digest(definition: Node) -> bytes:
    return orjson.dumps(definition, option=orjson.OPT_SORT_KEYS)
