"""The values of the form of an IVR configuration, as the browser sends them. Pure.

The fields of an action have its path and a name: ``closed/then:say``. `to_values` and
`telephony.admin.ivr.builder` agree on them: what is sent back unchanged changes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from telephony.ivr import IvrAction, IvrConfiguration, iter_actions
from telephony.ivr.opening_hours import WEEKDAYS
from telephony.ivr.wording import describe_periods

Values = Mapping[str, Sequence[str]]
KEYS = "1234567890*#"
MAX_LENGTH = 2_000
"""Characters of a value that are looked at; the schema allows fewer of each."""
CALL_TIMES = {"at": "Preview a call at", "at2": "A second time", "at3": "A third time"}
"""The fields of previewed calls, with their labels."""
NOTIFIED = {"": (True, True), "onDuty": (True, False), "managers": (False, True), "nobody": (False, False)}
"""Who is told of a voicemail: people on duty, managers. Both are usual."""


def text_of(values: Values, name: str) -> str:
    """The value of a field with one, as it is compared: no spaces around it, line breaks alike."""
    texts = values.get(name) or [""]
    return texts[0][:MAX_LENGTH].replace("\r\n", "\n").strip()


def texts_of(values: Values, name: str) -> list[str]:
    """The values of a field with several, without the empty ones."""
    return [text[:MAX_LENGTH].strip() for text in values.get(name, ()) if text.strip()]


def to_values(configuration: IvrConfiguration) -> dict[str, list[str]]:
    """The values with which the form shows a stored configuration."""
    values = {
        "language": [str(configuration["language"])],
        "voice": [str(configuration.get("voice", ""))],
        "timeZone": [str(configuration.get("timeZone", ""))],
        "callerId": [str(configuration.get("callerId", "line"))],
        "recording": ["on"] if configuration.get("recording", {}).get("calls") else [],
        **_hours_values(configuration["hours"]),
        **_prompt_values("greeting", configuration["greeting"]),
        **_prompt_values("consent", configuration.get("recording", {}).get("consentPrompt")),
    }
    for path, action in iter_actions(configuration):
        values |= dict(_iter_action_values(path, action))
    return values


def _hours_values(hours: Mapping[str, Any]) -> dict[str, list[str]]:
    weekly, holidays = hours.get("weekly", {}), hours.get("holidays", {})
    return {
        "mode": [str(hours["mode"])],
        **{f"weekly:{day}": [describe_periods(weekly[day]) if weekly.get(day) else ""] for day in WEEKDAYS},
        "holidays:country": [str(holidays.get("country", ""))],
        "holidays:subdivision": [str(holidays.get("subdivision", ""))],
        "holidays:date": [str(text) for text in holidays.get("dates", ())],
    }


def _prompt_values(prefix: str, prompt: Mapping[str, Any] | None) -> dict[str, list[str]]:
    names = ("say", "language", "voice", "play")
    return {f"{prefix}:{name}": [str((prompt or {}).get(name, ""))] for name in names}


def _iter_action_values(path: str, action: IvrAction) -> Iterator[tuple[str, list[str]]]:
    kind = str(action["type"])
    yield f"{path}:type", [kind]
    if kind not in ("ring", "hangup"):
        yield from _prompt_values(path, action.get("prompt")).items()
    if kind == "ring":
        yield from _iter_ring_values(path, action)
    if kind == "voicemail":
        notify = action.get("notify", {})
        flags = (notify.get("onDuty", True), notify.get("managers", True))
        yield f"{path}:max", _number(action, "maxSeconds")
        yield f"{path}:tell", [next(name for name, pair in NOTIFIED.items() if pair == flags)]
    if kind == "menu":
        yield f"{path}:wait", _number(action, "timeoutSeconds")
        yield f"{path}:retries", _number(action, "retries")


def _iter_ring_values(path: str, action: IvrAction) -> Iterator[tuple[str, list[str]]]:
    target = action["target"]
    duty = target.get("onDuty", {})
    yield f"{path}:target", [next(iter(target))]
    yield f"{path}:grace", _number(duty, "graceMinutes")
    yield f"{path}:role", [str(role) for role in duty.get("roles", ())]
    yield f"{path}:skills", [", ".join(duty.get("skills", ()))]
    yield f"{path}:last", ["on"] if duty.get("first") else []
    yield f"{path}:user", [str(user_id) for user_id in target.get("users", ())]
    yield f"{path}:numbers", ["\n".join(target.get("numbers", ()))]
    yield f"{path}:strategy", [str(action.get("strategy", "sequence"))]
    yield f"{path}:seconds", _number(action, "ringSeconds")
    yield f"{path}:most", _number(action, "maxRingSeconds")


def _number(part: Mapping[str, Any], name: str) -> list[str]:
    return [str(part.get(name, ""))]


def field_of_pointer(pointer: str) -> str:
    """The field of the form that shows an error at a JSON pointer; empty: above the form."""
    first, *rest = pointer.removeprefix("/configuration").strip("/").split("/")
    if first == "hours":
        return _hours_field(rest)
    if first == "recording":
        return "consent:say" if "consentPrompt" in rest else "recording"
    if first == "greeting":
        return f"greeting:{rest[0] if rest else 'say'}"
    if first in ("open", "closed", "holiday"):
        return _action_field([first, *rest])
    return first if first in ("language", "voice", "timeZone", "callerId") else ""


def _action_field(parts: Sequence[str]) -> str:
    for length in range(len(parts), 1, -1):
        member, rest = parts[length - 1], parts[length:]
        if member not in _ACTION_FIELDS or parts[length - 2] == "keys":
            continue
        name = _ACTION_FIELDS[member]
        if member == "prompt" and rest:
            name = rest[0]
        if member == "target" and rest:
            name = {"onDuty": "grace", "users": "user", "numbers": "numbers"}.get(rest[0], "target")
        return f"{'/'.join(parts[: length - 1])}:{name}"
    return f"{'/'.join(parts)}:type"


_ACTION_FIELDS = {
    "prompt": "say",
    "target": "target",
    "strategy": "strategy",
    "ringSeconds": "seconds",
    "maxRingSeconds": "most",
    "maxSeconds": "max",
    "notify": "tell",
    "timeoutSeconds": "wait",
    "retries": "retries",
    "type": "type",
}


def _hours_field(parts: Sequence[str]) -> str:
    if len(parts) > 1 and parts[0] == "weekly":
        return f"weekly:{parts[1]}"
    if parts and parts[0] == "holidays":
        return "holidays:date" if "dates" in parts else "holidays:country"
    return "mode"
