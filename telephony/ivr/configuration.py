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
from telephony.ivr.phrases import said
from telephony.ivr.schema import DAYS, LARGEST, MOST_ACTIONS, MOST_DEPTH, SCHEMA

Configuration = Mapping[str, Any]
Action = Mapping[str, Any]

RING_SECONDS, GRACE_MINUTES, MENU_SECONDS, MENU_RETRIES = 20, 10, 5, 1
SCREEN_SECONDS = 5
VOICEMAIL_SECONDS = 115
WAIT_SECONDS = 3
"""How long a caller hears the ringing tone before we look whether somebody pressed 1."""


class BadConfiguration(errors.Invalid):
    """The configuration does not follow its schema."""

    code = "bad_configuration"


# --- What a call is told to do --------------------------------------------------------------------
@dataclass(frozen=True)
class Prompt:
    """Say a text, or play a sound."""

    say: str = ""
    play: str = ""


@dataclass(frozen=True)
class Ask:
    """Say something and wait for one key; silence goes on like a wrong key."""

    prompts: tuple[Prompt, ...]
    seconds: int
    then: str
    """Where the key is told: a path below ``/telephony/voice/``."""


@dataclass(frozen=True)
class Ring:
    """Ring one number; who picks up must press 1 (`screen`)."""

    number: str
    caller_id: str
    seconds: int
    screen: str
    then: str
    most_seconds: int
    record: str = ""


@dataclass(frozen=True)
class Join:
    """Meet in a conference of this name; whoever leaves ends it."""

    room: str
    then: str
    most_seconds: int
    record: str = ""


@dataclass(frozen=True)
class Record:
    """Record what the caller says."""

    seconds: int
    then: str
    kept: str


@dataclass(frozen=True)
class GoOn:
    """Ask us what comes next."""

    then: str


@dataclass(frozen=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True)
class Connect:
    """Let the one who picked up and the caller talk."""


Instruction = Prompt | Ask | Ring | Join | Record | GoOn | Hangup | Connect


# --- The configuration ----------------------------------------------------------------------------
def default(location: str, *, language: str = "en-US") -> dict[str, Any]:
    """Greet by name, ring who is on duty one after another, then voicemail."""
    voicemail = {
        "type": "voicemail",
        "prompt": {"say": said("leave_message_for", language).format(location=location)},
        "maxSeconds": VOICEMAIL_SECONDS,
        "notify": {"onDuty": True, "managers": True},
    }
    return {
        "version": 1,
        "language": language,
        "greeting": {"say": said("greeting", language).format(location=location)},
        "hours": {"mode": "schedule"},
        "open": {
            "type": "ring",
            "target": {"onDuty": {"graceMinutes": GRACE_MINUTES}},
            "strategy": "sequence",
            "ringSeconds": RING_SECONDS,
            "otherwise": voicemail,
        },
        "closed": {
            "type": "say",
            "prompt": {"say": said("nobody_there", language)},
            "then": voicemail,
        },
        "recording": {"calls": False},
    }


def check(configuration: Any) -> dict[str, Any]:
    """The configuration, if it is one. Raises `BadConfiguration` with a pointer to each fault."""
    try:
        size = len(orjson.dumps(configuration))
    except TypeError as error:
        raise BadConfiguration("A number in it is too large.", pointer="") from error
    if size > LARGEST:
        raise BadConfiguration(f"It may have {LARGEST} bytes.", pointer="")
    _check_depth(configuration)
    faults = list(_faults(configuration)) or list(_beyond_schema(configuration))
    if faults:
        told = [
            errors.Fault(f"/{'/'.join(map(_escaped, path))}" if path else "", "invalid", detail)
            for path, detail in faults[:20]
        ]
        raise BadConfiguration("The configuration does not follow its schema.", faults=told)
    return dict(configuration)


def _check_depth(configuration: Any) -> None:
    """Before anything else: the schema is followed as deep as what is given."""
    waiting = [(configuration, 0, "")]
    while waiting:
        value, depth, path = waiting.pop()
        if not isinstance(value, Mapping):
            continue
        if depth > MOST_DEPTH:
            raise BadConfiguration(f"Actions may be nested {MOST_DEPTH} deep.", pointer=path)
        for name in ("open", "closed", "holiday", "otherwise", "then"):
            waiting.append((value.get(name), depth + 1, f"{path}/{name}"))
        keys = value.get("keys")
        for key, chosen in keys.items() if isinstance(keys, Mapping) else ():
            waiting.append((chosen, depth + 1, f"{path}/keys/{key}"))


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(SCHEMA)


Path = tuple[str | int, ...]


def _faults(configuration: Any) -> Iterator[tuple[Path, str]]:
    for error in _validator().iter_errors(configuration):
        found = _deepest(error, configuration)
        yield tuple(found.absolute_path), str(found.message)[:300]


def _deepest(error: Any, configuration: Any) -> Any:
    """Of the branches of a ``oneOf``, the one that was meant: whose type or member is there."""
    while error.context:
        meant = [one for one in error.context if not _is_other_kind(one)]
        if not meant:
            return error
        error = max(meant, key=lambda one: len(one.absolute_path))
    return error


def _is_other_kind(error: Any) -> bool:
    """A fault of a branch whose ``type`` is another, or whose one member is not there."""
    branch = error.parent.schema["oneOf"][error.schema_path[0]] if error.parent else {}
    given = error.parent.instance if error.parent else None
    kind = branch.get("properties", {}).get("type", {}).get("const")
    if not isinstance(given, dict):
        return True
    if kind:
        return bool(given.get("type") != kind)
    return not set(branch.get("required", ())) & set(given)


def _escaped(step: str | int) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")


def _beyond_schema(configuration: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """What a schema cannot say: depth, number, spans of time, dates, zones, countries."""
    every = list(actions(configuration))
    if len(every) > MOST_ACTIONS:
        yield (), f"There may be {MOST_ACTIONS} actions."
    yield from _wrong_hours(configuration["hours"])
    zone = configuration.get("timeZone")
    if zone is not None and not is_zone(zone):
        yield ("timeZone",), "It must be an IANA time zone, such as Europe/Berlin."


def is_zone(name: str) -> bool:
    """Whether this names a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return False
    return True


def _wrong_hours(hours: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    for day, spans in hours.get("weekly", {}).items():
        for number, (start, end) in enumerate(spans):
            if start >= end:
                yield ("hours", "weekly", day, number), "It must end later than it begins."
    off = hours.get("holidays", {})
    for number, text in enumerate(off.get("dates", ())):
        try:
            date.fromisoformat(text)
        except ValueError:
            yield ("hours", "holidays", "dates", number), "There is no such day."
    if "country" in off and not _knows_holidays(off["country"], off.get("subdivision")):
        yield ("hours", "holidays"), "The holidays of this country or part of it are not known."


def _knows_holidays(country: str, subdivision: str | None) -> bool:
    try:
        _public_holidays(country, subdivision, 2026)
    except NotImplementedError:  # how the library says that it does not know a country
        return False
    return True


@cache
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    import holidays

    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))


def actions(configuration: Mapping[str, Any]) -> Iterator[tuple[str, Action]]:
    """Every action with its path."""
    for name in ("open", "closed", "holiday"):
        if name in configuration:
            yield from _below(name, configuration[name])


def _below(path: str, action: Action) -> Iterator[tuple[str, Action]]:
    yield path, action
    for name in ("otherwise", "then"):
        if name in action:
            yield from _below(f"{path}/{name}", action[name])
    for key, chosen in action.get("keys", {}).items():
        yield from _below(f"{path}/keys/{key}", chosen)


def action_at(configuration: Mapping[str, Any], path: str) -> Action | None:
    """The action that a path names; None where there is none (by now)."""
    found: Any = configuration
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) and "type" in found else None


def people_in(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The users that a configuration names, with the pointer to each."""
    return [
        (f"/{path}/target/users/{number}", id)
        for path, action in actions(configuration)
        for number, id in enumerate(action.get("target", {}).get("users", ()))
    ]


def numbers_in(configuration: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The numbers that a configuration names, with the pointer to each."""
    return [
        (f"/{path}/target/numbers/{number}", text)
        for path, action in actions(configuration)
        for number, text in enumerate(action.get("target", {}).get("numbers", ()))
    ]


def step(name: str, **about: object) -> str:
    """Where a webhook of a call goes, below ``/telephony/voice/``; all it needs is in its query."""
    return f"{name}?{urlencode(about)}" if about else name


# --- What a call meets ----------------------------------------------------------------------------
def follows_rota(configuration: Configuration) -> bool:
    """Whether it is the rota that says when the line is open."""
    return bool(configuration["hours"]["mode"] == "schedule")


def grace(configuration: Configuration) -> timedelta:
    """How long after somebody's shift the line still counts as open: as its first ring has it."""
    for _, action in actions({"open": configuration["open"]}):
        asked = action.get("target", {}).get("onDuty")
        if asked is not None:
            return grace_of(asked)
    return timedelta(0)


def grace_of(on_duty: Mapping[str, Any]) -> timedelta:
    """How long somebody is rung after their shift."""
    return timedelta(minutes=int(on_duty.get("graceMinutes", GRACE_MINUTES)))


def entrance(
    configuration: Configuration, at: datetime, *, zone: str, somebody_is_there: bool
) -> str:
    """Where a call enters: open, closed or holiday. ``zone`` is the location's."""
    hours = configuration["hours"]
    if follows_rota(configuration):
        return "open" if somebody_is_there else "closed"
    wall = at.astimezone(ZoneInfo(configuration.get("timeZone") or zone))
    if _is_holiday(hours.get("holidays", {}), wall.date()):
        return "holiday" if "holiday" in configuration else "closed"
    if hours["mode"] == "always":
        return "open"
    time = f"{wall:%H:%M}"
    spans = hours["weekly"].get(DAYS[wall.weekday()], ())
    return "open" if any(start <= time < end for start, end in spans) else "closed"


def _is_holiday(off: Mapping[str, Any], day: date) -> bool:
    if day.isoformat() in off.get("dates", ()):
        return True
    country = off.get("country")
    return bool(country) and day in _public_holidays(country, off.get("subdivision"), day.year)


def prompt(told: Mapping[str, str]) -> Prompt:
    """A prompt of a configuration."""
    return Prompt(say=told.get("say", ""), play=told.get("play", ""))


def greeting(configuration: Configuration) -> list[Instruction]:
    """What every caller hears first; also that the call is recorded, where it is."""
    said: list[Instruction] = [prompt(configuration["greeting"])]
    if records_calls(configuration):
        said.append(prompt(configuration["recording"]["consentPrompt"]))
    return said


def records_calls(configuration: Configuration) -> bool:
    """Whether conversations are recorded."""
    return bool(configuration.get("recording", {}).get("calls"))


def menu(action: Action, path: str, attempt: int) -> list[Instruction]:
    """Ask for a key."""
    seconds = int(action.get("timeoutSeconds", MENU_SECONDS))
    return [Ask((prompt(action["prompt"]),), seconds, then=step("key", p=path, a=attempt))]


def after_key(action: Action, path: str, key: str, attempt: int) -> str | int:
    """Where a key leads: a path, or the number of the next attempt."""
    if key and key in action["keys"]:
        return f"{path}/keys/{key}"
    if attempt < int(action.get("retries", MENU_RETRIES)):
        return attempt + 1
    return f"{path}/otherwise"


def voicemail(action: Action, path: str, language: str) -> list[Instruction]:
    """Take a message."""
    seconds = int(action.get("maxSeconds", VOICEMAIL_SECONDS))
    spoken = action.get("prompt", {"say": said("leave_message", language)})
    return [
        prompt(spoken),
        Record(seconds, then=step("bye", p=path), kept=step("message", p=path)),
        Hangup(),
    ]


def last_resort(configuration: Configuration | None, path: str) -> list[Instruction]:
    """A voicemail where nothing else is possible: the next one on the way, or a plain one."""
    language = str(configuration["language"]) if configuration else "en-US"
    at = path
    while configuration is not None and (action := action_at(configuration, at)):
        if action["type"] == "voicemail":
            return voicemail(action, at, language)
        at = f"{at}/otherwise" if "otherwise" in action else f"{at}/then"
    return [Prompt(said("sorry", language)), *voicemail({}, path, language)]


def screening(location: str, *, language: str, then: str, is_recorded: bool) -> list[Instruction]:
    """What who picks up hears: a mailbox does not press 1."""
    told = [said("call_for", language).format(location=location)]
    told += [said("recorded", language)] if is_recorded else []
    prompts = [*told, said("press_1", language), said("press_1", language)]
    return [Ask(tuple(map(Prompt, prompts)), SCREEN_SECONDS, then=then)]
