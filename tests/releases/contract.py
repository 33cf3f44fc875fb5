"""What a release and its predecessor must agree on: tables, attributes of records, tasks.

`RECORDING` is what the last release had, and what it wrote. ``python -m tests.releases REVISION``
writes it; the source of this module then runs in that release, so it uses what all releases have.
"""

import importlib
import json
import pkgutil
from inspect import signature
from pathlib import Path
from typing import Any

RECORDING = Path("tests/releases/0.2.0.json")
"""Of the last release, from the root of the repository."""
PACKAGES = ("config", "accounts", "staffing", "telephony")
OTHER_PARTS = (".management", ".dev", ".celery", ".wsgi", ".asgi", ".urls", ".admin", ".backoffice")
"""Modules that declare no records, and run something when they are imported."""


def describe() -> dict[str, Any]:
    """Tables, with the attributes that items have or may have, and tasks with their arguments."""
    from config import dynamodb

    for package in map(importlib.import_module, PACKAGES):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part in module.name for part in OTHER_PARTS):
                importlib.import_module(module.name)
    return {"tables": dict(map(_describe_table, dynamodb.record_classes())), "tasks": _describe_tasks()}


def _describe_table(record_class: Any) -> tuple[str, dict[str, Any]]:
    from django.conf import settings

    schema = record_class._get_schema()
    attributes = record_class.get_attributes().values()
    may_lack = {item.attr_name for item in attributes if item.null or item.default is not None}
    table = {
        "key": _key_names(schema),
        "indexes": {
            index["index_name"]: {"key": _key_names(index), "projection": index["projection"]}
            for index in schema["global_secondary_indexes"]
        },
        "expiry": getattr(record_class.Meta, "ttl", None),
        "required": {item.attr_name: item.attr_type for item in attributes if item.attr_name not in may_lack},
        "optional": {item.attr_name: item.attr_type for item in attributes if item.attr_name in may_lack},
    }
    return record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-"), table


def _key_names(part: dict[str, Any]) -> list[str]:
    return [key["AttributeName"] for key in sorted(part["key_schema"], key=lambda key: str(key["KeyType"]))]


def _describe_tasks() -> dict[str, Any]:
    tasks_module = importlib.import_module("config.outbox.worker")
    tasks = {}
    for name, function in sorted(tasks_module.load_tasks().items()):
        parameters = [item for item in signature(function).parameters.values() if item.name != "job"]
        tasks[name] = {
            "required": [item.name for item in parameters if item.default is item.empty],
            "optional": [item.name for item in parameters if item.default is not item.empty],
        }
    return tasks


def write_recording(release: str, commit: str, description: dict[str, Any], items: dict[str, list[Any]]) -> None:
    """Write `RECORDING`, an item a line; bytes are base64 in items already."""
    parts = [f'"release": {json.dumps(release)}', f'"commit": {json.dumps(commit)}']
    for name in ("tables", "tasks"):
        rows = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in description[name].items()]
        parts.append(f'"{name}": {{\n' + ",\n".join(rows) + "\n}")
    tables = [
        f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, rows)) + "\n]" for key, rows in sorted(items.items())
    ]
    parts.append('"items": {\n' + ",\n".join(tables) + "\n}")
    RECORDING.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def list_breaks(former: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """What two releases cannot do on the same tables; sentences."""
    breaks = []
    for name, table in former["tables"].items():
        if name not in present["tables"]:
            breaks.append(f"The table {name} is gone.")
            continue
        breaks += [f"{name}: {text}" for text in _list_breaks_of_table(table, present["tables"][name])]
    for name, task in former["tasks"].items():
        parameters = present["tasks"].get(name)
        if parameters is None:
            breaks.append(f"The task {name} is gone: its messages would wait for nobody.")
        elif missing := set(parameters["required"]) - set(task["required"]):
            breaks.append(f"The task {name} needs {sorted(missing)}, which messages of the former release lack.")
        elif unsent := set(task["required"]) - set(parameters["required"] + parameters["optional"]):
            breaks.append(f"The former release needs {sorted(unsent)} for its task {name}.")
    return breaks


def _list_breaks_of_table(former: dict[str, Any], present: dict[str, Any]) -> list[str]:
    breaks = [f"its {part} has changed." for part in ("key", "expiry") if former[part] != present[part]]
    breaks += [
        f"the index {name} has changed or is gone."
        for name, index in former["indexes"].items()
        if present["indexes"].get(name) != index
    ]
    types = {**present["required"], **present["optional"]}
    for name, kind in {**former["required"], **former["optional"]}.items():
        if types.get(name) != kind:
            breaks.append(f"the attribute {name} was {kind} and is {types.get(name, 'gone')}.")
    breaks += [
        f"items may lack {name}, which the former release needs."
        for name in former["required"]
        if name in present["optional"]
    ]
    breaks += [
        f"{name} is required, and items of the former release lack it."
        for name in present["required"]
        if name not in former["required"]
    ]
    return breaks
