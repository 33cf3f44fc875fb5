"""Audit entries in words: who did what to whom, and what changed, with names instead of ids."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from config import audit, dynamodb, phone_numbers
from config.audit import reader
from config.backoffice import clock

MAX_NAMES = 500
"""Records whose names one page reads."""
MAX_LENGTH = 300
"""Characters of each side of a change."""
ERASED = "(erased)"
_ID = re.compile(r"\b([a-z]{3})_[0-9A-HJKMNP-TV-Z]{26}\b")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)")
_LOCAL_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?(?![\d.:Z+-])")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_COUNT = re.compile(r": `(\w+)` of (?:them|it)\b")
"""In sentences of actions: how many, in the field of this name."""
_AFTER_FIRST_PART = re.compile(r"(?:[:;(]|, (?!or |and )).*", re.DOTALL)
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class FieldWords(NamedTuple):
    """How a field of changes is shown; ``settings.AUDIT_WORDS`` names mappings of these."""

    label: str
    """Empty: the field is not shown, as people cannot read it."""
    to_words: Callable[[Any], str] | None = None
    """Of a value that is not empty; None: as any other."""


ChangeReader = Callable[[Iterable[Mapping[str, Any]], Mapping[str, str]], Iterable[tuple[str, str, str]]]
"""From the changes of an entry, with names by id: labels, before and after."""


def load_names(entries: Iterable[reader.DecryptedEntry], others: Iterable[str] = ()) -> dict[str, str]:
    """The names of the records whose ids are in changes, and of others, as far as they exist.

    One round trip.
    """
    texts = (orjson.dumps([change["before"], change["after"]]).decode() for item in entries for change in item.changes)
    ids = dict.fromkeys([*others, *(match[0] for text in texts for match in _ID.finditer(text))])
    classes = _named_classes()
    keys = [dynamodb.RecordKey(cls, id) for id in ids for cls in classes.get(id[:3], ())][:MAX_NAMES]
    records = dynamodb.batch_get(keys)
    return {key.hash: str(getattr(record, "name", "")) for key in keys if (record := records.get(*key))}


@cache
def _named_classes() -> Mapping[str, list[Any]]:
    """The classes of records with names, by the prefix of their ids."""
    return {prefix: [import_string(path) for path in paths] for prefix, paths in settings.AUDIT_NAMES.items()}


def sentence(entry: reader.DecryptedEntry) -> str:
    """What happened."""
    values = {
        change["field"]: change["before"] if change["after"] is None else change["after"] for change in entry.changes
    }
    text = audit.known_actions().get(entry.action, entry.action)
    return _COUNT.sub(lambda match: _describe_count(match, values.get(match[1])), text)


def _describe_count(match: re.Match[str], count: Any) -> str:
    """How many: `` (2 rows)``; nothing if it was erased."""
    return "" if count is None else f" ({count} {match[1][:-1] if count == 1 else match[1]})"


def describe_action(name: str) -> str:
    """What an action is, in a few words, without what differs from entry to entry."""
    text = _COUNT.sub("", audit.known_actions().get(name, name))
    return _AFTER_FIRST_PART.sub("", text).rstrip(".").replace("`", "")


def party_name(party: Mapping[str, str | None]) -> str:
    """Who acted, or whom it concerns; a name that was erased stays erased."""
    if party["type"] == "system":
        return "Dutyline"
    name = ERASED if party["name"] is None else _format_local_times(phone_numbers.to_readable(party["name"]))
    if party["type"] == "operator":
        return f"{name or party['id']} (Dutyline support)"
    return name or _with_article(str(party["type"]))


def _with_article(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeioI' else 'a'} {noun}"


def iter_changes(entry: reader.DecryptedEntry, names: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What changed: the label, before and after; both empty where the values were erased."""
    if (read_changes := _change_readers().get(entry.action)) and entry.subject["name"] is not None:
        yield from (
            (label, _shorten(before), _shorten(after)) for label, before, after in read_changes(entry.changes, names)
        )
        return
    for change in entry.changes:
        label, before, after = label_of(change["field"]), change["before"], change["after"]
        if not label:
            continue
        if entry.subject["name"] is None:
            yield label, "", ERASED
        elif isinstance(before, dict) and isinstance(after, dict):
            for key in {**before, **after}:
                if before.get(key) != after.get(key):
                    yield f"{label}, {label_of(key).lower()}", *_sides(key, before.get(key), after.get(key), names)
        else:
            yield label, *_sides(change["field"], before, after, names)


def changes_text(entry: reader.DecryptedEntry, names: Mapping[str, str]) -> str:
    """What changed, on one line."""
    parts = (
        f"{label}: {before} → {after}" if before else f"{label}: {after}"
        for label, before, after in iter_changes(entry, names)
    )
    return "; ".join(parts)


def _sides(field: str, before: Any, after: Any, names: Mapping[str, str]) -> tuple[str, str]:
    first = "" if before in _EMPTY else _shorten(_value_of(field, before, names))
    return first, _shorten(_value_of(field, after, names))


def _value_of(field: str, value: Any, names: Mapping[str, str]) -> str:
    words = _words_by_field().get(field.rpartition("/")[2])
    return words.to_words(value) if words and words.to_words and value not in _EMPTY else to_words(value, names)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_LENGTH else f"{text[: MAX_LENGTH - 1]}…"


def to_words(value: Any, names: Mapping[str, str]) -> str:
    """A value as people read it; times by the clock of the page."""
    if value in _EMPTY:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(to_words(item, names) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{label_of(name).lower()} {_value_of(name, item, names)}" for name, item in value.items())
    text = phone_numbers.to_readable(str(value))
    if text == "*":
        return "all"
    if _INSTANT.fullmatch(text):
        local = datetime.fromisoformat(text).astimezone(timezone.get_current_timezone())
        return f"{clock.format_day_time(local)} {local:%Z}"
    if _DATE.fullmatch(text):
        return _format_date(text)
    return _format_local_times(_ID.sub(lambda match: names.get(match[0], match[0]), text))


def _format_local_times(text: str) -> str:
    """A text with the wall times in it as people read them."""
    return _LOCAL_TIME.sub(lambda match: _format_local_time(match[0]), text)


def _format_local_time(text: str) -> str:
    try:
        return clock.format_day_time(datetime.fromisoformat(text))
    except ValueError:  # a text of somebody that only looks like one
        return text


def _format_date(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return f"{day:%a} {day.day} {day:%b %Y}"


def label_of(field: str) -> str:
    """The label of a field: that of its app, that of the data map, or the name in words.

    Of a part, such as ``shift/2026-11-16T18:00:00``, those of both.
    """
    whole, _, part = field.partition("/")
    if part:
        return f"{label_of(whole)}, {to_words(part, {}) if part[:1].isdigit() else label_of(part).lower()}"
    if words := _words_by_field().get(field):
        return words.label
    if label := _known_labels().get(field):
        return label
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", field).replace("_", " ").strip().lower()
    text = text.removesuffix(" id") or text  # its value is shown as a name
    return text[:1].upper() + text[1:] if text else "Value"


@cache
def _change_readers() -> Mapping[str, ChangeReader]:
    """What reads the changes of entries as a whole, by action."""
    return {action: read for path in settings.AUDIT_CHANGES for action, read in import_string(path).items()}


@cache
def _words_by_field() -> dict[str, FieldWords]:
    return {field: words for path in settings.AUDIT_WORDS for field, words in import_string(path).items()}


@cache
def _known_labels() -> dict[str, str]:
    """The labels of attributes that have the same one wherever they are declared."""
    labels: dict[str, set[str]] = {}
    for record_class in dynamodb.record_classes():
        for attribute in record_class.declared_attributes():
            labels.setdefault(attribute.attr_name, set()).add(attribute.label)
    unique = {name: next(iter(texts)) for name, texts in labels.items() if len(texts) == 1}
    return {name: label for name, label in unique.items() if label and "your" not in label}
