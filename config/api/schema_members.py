"""Hooks of the OpenAPI document: named enums, and a pattern and text for each member."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

Node = dict[str, Any]
_ENUM_KEYS = ("enum", "type", "minLength", "maxLength", "x-spec-enum-id")
_COMPONENT_PATH = "#/components/schemas/"


def name_enums(result: Node, **_: Any) -> Node:
    """Move each enum of `settings.OPENAPI_ENUMS` to a component, and refer to it."""
    values_by_name = {name: _load_values(path) for name, (path, _) in settings.OPENAPI_ENUMS.items()}
    names = {frozenset(values): name for name, values in values_by_name.items()}
    named_result: Node = _replace_enums(result, names)
    named_result["components"]["schemas"] |= {
        name: _enum_component(values_by_name[name], text) for name, (_, text) in settings.OPENAPI_ENUMS.items()
    }
    return named_result


def _load_values(path: str) -> Collection[str]:
    source: Any = import_string(path)
    values: Collection[str] = source() if callable(source) else source
    return values


def _enum_component(values: Collection[str], text: str) -> Node:
    meanings = values if isinstance(values, Mapping) else {}
    lines = [f"- `{value}`: {meaning}" for value, meaning in meanings.items() if isinstance(meaning, str)]
    names = list(values) if isinstance(values, Mapping | tuple | list) else sorted(values)
    return {"type": "string", "description": "\n".join([text, *([""] if lines else []), *lines]), "enum": names}


def _replace_enums(node: Any, names: Mapping[frozenset[str], str]) -> Any:
    if isinstance(node, list):
        return [_replace_enums(child, names) for child in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("enum"), list):
        return _refer_to_enum(node, names)
    return {key: value if key == "examples" else _replace_enums(value, names) for key, value in node.items()}


def _refer_to_enum(schema: Node, names: Mapping[frozenset[str], str]) -> Node:
    values = [value for value in schema["enum"] if value is not None]
    others = {key: value for key, value in schema.items() if key not in _ENUM_KEYS}
    if (name := names.get(frozenset(values))) is None:
        return {**others, "type": schema["type"], "enum": schema["enum"]}
    reference = {"$ref": _COMPONENT_PATH + name}
    return {**others, "oneOf": [reference, {"type": "null"}]} if None in schema["enum"] else {**others, **reference}


def describe_members(result: Node, **_: Any) -> Node:
    """Complete members and parameters from `settings.OPENAPI_MEMBERS` and `OPENAPI_IDS`."""
    for component_name, schema in result["components"]["schemas"].items():
        if "discriminator" in schema:
            schema.setdefault("description", f"One of these, as `{schema['discriminator']['propertyName']}` says.")
        for name, member in schema.get("properties", {}).items():
            member.pop("readOnly", None)  # components of responses are in no request
            _complete(member, _find_id(component_name) if name == "id" else settings.OPENAPI_MEMBERS.get(name, {}))
    for path, parameter in _iter_parameters(result):
        texts = settings.OPENAPI_MEMBERS.get(parameter["name"]) or (
            _find_id(_noun_of(path)) if parameter["in"] == "path" else {}
        )
        if "description" in texts:
            parameter.setdefault("description", texts["description"])
        _complete(parameter["schema"], {name: part for name, part in texts.items() if name != "description"})
    return result


def _complete(schema: Node, texts: Node) -> None:
    """Add what the schema lacks; patterns only to strings, items only to arrays."""
    types = schema.get("type", "")
    if "description" in texts and ("$ref" not in schema or schema["$ref"].endswith("RecurrencePattern")):
        schema.setdefault("description", texts["description"])
    if "pattern" in texts and "string" in types and "format" not in schema:
        schema.setdefault("pattern", texts["pattern"])
    if "items" in texts and types == "array":
        schema["items"] = texts["items"] | schema["items"]


def _find_id(name: str) -> Node:
    """What the id of the noun in a component's name says, of the longest noun in it."""
    nouns = sorted((noun for noun in settings.OPENAPI_IDS if noun in name), key=len)
    return settings.OPENAPI_IDS[nouns[-1]] if nouns else {"description": "Id of the record."}


def _noun_of(path: str) -> str:
    """The noun of a path, as in names of components: ``StaffSchedule`` of ``/staffSchedule``."""
    noun = path.split("/")[1]
    return noun[0].upper() + noun[1:]


def _iter_parameters(result: Node) -> Iterator[tuple[str, Node]]:
    for path, operations in result["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                yield path, parameter
