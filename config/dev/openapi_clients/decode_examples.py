"""Decodes the examples of an OpenAPI document with the Python client that was generated from it.

``decode_examples.py document package``; the package is a folder.
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

import yaml


def main() -> None:
    """Import every module of the client, then decode and encode each example."""
    document_file, package_folder = map(Path, sys.argv[1:])
    sys.path.insert(0, str(package_folder.parent))
    package = importlib.import_module(package_folder.name)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    models = importlib.import_module(f"{package.__name__}.models")
    document = yaml.load(document_file.read_text(), yaml.CSafeLoader)
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        for content in (operation.get("requestBody", {}), *operation["responses"].values()):
            media = content.get("content", {}).get("application/json", {})
            for example in media.get("examples", {}).values():
                name = _component_name(document, media["schema"]["$ref"], example["value"])
                _round_trip(getattr(models, name), example["value"], operation["operationId"])


def _component_name(document: dict[str, Any], reference: str, value: dict[str, Any]) -> str:
    """The component of a value; of a union, which has no class, the one that the value selects."""
    name = reference.rsplit("/", 1)[1]
    discriminator = document["components"]["schemas"][name].get("discriminator")
    if discriminator is None:
        return name
    return _component_name(document, discriminator["mapping"][value[discriminator["propertyName"]]], value)


def _round_trip(model: Any, value: dict[str, Any], operation_id: str) -> None:
    encoded = model.from_dict(value).to_dict()
    if _to_json(encoded) != _to_json(value):
        sys.exit(f"{operation_id}: {model.__name__} turned {value} into {encoded}")


def _to_json(value: Any) -> str:
    """JSON in which UTC is always ``Z``."""
    return json.dumps(value, sort_keys=True).replace('+00:00"', 'Z"')


if __name__ == "__main__":
    main()
