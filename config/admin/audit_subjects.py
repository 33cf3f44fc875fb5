"""What audit entries are about, in words: a call-back by caller and place, a shift by person.

Entries name most subjects; of others their records are read while they exist. Apps declare how in
``settings.AUDIT_SUBJECTS``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.admin import audit_text
from config.audit import reader

MAX_SUBJECTS = 250
"""Records of subjects that one page reads."""


@dataclass(frozen=True)
class SubjectWords:
    """How subjects of one type are named."""

    record_class: type[dynamodb.Record]
    """Its records have the id of the subject as key."""
    ids: Callable[[Any], Iterable[str]]
    """Of a record: the ids of others whose names are shown."""
    describe: Callable[[Any, Mapping[str, str]], str]
    """Of a record, with names by id."""


def describe_all(entries: Sequence[reader.DecryptedEntry]) -> list[tuple[str, Mapping[str, str]]]:
    """Of each entry: what it is about, and the names by id that its changes need.

    Two round trips, one without subjects whose records are read.
    """
    records, words = _load_records(entries), words_by_type()
    ids = dict.fromkeys(id for (type_name, _), record in records.items() for id in words[type_name].ids(record))
    names = audit_text.load_names(entries, ids)

    def describe(entry: reader.DecryptedEntry) -> str:
        party = _party_of(entry)
        record = records.get(party)
        return words[party[0]].describe(record, names) if record else audit_text.party_name(entry.subject)

    return [(describe(entry), names) for entry in entries]


def _party_of(entry: reader.DecryptedEntry) -> tuple[str, str]:
    return str(entry.subject["type"]), str(entry.subject["id"])


def _load_records(entries: Iterable[reader.DecryptedEntry]) -> Mapping[tuple[str, str], Any]:
    """The records of subjects that are read, by type and id."""
    words = words_by_type()
    parties = dict.fromkeys(
        _party_of(entry) for entry in entries if entry.subject["type"] in words and entry.subject["name"] is not None
    )
    keys = {party: dynamodb.RecordKey(words[party[0]].record_class, party[1]) for party in [*parties][:MAX_SUBJECTS]}
    if not keys:
        return {}
    batch = dynamodb.batch_get(keys.values())
    return {party: record for party, key in keys.items() if (record := batch.get(*key))}


@cache
def words_by_type() -> Mapping[str, SubjectWords]:
    """How subjects are named, by the type that entries have."""
    return {name: words for path in settings.AUDIT_SUBJECTS for name, words in import_string(path).items()}
