"""Calls, call-backs and IVR configurations in the words of the audit."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from config import phone_numbers
from config.admin.audit_subjects import SubjectWords
from config.admin.audit_text import FieldWords
from telephony.ivr import wording
from telephony.models import Call, Callback

_STANDARD: Mapping[str, Any] = {"hours": {"mode": "always"}, "open": {"type": "hangup"}, "closed": {"type": "hangup"}}
"""What a configuration must have, where a change leaves it as it is."""


def read_ivr_changes(changes: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What a change of an IVR configuration changes, in the words of its revisions."""
    before, after = dict(_STANDARD), dict(_STANDARD)
    for change in changes:
        for side, value in ((before, change["before"]), (after, change["after"])):
            if value is not None:
                side[change["field"]] = value
    try:
        differences = wording.list_differences(before, after, names)
    except (KeyError, TypeError, ValueError, AttributeError):  # of a release with other members
        yield "IVR configuration", "", "changed"
        return
    for difference in differences:
        label = f"{difference.position}, {difference.name.lower()}" if difference.name else difference.position
        yield label, difference.before, difference.after or "nothing"


def _describe_call(record: Any, names: Mapping[str, str]) -> str:
    number = phone_numbers.to_readable(str(record.caller or "")) or "a caller without a number"
    return f"{number}, {names.get(str(record.location_id), 'a removed location')}"


def _list_places(record: Any) -> list[str]:
    return [str(record.location_id)]


CHANGES = {"ivr.changed": read_ivr_changes, "ivr.restored": read_ivr_changes}
SUBJECTS = {
    "call": SubjectWords(Call, _list_places, lambda record, names: f"call of {_describe_call(record, names)}"),
    "call-back": SubjectWords(
        Callback, _list_places, lambda record, names: f"call-back of {_describe_call(record, names)}"
    ),
}
WORDS = {
    "call_id": FieldWords(""),
    "due_at": FieldWords("Due"),
    "taken_by": FieldWords("Taken by"),
    "taken_until": FieldWords("Taken until"),
    "breakUntil": FieldWords("Break until"),
}
