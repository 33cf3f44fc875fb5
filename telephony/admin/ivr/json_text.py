"""IVR configurations as JSON text: reading it, and the line of each fault. Pure."""

import json
from typing import Any

import yaml

from config import strict_json


class MalformedText(ValueError):
    """The text is not JSON; the message says what is wrong, with the line if that is known."""


def parse(text: str) -> Any:
    """The value of a JSON text, read as strictly as by the API. Raises `MalformedText`."""
    try:
        return strict_json.loads(text.encode("utf-8", "replace"))
    except strict_json.MalformedJSON as error:
        raise MalformedText(_locate_syntax_error(text) or error.detail) from error


def _locate_syntax_error(text: str) -> str:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return f"Line {error.lineno}, column {error.colno}: this is not valid JSON ({error.msg.lower()})."
    except (ValueError, RecursionError):
        return ""
    return ""


def locate(text: str, pointer: str) -> int | None:
    """The line of a text that was parsed, counted from 1, at which the value of a pointer begins.

    That of the object around it if it is missing; None if the line is not known.
    """
    try:
        # JSON is YAML, but for tabs, and its nodes know their lines
        node = yaml.compose(text.replace("\t", " "), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None
    for escaped in pointer.removeprefix("/configuration").strip("/").split("/"):
        following = _child(node, escaped.replace("~1", "/").replace("~0", "~"))
        if following is None:
            break
        node = following
    return node.start_mark.line + 1 if node is not None else None


def _child(node: Any, segment: str) -> Any:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == segment), None)
    if isinstance(node, yaml.SequenceNode) and segment.isascii() and segment.isdigit():
        return node.value[int(segment)] if int(segment[:6]) < len(node.value) else None
    return None
