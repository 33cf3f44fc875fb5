"""The shape of an IVR configuration: JSON Schema 2020-12, published at ``/schemas/ivr-1.json``."""

from typing import Any

MAX_DEPTH = 6
"""How deep actions may be nested: as long as a caller may be led on."""
MAX_ACTIONS = 60
MAX_BYTES = 16_384
"""Bytes of a whole configuration, as JSON."""
WEEKDAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")

_ACTION = {"$ref": "#/$defs/action"}
_PROMPT = {"$ref": "#/$defs/prompt"}
_TIME = r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$"


def _action(kind: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["type", *required],
        "properties": {"type": {"const": kind}, **properties},
    }


def _union_by_type(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """One of several kinds of object, told apart by ``type``: each is looked at once."""
    names = [kind["properties"]["type"]["const"] for kind in kinds]
    return {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"enum": names}},
        "allOf": [
            {"if": {"required": ["type"], "properties": {"type": {"const": name}}}, "then": kind}
            for name, kind in zip(names, kinds, strict=True)
        ],
    }


def _single_property(name: str, value: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "required": [name],
        "properties": {name: value},
    }


_OPENING_SPANS = {
    "type": "array",
    "maxItems": 6,
    "items": {
        "type": "array",
        "prefixItems": [{"type": "string", "pattern": _TIME}] * 2,
        "minItems": 2,
        "maxItems": 2,
        "items": False,
    },
}
_ON_DUTY = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "graceMinutes": {
            "type": "integer",
            "minimum": 0,
            "maximum": 120,
            "description": "Who went off duty so long ago is rung too, after those on duty.",
        },
        "roles": {
            "type": "array",
            "minItems": 1,
            "maxItems": 4,
            "items": {"enum": ["owner", "admin", "manager", "staff"]},
        },
        "skills": {
            "type": "array",
            "minItems": 1,
            "maxItems": 20,
            "items": {"type": "string", "minLength": 1, "maxLength": 100},
        },
    },
}
_TARGET = {
    "oneOf": [
        _single_property("onDuty", _ON_DUTY, "Whoever the rota has on duty there at that moment."),
        _single_property(
            "users",
            {
                "type": "array",
                "minItems": 1,
                "maxItems": 10,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": "^usr_[0-9A-Z]{26}$"},
            },
            "These people, in this order.",
        ),
        _single_property(
            "numbers",
            {
                "type": "array",
                "minItems": 1,
                "maxItems": 10,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$"},
            },
            "These numbers (E.164), in this order.",
        ),
    ]
}
_HOLIDAYS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "subdivision": {"type": "string", "pattern": "^[A-Z0-9]{1,6}$"},
        "dates": {
            "type": "array",
            "maxItems": 100,
            "items": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
        },
    },
    "dependentRequired": {"subdivision": ["country"]},
}

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "IVR configuration",
    "description": "How a location answers its number.",
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "language", "greeting", "hours", "open", "closed"],
    "properties": {
        "version": {"const": 1},
        "language": {
            "type": "string",
            "pattern": "^[a-z]{2}-[A-Z]{2}$",
            "description": "What is said is said in it: en-US, de-DE, es-ES …",
        },
        "voice": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,60}$"},
        "timeZone": {
            "type": "string",
            "maxLength": 64,
            "description": "Of hours and holidays; the location's where it is not given.",
        },
        "greeting": _PROMPT,
        "hours": {
            "type": "object",
            "additionalProperties": False,
            "required": ["mode"],
            "properties": {
                "mode": {
                    "enum": ["always", "weekly", "schedule"],
                    "description": "schedule: open while somebody is on duty.",
                },
                "weekly": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": dict.fromkeys(WEEKDAYS, _OPENING_SPANS),
                },
                "holidays": _HOLIDAYS,
            },
            "if": {"properties": {"mode": {"const": "weekly"}}},
            "then": {"required": ["weekly"]},
        },
        "open": _ACTION,
        "closed": _ACTION,
        "holiday": {**_ACTION, "description": "On holidays, except in mode schedule; without it: closed."},
        "recording": {
            "type": "object",
            "additionalProperties": False,
            "required": ["calls"],
            "properties": {
                "calls": {"type": "boolean", "description": "Record conversations."},
                "consentPrompt": _PROMPT,
            },
            "if": {"properties": {"calls": {"const": True}}},
            "then": {"required": ["consentPrompt"]},
        },
    },
    "$defs": {
        "prompt": {
            "oneOf": [
                _single_property("say", {"type": "string", "minLength": 1, "maxLength": 1000}, "A text to say."),
                _single_property(
                    "play", {"type": "string", "maxLength": 500, "pattern": r"^https://[^\s<>\"]+$"}, "A sound to play."
                ),
            ]
        },
        "action": _union_by_type(
            [
                _action(
                    "menu",
                    ("prompt", "keys"),
                    prompt=_PROMPT,
                    keys={
                        "type": "object",
                        "minProperties": 1,
                        "additionalProperties": False,
                        "patternProperties": {"^[0-9*#]$": _ACTION},
                    },
                    timeoutSeconds={"type": "integer", "minimum": 1, "maximum": 30},
                    retries={"type": "integer", "minimum": 0, "maximum": 3},
                    otherwise=_ACTION,
                ),
                _action(
                    "ring",
                    ("target",),
                    target=_TARGET,
                    strategy={"enum": ["sequence", "all"]},
                    ringSeconds={"type": "integer", "minimum": 5, "maximum": 60},
                    otherwise=_ACTION,
                ),
                _action(
                    "voicemail",
                    prompt=_PROMPT,
                    maxSeconds={"type": "integer", "minimum": 5, "maximum": 300},
                    notify={
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {"onDuty": {"type": "boolean"}, "managers": {"type": "boolean"}},
                    },
                ),
                _action("say", ("prompt",), prompt=_PROMPT, then=_ACTION),
                _action("hangup"),
            ]
        ),
    },
}
"""Without `additionalProperties` nothing is taken: what is misspelt is told, not ignored."""
