"""The recorded calls of the product as templates, which the floor fills in and repeats."""

import json
from collections.abc import Sequence
from typing import Any

from bench.recorder import Call


def template_calls(calls: Sequence[Call], names: dict[str, str]) -> list[dict[str, str]]:
    """Calls with ``names`` (text by what replaces it) as placeholders."""
    return [{"operation": call.operation, "body": replace_all(_with_versions(call, names), names)} for call in calls]


def replace_all(text: str, names: dict[str, str]) -> str:
    """A text with placeholders."""
    for name, value in names.items():
        text = text.replace(value, name)
    return text


def _with_versions(call: Call, names: dict[str, str]) -> str:
    """A body whose versions and hashes are placeholders, if it is a transaction."""
    if call.operation != "TransactWriteItems":
        return call.body.decode()
    arguments = json.loads(call.body)
    arguments["ClientRequestToken"] = "@token@"
    for action in arguments["TransactItems"]:
        put = action.get("Put", {})
        item, values = put.get("Item", {}), put.get("ExpressionAttributeValues", {})
        if "stream" in item:
            _mark_audit(item, values, "caller" if item["stream"]["S"] == names["@caller@"] else "staff")
        elif "wrote" in item:
            item["version"]["N"], values[":0"] = "@busy-next@", {"N": "@busy@"}
    return json.dumps(arguments, separators=(",", ":"))


def _mark_audit(item: dict[str, Any], values: dict[str, Any], person: str) -> None:
    if "last" in item:
        item["last"]["N"] = f"@{person}-next@"
        values.update({":0": {"N": f"@{person}-last@"}, ":1": {"S": f"@{person}-hash@"}})
    else:
        item["seq"]["N"] = f"@{person}-next@"
