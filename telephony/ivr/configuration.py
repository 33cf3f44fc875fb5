"""How a location answers: the configuration, its default, and what a call meets. Pure.

A configuration is a tree of actions; one is named by its path (``open/keys/1/otherwise``), so a
webhook needs to know no more than the path. What is done is told as `Instruction`s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson

from config import errors
from telephony.ivr.phrases import get_phrase
from telephony.ivr.schema import MAX_ACTIONS, MAX_BYTES, MAX_DEPTH, SCHEMA, WEEKDAYS

IvrConfiguration = Mapping[str, Any]
IvrAction = Mapping[str, Any]

RING_SECONDS, GRACE_MINUTES, MENU_SECONDS, MENU_RETRIES = 20, 10, 5, 1
SCREEN_SECONDS = 5
VOICEMAIL_SECONDS = 115
WAIT_SECONDS = 3
"""How long a caller hears the ringing tone before we look whether somebody pressed 1."""


class InvalidConfiguration(errors.InvalidRequest):
    """The configuration does not follow its schema."""

    code = "bad_configuration"


# --- What a call is told to do --------------------------------------------------------------------
@dataclass(frozen=True)
class Prompt:
    """Say a text, or play a sound."""

    say: str = ""
    play: str = ""


@dataclass(frozen=True)
class GatherKey:
    """Say something and wait for one key; silence goes on like a wrong key."""

    prompts: tuple[Prompt, ...]
    seconds: int
    next_path: str
    """Where the key is told: a path below ``/telephony/voice/``."""


@dataclass(frozen=True)
class DialNumber:
    """Ring one number; who picks up must press 1 (`screen`)."""

    number: str
    caller_id: str
    seconds: int
    screen_path: str
    next_path: str
    max_seconds: int
    recording_path: str = ""


@dataclass(frozen=True)
class JoinConference:
    """Meet in a conference of this name; whoever leaves ends it."""

    conference: str
    next_path: str
    max_seconds: int
    recording_path: str = ""


@dataclass(frozen=True)
class RecordVoicemail:
    """Record what the caller says."""

    seconds: int
    next_path: str
    recording_path: str


@dataclass(frozen=True)
class Redirect:
    """Ask us what comes next."""

    next_path: str


@dataclass(frozen=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True)
class ConnectCall:
    """Let the one who picked up and the caller talk."""


Instruction = Prompt | GatherKey | DialNumber | JoinConference | RecordVoicemail | Redirect | Hangup | ConnectCall


# --- The configuration ----------------------------------------------------------------------------
def default_configuration(location_name: str, *, language: str = "en-US") -> dict[str, Any]:
    """Greet by name, ring who is on duty one after another, then voicemail."""
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


def validate_configuration(configuration: Any) -> dict[str, Any]:
    """The configuration, if it is one. Raises `BadConfiguration` with a pointer to each fault."""
    try:
        size = len(orjson.dumps(configuration))
    except TypeError as error:
        raise InvalidConfiguration("A number in it is too large.", pointer="") from error
    if size > MAX_BYTES:
        raise InvalidConfiguration(f"It may have {MAX_BYTES} bytes.", pointer="")
    _check_depth(configuration)
    faults = list(_schema_faults(configuration)) or list(_semantic_faults(configuration))
    if faults:
        field_faults = [
            errors.FieldError(f"/{'/'.join(map(_escape_pointer, path))}" if path else "", "invalid", detail)
            for path, detail in faults[:20]
        ]
        raise InvalidConfiguration("The configuration does not follow its schema.", field_errors=field_faults)
    return dict(configuration)


def _check_depth(configuration: Any) -> None:
    """Before anything else: the schema is followed as deep as what is given."""
    stack = [(configuration, 0, "")]
    while stack:
        value, depth, path = stack.pop()
        if not isinstance(value, Mapping):
            continue
        if depth > MAX_DEPTH:
            raise InvalidConfiguration(f"Actions may be nested {MAX_DEPTH} deep.", pointer=path)
        for name in ("open", "closed", "holiday", "otherwise", "then"):
            stack.append((value.get(name), depth + 1, f"{path}/{name}"))
        keys = value.get("keys")
        for key, child in keys.items() if isinstance(keys, Mapping) else ():
            stack.append((child, depth + 1, f"{path}/keys/{key}"))


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(SCHEMA)


FaultPath = tuple[str | int, ...]


def _schema_faults(configuration: Any) -> Iterator[tuple[FaultPath, str]]:
    for error in _validator().iter_errors(configuration):
        deepest_error = _deepest_error(error, configuration)
        yield tuple(deepest_error.absolute_path), str(deepest_error.message)[:300]


def _deepest_error(error: Any, configuration: Any) -> Any:
    """Of the branches of a ``oneOf``, the one that was meant: whose type or member is there."""
    while error.context:
        matching_errors = [suberror for suberror in error.context if not _is_other_branch(suberror)]
        if not matching_errors:
            return error
        error = max(matching_errors, key=lambda suberror: len(suberror.absolute_path))
    return error


def _is_other_branch(error: Any) -> bool:
    """A fault of a branch whose ``type`` is another, or whose one member is not there."""
    branch = error.parent.schema["oneOf"][error.schema_path[0]] if error.parent else {}
    instance = error.parent.instance if error.parent else None
    expected_type = branch.get("properties", {}).get("type", {}).get("const")
    if not isinstance(instance, dict):
        return True
    if expected_type:
        return bool(instance.get("type") != expected_type)
    return not set(branch.get("required", ())) & set(instance)


def _escape_pointer(segment: str | int) -> str:
    return str(segment).replace("~", "~0").replace("/", "~1")


def _semantic_faults(configuration: Mapping[str, Any]) -> Iterator[tuple[FaultPath, str]]:
    """What a schema cannot say: depth, number, spans of time, dates, zones, countries."""
    all_actions = list(iter_actions(configuration))
    if len(all_actions) > MAX_ACTIONS:
        yield (), f"There may be {MAX_ACTIONS} actions."
    yield from _opening_hours_faults(configuration["hours"])
    time_zone = configuration.get("timeZone")
    if time_zone is not None and not is_time_zone(time_zone):
        yield ("timeZone",), "It must be an IANA time zone, such as Europe/Berlin."


def is_time_zone(name: str) -> bool:
    """Whether this names a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def _opening_hours_faults(hours: Mapping[str, Any]) -> Iterator[tuple[FaultPath, str]]:
    for day, spans in hours.get("weekly", {}).items():
        for index, (start, end) in enumerate(spans):
            if start >= end:
                yield ("hours", "weekly", day, index), "It must end later than it begins."
    holiday_settings = hours.get("holidays", {})
    for index, text in enumerate(holiday_settings.get("dates", ())):
        try:
            date.fromisoformat(text)
        except ValueError:
            yield ("hours", "holidays", "dates", index), "There is no such day."
    if "country" in holiday_settings and not _has_holiday_calendar(
        holiday_settings["country"], holiday_settings.get("subdivision")
    ):
        yield ("hours", "holidays"), "The holidays of this country or part of it are not known."


def _has_holiday_calendar(country: str, subdivision: str | None) -> bool:
    try:
        _public_holidays(country, subdivision, 2026)
    except NotImplementedError:  # how the library says that it does not know a country
        return False
    return True


@cache
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def iter_actions(configuration: Mapping[str, Any]) -> Iterator[tuple[str, IvrAction]]:
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


def action_at(configuration: Mapping[str, Any], path: str) -> IvrAction | None:
    """The action that a path names; None where there is none (by now)."""
    node: Any = configuration
    for segment in path.split("/"):
        node = node.get(segment) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) and "type" in node else None


def list_user_references(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The users that a configuration names, with the pointer to each."""
    return [
        (f"/{path}/target/users/{index}", user_id)
        for path, action in iter_actions(configuration)
        for index, user_id in enumerate(action.get("target", {}).get("users", ()))
    ]


def list_number_references(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers that a configuration names, with the pointer to each."""
    return [
        (f"/{path}/target/numbers/{index}", phone_number)
        for path, action in iter_actions(configuration)
        for index, phone_number in enumerate(action.get("target", {}).get("numbers", ()))
    ]


def webhook_path(name: str, **query: object) -> str:
    """Where a webhook of a call goes, below ``/telephony/voice/``; all it needs is in its query."""
    return f"{name}?{urlencode(query)}" if query else name


# --- What a call meets ----------------------------------------------------------------------------
def follows_rota(configuration: IvrConfiguration) -> bool:
    """Whether it is the rota that says when the line is open."""
    return bool(configuration["hours"]["mode"] == "schedule")


def grace_period(configuration: IvrConfiguration) -> timedelta:
    """How long after somebody's shift the line still counts as open: as its first ring has it."""
    for _, action in iter_actions({"open": configuration["open"]}):
        duty_target = action.get("target", {}).get("onDuty")
        if duty_target is not None:
            return duty_grace_period(duty_target)
    return timedelta(0)


def duty_grace_period(duty_target: Mapping[str, Any]) -> timedelta:
    """How long somebody is rung after their shift."""
    return timedelta(minutes=int(duty_target.get("graceMinutes", GRACE_MINUTES)))


def select_entrance(configuration: IvrConfiguration, at: datetime, *, time_zone: str, is_staffed: bool) -> str:
    """Where a call enters: open, closed or holiday. ``zone`` is the location's."""
    hours = configuration["hours"]
    if follows_rota(configuration):
        return "open" if is_staffed else "closed"
    local_time = at.astimezone(ZoneInfo(configuration.get("timeZone") or time_zone))
    if _is_holiday(hours.get("holidays", {}), local_time.date()):
        return "holiday" if "holiday" in configuration else "closed"
    if hours["mode"] == "always":
        return "open"
    wall_clock = f"{local_time:%H:%M}"
    spans = hours["weekly"].get(WEEKDAYS[local_time.weekday()], ())
    return "open" if any(start <= wall_clock < end for start, end in spans) else "closed"


def _is_holiday(holiday_settings: Mapping[str, Any], day: date) -> bool:
    if day.isoformat() in holiday_settings.get("dates", ()):
        return True
    country = holiday_settings.get("country")
    return bool(country) and day in _public_holidays(country, holiday_settings.get("subdivision"), day.year)


def to_prompt(prompt_json: Mapping[str, str]) -> Prompt:
    """A prompt of a configuration."""
    return Prompt(say=prompt_json.get("say", ""), play=prompt_json.get("play", ""))


def greeting_instructions(configuration: IvrConfiguration) -> list[Instruction]:
    """What every caller hears first; also that the call is recorded, where it is."""
    instructions: list[Instruction] = [to_prompt(configuration["greeting"])]
    if is_recording_enabled(configuration):
        instructions.append(to_prompt(configuration["recording"]["consentPrompt"]))
    return instructions


def is_recording_enabled(configuration: IvrConfiguration) -> bool:
    """Whether conversations are recorded."""
    return bool(configuration.get("recording", {}).get("calls"))


def menu_instructions(action: IvrAction, path: str, attempt: int) -> list[Instruction]:
    """Ask for a key."""
    timeout_seconds = int(action.get("timeoutSeconds", MENU_SECONDS))
    return [
        GatherKey((to_prompt(action["prompt"]),), timeout_seconds, next_path=webhook_path("key", p=path, a=attempt))
    ]


def resolve_key(action: IvrAction, path: str, key: str, attempt: int) -> str | int:
    """Where a key leads: a path, or the number of the next attempt."""
    if key and key in action["keys"]:
        return f"{path}/keys/{key}"
    if attempt < int(action.get("retries", MENU_RETRIES)):
        return attempt + 1
    return f"{path}/otherwise"


def voicemail_instructions(action: IvrAction, path: str, language: str) -> list[Instruction]:
    """Take a message."""
    max_seconds = int(action.get("maxSeconds", VOICEMAIL_SECONDS))
    prompt_json = action.get("prompt", {"say": get_phrase("leave_message", language)})
    return [
        to_prompt(prompt_json),
        RecordVoicemail(
            max_seconds, next_path=webhook_path("bye", p=path), recording_path=webhook_path("message", p=path)
        ),
        Hangup(),
    ]


def fallback_instructions(configuration: IvrConfiguration | None, path: str) -> list[Instruction]:
    """A voicemail where nothing else is possible: the next one on the way, or a plain one."""
    language = str(configuration["language"]) if configuration else "en-US"
    current_path = path
    while configuration is not None and (action := action_at(configuration, current_path)):
        if action["type"] == "voicemail":
            return voicemail_instructions(action, current_path, language)
        current_path = f"{current_path}/otherwise" if "otherwise" in action else f"{current_path}/then"
    return [Prompt(get_phrase("sorry", language)), *voicemail_instructions({}, path, language)]


def screening_instructions(
    location_name: str, *, language: str, next_path: str, is_recorded: bool
) -> list[Instruction]:
    """What who picks up hears: a mailbox does not press 1."""
    texts = [get_phrase("call_for", language).format(location=location_name)]
    texts += [get_phrase("recorded", language)] if is_recorded else []
    prompts = [*texts, get_phrase("press_1", language), get_phrase("press_1", language)]
    return [GatherKey(tuple(map(Prompt, prompts)), SCREEN_SECONDS, next_path=next_path)]
