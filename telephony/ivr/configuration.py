"""IVR configurations: their schema and validation, and what they say about a call. Pure.

A configuration is a tree of actions. A path such as ``open/keys/1/otherwise`` names an action.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import orjson

from config import errors, zone_names
from config.text import clean_text
from telephony.ivr import opening_hours, schema, spoken_texts
from telephony.ivr.phrases import get_phrase
from telephony.ivr.spoken_texts import Objection

IvrConfiguration = Mapping[str, Any]
IvrAction = Mapping[str, Any]

POINTER = "/configuration"
"""The member of a request that holds the configuration; the pointers of faults begin with it."""
MAX_DEPTH = 6
"""Levels of nested actions."""
MAX_ACTIONS = 60
MAX_BYTES = 16_384
"""Size of a whole configuration as JSON."""
MAX_TEXT_LENGTH = 1_000
"""Characters of a text; of some, the schema allows fewer."""
RING_SECONDS, MAX_RING_SECONDS, GRACE_MINUTES, MENU_RETRIES, VOICEMAIL_SECONDS = 20, 45, 10, 1, 115
"""Defaults of the members `ringSeconds`, `maxRingSeconds`, `graceMinutes`, `retries` and
`maxSeconds`."""


class InvalidConfiguration(errors.InvalidRequest):
    """The configuration does not match its schema; see `errors`."""

    code = "invalid_configuration"


@dataclass(frozen=True)
class ParsedConfiguration:
    """A configuration that matches its schema."""

    values: dict[str, Any]
    objections: tuple[Objection, ...] = ()
    """What an older release took, and what another change has left without effect. A line that has
    it keeps it, so that clients can send back what they read; it is refused where it is new."""

    def check_additions(self, stored: IvrConfiguration) -> None:
        """Raise `InvalidConfiguration` for each objection to what is not so in ``stored``."""
        _raise_faults((item.path, item.detail) for item in self.objections if not self._is_in(stored, item))

    def _is_in(self, stored: IvrConfiguration, objection: Objection) -> bool:
        paths = [*objection.depends_on, objection.path]
        return all(_value_at(self.values, part) == _value_at(stored, part) for part in paths)


def default_configuration(location_name: str, *, language: str = "en-US") -> dict[str, Any]:
    """Greet with the location's name, ring the people on duty one by one, then take a voicemail."""
    voicemail = {
        "type": "voicemail",
        "prompt": {"say": get_phrase("leave_message_for", language).format(location=location_name)},
        "maxSeconds": VOICEMAIL_SECONDS,
        "notify": {"onDuty": True, "managers": True},
    }
    return {
        "version": 1,
        "language": language,
        "greeting": {"say": get_phrase("greeting", language).format(location=location_name)},
        "hours": {"mode": "schedule"},
        "open": {
            "type": "ring",
            "target": {"onDuty": {"graceMinutes": GRACE_MINUTES}},
            "strategy": "sequence",
            "ringSeconds": RING_SECONDS,
            "otherwise": voicemail,
        },
        "closed": {"type": "say", "prompt": {"say": get_phrase("nobody_there", language)}, "then": voicemail},
        "recording": {"calls": False},
    }


# --- validation -----------------------------------------------------------------------------------
def validate_configuration(configuration: Any) -> dict[str, Any]:
    """Return a valid new configuration. Raises as `parse_configuration`, also for objections."""
    parsed = parse_configuration(configuration)
    parsed.check_additions({})
    return parsed.values


def parse_configuration(configuration: Any) -> ParsedConfiguration:
    """Check a configuration. Raises `InvalidConfiguration` with a pointer to each fault."""
    try:
        size = len(orjson.dumps(configuration))
    except TypeError as error:
        raise InvalidConfiguration("The configuration contains a number that is too large.", pointer=POINTER) from error
    if size > MAX_BYTES:
        raise InvalidConfiguration(f"The configuration is larger than {MAX_BYTES} bytes.", pointer=POINTER)
    _check_depth(configuration)
    _raise_faults(schema.iter_faults(configuration))
    faults: list[schema.Fault] = []
    cleaned = _clean_texts(configuration, (), faults)
    _raise_faults(_semantic_faults(cleaned))
    faults += _iter_ineffective(cleaned)
    objections = (*(Objection(*fault) for fault in faults), *spoken_texts.iter_objections(cleaned))
    zone = zone_names.find_canonical_name(cleaned.get("timeZone", ""))
    return ParsedConfiguration({**cleaned, "timeZone": zone} if zone else cleaned, objections)


def _raise_faults(faults: Iterable[schema.Fault]) -> None:
    field_faults = [
        errors.FieldError("/".join([POINTER, *map(_escape_pointer, path)]), "invalid", detail)
        for path, detail in islice(faults, errors.MAX_FIELD_ERRORS + 1)
    ]
    if field_faults:
        raise InvalidConfiguration(
            "The configuration does not match its schema; see `errors`.", field_errors=field_faults
        )


def _value_at(configuration: IvrConfiguration, path: schema.FaultPath) -> Any:
    """The value at a path; None if there is none."""
    node: Any = configuration
    for segment in path:
        if isinstance(node, list) and isinstance(segment, int):
            node = node[segment] if segment < len(node) else None
        else:
            node = node.get(segment) if isinstance(node, Mapping) else None
    return node


def _check_depth(configuration: Any) -> None:
    """Limit the depth first: the time that the schema check takes grows with it."""
    stack = [(configuration, 0, POINTER)]
    while stack:
        value, depth, path = stack.pop()
        if not isinstance(value, Mapping):
            continue
        if depth > MAX_DEPTH:
            raise InvalidConfiguration(f"Actions may be nested at most {MAX_DEPTH} levels deep.", pointer=path)
        for name in ("open", "closed", "holiday", "otherwise", "then"):
            stack.append((value.get(name), depth + 1, f"{path}/{name}"))
        keys = value.get("keys")
        for key, child in keys.items() if isinstance(keys, Mapping) else ():
            stack.append((child, depth + 1, f"{path}/keys/{key}"))


def _clean_texts(value: Any, path: schema.FaultPath, faults: list[schema.Fault]) -> Any:
    """A part of a configuration with each text as `config.text` has it; adds to ``faults``."""
    if isinstance(value, Mapping):
        return {name: _clean_texts(member, (*path, name), faults) for name, member in value.items()}
    if isinstance(value, list):
        return [_clean_texts(item, (*path, index), faults) for index, item in enumerate(value)]
    if not isinstance(value, str):
        return value
    try:
        cleaned = clean_text(value, max_length=MAX_TEXT_LENGTH, is_multiline=path[-1] == "say")
    except ValueError as error:
        faults.append((path, str(error)))
        return value
    if not cleaned:
        faults.append((path, "May not be blank."))
    return cleaned or value


def _escape_pointer(segment: str | int) -> str:
    return str(segment).replace("~", "~0").replace("/", "~1")


def _semantic_faults(configuration: IvrConfiguration) -> Iterator[schema.Fault]:
    """Check what the schema cannot: number of actions, opening hours, dates, countries."""
    if len(list(iter_actions(configuration))) > MAX_ACTIONS:
        yield (), f"A configuration may have at most {MAX_ACTIONS} actions."
    yield from opening_hours.iter_faults(configuration)


def _iter_ineffective(configuration: IvrConfiguration) -> Iterator[schema.Fault]:
    """What calls cannot use: unknown zones, settings without effect."""
    yield from opening_hours.iter_ineffective_settings(configuration)
    time_zone = configuration.get("timeZone")
    if time_zone is not None and zone_names.find_canonical_name(time_zone) is None:
        yield ("timeZone",), zone_names.describe_unknown(time_zone)
    elif time_zone is not None and not opening_hours.depends_on_zone(configuration):
        yield ("timeZone",), "Has no effect, as there are neither `weekly` hours nor `holidays`; leave it out."


# --- actions --------------------------------------------------------------------------------------
def iter_actions(configuration: IvrConfiguration) -> Iterator[tuple[str, IvrAction]]:
    """Every action with its path."""
    for name in ("open", "closed", "holiday"):
        if name in configuration:
            yield from _iter_subtree(name, configuration[name])


def _iter_subtree(path: str, action: IvrAction) -> Iterator[tuple[str, IvrAction]]:
    yield path, action
    for name in ("otherwise", "then"):
        if name in action:
            yield from _iter_subtree(f"{path}/{name}", action[name])
    for key, child in action.get("keys", {}).items():
        yield from _iter_subtree(f"{path}/keys/{key}", child)


def action_at(configuration: IvrConfiguration, path: str) -> IvrAction | None:
    """The action at a path, if there is one."""
    node: Any = configuration
    for segment in path.split("/"):
        node = node.get(segment) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) and "type" in node else None


def list_user_references(configuration: IvrConfiguration) -> list[tuple[str, str]]:
    """JSON pointer and id of each user that a ring action names."""
    return _list_references(configuration, "users")


def list_number_references(configuration: IvrConfiguration) -> list[tuple[str, str]]:
    """JSON pointer and number (E.164) of each phone number that a ring action names."""
    return _list_references(configuration, "numbers")


def list_location_references(configuration: IvrConfiguration) -> list[tuple[str, str]]:
    """JSON pointer and id of each other location whose people a ring action rings."""
    return [
        (f"{POINTER}/{path}/target/onDuty/locations/{index}", location_id)
        for path, action in iter_actions(configuration)
        for index, location_id in enumerate(action.get("target", {}).get("onDuty", {}).get("locations", ()))
    ]


def _list_references(configuration: IvrConfiguration, target: str) -> list[tuple[str, str]]:
    return [
        (f"{POINTER}/{path}/target/{target}/{index}", reference)
        for path, action in iter_actions(configuration)
        for index, reference in enumerate(action.get("target", {}).get(target, ()))
    ]


def resolve_key(action: IvrAction, path: str, key: str, attempt: int) -> str | int:
    """Where a key of a menu leads: the path of an action, or the number of the next attempt."""
    if key and key in action["keys"]:
        return f"{path}/keys/{key}"
    if attempt < int(action.get("retries", MENU_RETRIES)):
        return attempt + 1
    return f"{path}/otherwise"


def max_ring_seconds(action: IvrAction) -> int:
    """After how many seconds a ring action stops ringing, however many phones it has."""
    return int(action.get("maxRingSeconds", MAX_RING_SECONDS))


def ring_seconds(action: IvrAction) -> int:
    """How long one phone of a ring action rings at most."""
    return min(int(action.get("ringSeconds", RING_SECONDS)), max_ring_seconds(action))


def shows_caller(configuration: IvrConfiguration, action: IvrAction) -> bool:
    """Whether the phones of a ring action show the caller's number, if it is one.

    Those that ring all at once are calls of their own, which Twilio allows from its numbers only.
    """
    return bool(configuration.get("callerId") == "caller" and action.get("strategy") != "all")


def is_recording_enabled(configuration: IvrConfiguration) -> bool:
    """Whether conversations are recorded."""
    return bool(configuration.get("recording", {}).get("calls"))


# --- the rota -------------------------------------------------------------------------------------
def follows_rota(configuration: IvrConfiguration) -> bool:
    """Whether the line is open while somebody is on duty."""
    return bool(configuration["hours"]["mode"] == "schedule")


def grace_period(configuration: IvrConfiguration) -> timedelta:
    """How long the line stays open after a shift: as long as its first ring action rings."""
    for _, action in iter_actions({"open": configuration["open"]}):
        duty_target = action.get("target", {}).get("onDuty")
        if duty_target is not None:
            return duty_grace_period(duty_target)
    return timedelta(0)


def longest_grace_period(configuration: IvrConfiguration) -> timedelta:
    """How long after their shift a person opens the line, or is rung by any of its actions."""
    duty_targets = [action.get("target", {}).get("onDuty") for _, action in iter_actions(configuration)]
    return max((duty_grace_period(target) for target in duty_targets if target is not None), default=timedelta(0))


def duty_grace_period(duty_target: Mapping[str, Any]) -> timedelta:
    """How long after their shift calls still ring a person."""
    return timedelta(minutes=int(duty_target.get("graceMinutes", GRACE_MINUTES)))
