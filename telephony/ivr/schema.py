"""The JSON Schema of IVR configurations: validation, publication, OpenAPI components.

``schema.json`` names every part, so that generators of clients get a type for each.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
FaultPath = tuple[str | int, ...]
Fault = tuple[FaultPath, str]
"""Where a fault is, and what is wrong."""

SCHEMA: Schema = json.loads((Path(__file__).parent / "schema.json").read_text())
"""JSON Schema 2020-12, published at `PUBLIC_PATH`."""
PUBLIC_PATH = "/schemas/ivr-1.json"
_COMPONENT_NAME = "IvrConfiguration"


def published_schema(base_url: str) -> Schema:
    """The schema with the URL of this deployment as its id."""
    return {"$schema": SCHEMA["$schema"], "$id": base_url + PUBLIC_PATH, **SCHEMA}


def openapi_components() -> dict[str, Schema]:
    """The schema and its parts as components of an OpenAPI document."""
    root = {name: value for name, value in SCHEMA.items() if name not in ("$schema", "$defs", "title")}
    components = {_COMPONENT_NAME: root, **{name: _to_union(part) for name, part in SCHEMA["$defs"].items()}}
    components_json = json.dumps(components).replace('"#/$defs/', '"#/components/schemas/')
    return dict(json.loads(components_json))


def _to_union(part: Schema) -> Schema:
    """A part with variants as nothing but their union, discriminated by `type` if they have one."""
    if "oneOf" not in part:
        return part
    union: Schema = {"description": part["description"], "oneOf": part["oneOf"]}
    mapping = {_type_of(_resolve(variant)): variant["$ref"] for variant in part["oneOf"]}
    if None not in mapping:
        union["discriminator"] = {"propertyName": "type", "mapping": mapping}
    return union


def _resolve(reference: Mapping[str, str]) -> Schema:
    """The part that a reference names."""
    return dict(SCHEMA["$defs"][reference["$ref"].removeprefix("#/$defs/")])


def _type_of(variant: Mapping[str, Any]) -> str | None:
    """The value of `type` that selects a variant; None if a member of its own does."""
    expected_type: str | None = variant["properties"].get("type", {}).get("const")
    return expected_type


def iter_faults(configuration: Any) -> Iterator[Fault]:
    """The path and a description of each fault."""
    for error in _validator().iter_errors(configuration):
        yield tuple(error.absolute_path), str(error.message)[:300]


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, validators

    keywords = {"oneOf": _check_variant, "pattern": _check_pattern}
    return validators.extend(Draft202012Validator, keywords)(SCHEMA)  # type: ignore[no-untyped-call]


def _check_variant(validator: Any, variants: Sequence[Any], instance: Any, schema: Schema) -> Iterator[Any]:
    """``oneOf`` of variants that exclude each other: check the one that the value selects.

    The time is linear, and the faults are those of the variant that was meant.
    """
    if not isinstance(instance, dict):
        return  # `type` reports it
    for variant in variants:
        if _is_selected(_resolve(variant), instance):
            yield from validator.descend(instance, variant)
            return
    if "type" not in schema.get("properties", ()):
        members = ", ".join(_resolve(variant)["required"][0] for variant in variants)
        yield _fault(f"Must have one of the members {members}.")
    elif isinstance(instance.get("type"), str):
        types = ", ".join(str(_type_of(_resolve(variant))) for variant in variants)
        yield _fault(f"Must be one of {types}.", "type")


def _is_selected(variant: Mapping[str, Any], instance: Mapping[str, Any]) -> bool:
    expected_type = _type_of(variant)
    return instance.get("type") == expected_type if expected_type else variant["required"][0] in instance


def _check_pattern(validator: Any, pattern: str, instance: Any, schema: Schema) -> Iterator[Any]:
    """``pattern`` as in ECMAScript, where ``$`` does not match before a line break."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        expected = f": {schema['description']}" if "description" in schema else ""
        yield _fault(f"{instance!r} does not match {pattern!r}{expected}")


def _fault(message: str, *path: str) -> Exception:
    from jsonschema import ValidationError

    return ValidationError(message, path=path)
