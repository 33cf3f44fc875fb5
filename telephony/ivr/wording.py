"""IVR configurations in words: their steps, their opening hours, and what a change changes. Pure.

Names of users and locations are given by id; without one, somebody is a person who is gone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from telephony.ivr import placeholders
from telephony.ivr.configuration import (
    GRACE_MINUTES,
    MAX_RING_SECONDS,
    MENU_RETRIES,
    RING_SECONDS,
    VOICEMAIL_SECONDS,
    IvrAction,
    IvrConfiguration,
)
from telephony.ivr.instructions import callback_prompt, get_language, voicemail_prompt
from telephony.ivr.language_names import describe_language
from telephony.ivr.opening_hours import WEEKDAYS, format_day

Names = Mapping[str, str]
WEEKDAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
BRANCHES = {"open": "When open", "closed": "When closed", "holiday": "On holidays"}
KINDS = {
    "ring": "Ring phones",
    "voicemail": "Take a voicemail",
    "say": "Say something",
    "menu": "Ask for a key",
    "callback": "Promise a call-back",
    "hangup": "End the call",
}
MODES = {"always": "always", "weekly": "at fixed hours", "schedule": "while somebody is on duty"}
NEXT_STEPS = {
    "ring": ("otherwise", "If nobody answers"),
    "menu": ("otherwise", "Without a valid key"),
    "callback": ("otherwise", "If they cannot be called back"),
    "say": ("then", "Then"),
}
"""By kind of action: the member of the action that follows, and when it does."""


class Fact(NamedTuple):
    """One thing that a configuration says."""

    name: str
    value: str


@dataclass(frozen=True)
class Step:
    """An action in words, with those that follow it."""

    path: str
    position: str
    """Where it is, in words: ``When closed › then``."""
    title: str
    facts: Sequence[Fact]
    branches: "Sequence[tuple[str, Step]]" = field(default_factory=list)
    """When they follow, and what follows."""


class Difference(NamedTuple):
    """What a change adds (no ``before``), removes (no ``after``) or changes."""

    position: str
    name: str
    before: str
    after: str


# --- steps ----------------------------------------------------------------------------------------
def describe_branches(configuration: IvrConfiguration, names: Names) -> list[Step]:
    """The first step of each branch that a configuration has: open, closed, holiday."""
    return [
        describe_step(configuration, branch, position, configuration[branch], names)
        for branch, position in BRANCHES.items()
        if branch in configuration
    ]


def describe_step(configuration: IvrConfiguration, path: str, position: str, action: IvrAction, names: Names) -> Step:
    """An action at a path, with all that follow it; what is built in follows, too."""
    kind = str(action["type"])
    branches = [
        (f"Key {key}", describe_step(configuration, f"{path}/keys/{key}", f"{position} › key {key}", child, names))
        for key, child in action.get("keys", {}).items()
    ]
    member, label = NEXT_STEPS.get(kind, ("", ""))
    if member:
        default = {"type": "hangup" if kind == "say" else "voicemail"}
        following = action.get(member, default)
        next_position = f"{position} › {label.lower()}"
        branches.append((label, describe_step(configuration, f"{path}/{member}", next_position, following, names)))
    facts = list(_iter_facts(configuration, path, action, names))
    return Step(path, position, KINDS.get(kind, kind), facts, branches)


def _iter_facts(configuration: IvrConfiguration, path: str, action: IvrAction, names: Names) -> Iterator[Fact]:
    kind = action["type"]
    if kind == "ring":
        yield from _iter_ring_facts(action, names)
    prompt = action.get("prompt")
    if kind == "voicemail":
        prompt = voicemail_prompt(action, configuration, path)
    elif kind == "callback":
        prompt = callback_prompt(action, configuration, path)
    if prompt:
        yield from iter_prompt_facts(prompt, get_language(configuration))
    if kind == "voicemail":
        yield Fact("Longest", f"{action.get('maxSeconds', VOICEMAIL_SECONDS)} seconds")
        yield Fact("Tells", describe_notified(action.get("notify", {})))
    if kind == "menu":
        yield Fact("Waits", f"{action.get('timeoutSeconds', 5)} seconds for a key")
        yield Fact("Repeats", f"{action.get('retries', MENU_RETRIES)} times without a valid key")


def iter_prompt_facts(prompt: Mapping[str, Any], line_language: str) -> Iterator[Fact]:
    """What is said, and the language and voice if they are its own."""
    if prompt.get("play"):
        yield Fact("Plays", str(prompt["play"]))
        return
    yield Fact("Says", f"“{placeholders.describe(str(prompt.get('say', '')))}”")
    yield Fact("Language", describe_language(str(prompt.get("language") or line_language)))
    if prompt.get("voice"):
        yield Fact("Voice", str(prompt["voice"]))


def describe_notified(notify: Mapping[str, Any]) -> str:
    """Who is told of a voicemail."""
    people = [text for name, text in (("onDuty", "people on duty"), ("managers", "managers")) if notify.get(name, True)]
    return " and ".join(people) or "nobody"


def _iter_ring_facts(action: IvrAction, names: Names) -> Iterator[Fact]:
    target = action["target"]
    duty = target.get("onDuty")
    if duty is not None:
        yield Fact("Rings", "the people on duty")
        if others := duty.get("locations"):
            yield Fact("Then rings", f"the people on duty at {_name_all(others, names, 'a removed location')}")
        if duty.get("roles"):
            yield Fact("Only roles", ", ".join(duty["roles"]))
        if duty.get("skills"):
            yield Fact("Only skills", ", ".join(duty["skills"]))
        if duty.get("first"):
            yield Fact("First", "whoever talked last with this caller")
        yield Fact("After their shift", f"for {duty.get('graceMinutes', GRACE_MINUTES)} minutes more")
    elif "users" in target:
        yield Fact("Rings", _name_all(target["users"], names, "somebody whose account is deleted"))
    else:
        yield Fact("Rings", ", ".join(target.get("numbers", ())))
    yield Fact("Order", "all at once" if action.get("strategy") == "all" else "one after another")
    yield Fact("Each phone", f"{action.get('ringSeconds', RING_SECONDS)} seconds")
    yield Fact("At most", f"{action.get('maxRingSeconds', MAX_RING_SECONDS)} seconds in all")


def _name_all(ids: Sequence[str], names: Names, unknown: str) -> str:
    return ", then ".join(names.get(id, unknown) for id in ids)


# --- hours ----------------------------------------------------------------------------------------
def iter_hours_facts(configuration: IvrConfiguration) -> Iterator[Fact]:
    """When the line is open, and on which days it is not."""
    hours = configuration["hours"]
    yield Fact("Open", MODES[hours["mode"]])
    if hours["mode"] == "weekly":
        for day, name in zip(WEEKDAYS, WEEKDAY_NAMES, strict=True):
            yield Fact(name, describe_periods(hours.get("weekly", {}).get(day, ())))
    holidays = hours.get("holidays", {})
    if holidays.get("country"):
        area = ", ".join(filter(None, (holidays["country"], holidays.get("subdivision"))))
        yield Fact("Public holidays", f"those of {area}")
    for text in sorted(holidays.get("dates", ())):
        yield Fact("Closed day", describe_date(text))
    if any(holidays.values()) and hours["mode"] == "schedule":
        yield Fact("On these days", "open only while somebody is planned on purpose for that day")
    if configuration.get("timeZone"):
        yield Fact("Time zone", str(configuration["timeZone"]))


def describe_periods(periods: Sequence[Sequence[str]]) -> str:
    """The opening hours of a day."""
    return ", ".join(f"{start}–{end}" for start, end in periods) or "closed"


def describe_date(text: str) -> str:
    """A day such as 2026-12-24: Thu 24 Dec 2026."""
    try:
        return format_day(date.fromisoformat(text))
    except ValueError:
        return text


def iter_general_facts(configuration: IvrConfiguration) -> Iterator[Fact]:
    """What holds for all calls, and what every caller hears."""
    language = get_language(configuration)
    yield Fact("Language", describe_language(language))
    if configuration.get("voice"):
        yield Fact("Voice", str(configuration["voice"]))
    for name, prompt in (
        ("Greeting", configuration.get("greeting")),
        ("Recording is announced", configuration.get("recording", {}).get("consentPrompt")),
    ):
        if prompt:
            said, *rest = iter_prompt_facts(prompt, language)
            yield Fact(name, said.value)
            yield from (Fact(f"{name}: {fact.name.lower()}", fact.value) for fact in rest if fact.name == "Voice")
            if prompt.get("language"):
                yield Fact(f"{name}: language", describe_language(str(prompt["language"])))
    yield Fact("Conversations", "recorded" if configuration.get("recording", {}).get("calls") else "not recorded")
    shows_caller = configuration.get("callerId") == "caller"
    yield Fact("Phones show", "the caller's number" if shows_caller else "the location's number")


# --- differences ----------------------------------------------------------------------------------
def list_differences(before: IvrConfiguration, after: IvrConfiguration, names: Names) -> list[Difference]:
    """What a change changes, in the order in which a caller meets it."""
    old_positions, new_positions = _facts_by_position(before, names), _facts_by_position(after, names)
    differences: list[Difference] = []
    for position in dict.fromkeys([*new_positions, *old_positions]):
        old, new = old_positions.get(position), new_positions.get(position)
        if old is None or new is None:
            differences.append(Difference(position, "", _summarize(old), _summarize(new)))
            continue
        old_values, new_values = _values_by_name(old), _values_by_name(new)
        for name in dict.fromkeys([*new_values, *old_values]):
            gone = [value for value in old_values.get(name, ()) if value not in new_values.get(name, ())]
            added = [value for value in new_values.get(name, ()) if value not in old_values.get(name, ())]
            if gone or added:
                differences.append(Difference(position, name, ", ".join(gone), ", ".join(added)))
    return differences


def _facts_by_position(configuration: IvrConfiguration, names: Names) -> dict[str, list[Fact]]:
    facts_by_position = {
        "All calls": [*iter_general_facts(configuration)],
        "Opening hours": [*iter_hours_facts(configuration)],
    }
    stack = describe_branches(configuration, names)[::-1]
    while stack:
        step = stack.pop()
        facts_by_position[step.position] = [Fact("Step", step.title), *step.facts]
        stack += [following for _, following in step.branches[::-1]]
    return facts_by_position


def _values_by_name(facts: Sequence[Fact]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for fact in facts:
        values.setdefault(fact.name, []).append(fact.value)
    return values


def _summarize(facts: Sequence[Fact] | None) -> str:
    if facts is None:
        return ""
    return "; ".join(fact.value if fact.name == "Step" else f"{fact.name.lower()} {fact.value}" for fact in facts)
