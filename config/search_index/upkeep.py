"""Completing the search index: for records that are older than it, or that an older release wrote.

Every write of a record writes its entry. What is done here may be interrupted and repeated at any
time, also while records change. Scans tables, so it is for commands, never for a request.
"""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from config import dynamodb, journal
from config.search_index.entries import SearchEntry

T = TypeVar("T")

VERSION = 1
"""Of what entries contain; `manage.py directory` writes older ones again."""
BATCH_SIZE = 40
"""Records per transaction, which takes 100 actions."""
_MARK = ("state", f"complete-{VERSION}")


def is_complete() -> bool:
    """Whether `complete` has come to its end with this version; one read."""
    return dynamodb.get_record(SearchEntry, *_MARK) is not None


def complete() -> int:
    """Write the entries that are missing, remove those of nothing; returns how many.

    Raises `errors.Unavailable`.
    """
    repaired = 0
    for record_class in _indexed_classes().values():
        repaired += _repair_in_batches(_write_missing, _scan_keys(record_class))
    repaired += _repair_in_batches(_remove_obsolete, _scan_entries())
    if not is_complete():
        mark = SearchEntry(*_MARK, text="", digits="")
        journal.retry_on_conflict(partial(journal.repair_derived_records, (), missing=[mark]))
    return repaired


def _repair_in_batches(repair: Callable[[list[T]], int], items: Iterable[T]) -> int:
    remaining, repaired = iter(items), 0
    while batch := list(islice(remaining, BATCH_SIZE)):
        repaired += journal.retry_on_conflict(partial(repair, batch))
    return repaired


def _indexed_classes() -> dict[str, Any]:
    """The classes of records that have entries, by kind: those with a ``SEARCH_KIND``."""
    return {kind: item for item in dynamodb.record_classes() if (kind := getattr(item, "SEARCH_KIND", ""))}


def _entries_of(record: Any) -> list[SearchEntry]:
    return [derived for derived in record.derived_records() if isinstance(derived, SearchEntry)]


def _scan_keys(record_class: type[dynamodb.Record]) -> Iterable[dynamodb.RecordKey]:
    for items in dynamodb.iter_pages("Scan", TableName=record_class.table_name()):
        yield from (record_class.from_item(item).record_key for item in items)


def _scan_entries() -> Iterable[SearchEntry]:
    for items in dynamodb.iter_pages("Scan", TableName=SearchEntry.table_name()):
        yield from (entry for entry in map(SearchEntry.from_item, items) if entry.shard != _MARK[0])


def _write_missing(keys: list[dynamodb.RecordKey]) -> int:
    stored_records = dynamodb.batch_get(keys)
    records = [record for key in keys if (record := stored_records.get(*key))]
    pairs = [(record, entry) for record in records for entry in _entries_of(record)]
    stored = dynamodb.batch_get(entry.record_key for _, entry in pairs)
    outdated = [pair for pair in pairs if not _is_stored(pair[1], stored)]
    if outdated:
        sources = [(record, type(record).version == record.version) for record, _ in outdated]
        journal.repair_derived_records(sources, missing=[entry for _, entry in outdated])
    return len(outdated)


def _is_stored(entry: SearchEntry, stored: dynamodb.BatchResult) -> bool:
    stored_entry = stored.get(*entry.record_key)
    return stored_entry is not None and stored_entry.serialize() == entry.serialize()


def _remove_obsolete(entries: list[SearchEntry]) -> int:
    classes = _indexed_classes()
    keys = {entry.key: dynamodb.RecordKey(classes[entry.kind], entry.pk) for entry in entries if entry.kind in classes}
    records = dynamodb.batch_get(keys.values())
    sources, obsolete = [], []
    for entry in entries:
        key = keys.get(entry.key)
        record = records.get(*key) if key else None
        if key is None or (record and entry.record_key in [kept.record_key for kept in _entries_of(record)]):
            continue
        hash_key = key.record_class.key_attributes()[0]
        unchanged = key.record_class.version == record.version if record else hash_key.does_not_exist()
        sources.append((record or key.record_class(entry.pk), unchanged))
        obsolete.append(entry)
    if obsolete:
        journal.repair_derived_records(sources, obsolete=obsolete)
    return len(obsolete)
