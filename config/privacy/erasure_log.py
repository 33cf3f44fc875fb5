"""The log of erased people and customers in the file storage: ids and times only, or pseudonyms.

It is outside the tables, so a restore of the tables does not undo it: `manage.py restored` deletes
again whoever was deleted after the restored time.
"""

import io
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from config import storage

FOLDER = "erasures"
DELETION_FOLDER = "deletions"
"""Of people who were deleted, and not restored since."""
_FILE_NAME = re.compile(r"([a-z]{3}_[0-9A-HJKMNP-TV-Z]{26})\b.*\.json")


def log_erasure(person_id: str, at: datetime) -> None:
    """Store that a person is erased, before it happens; repeating it is harmless.

    Raises `errors.Unavailable`.
    """
    content = orjson.dumps({"id": person_id, "at": at.isoformat()})
    storage.save_file(f"{_day_folder(at)}/{person_id}.json", io.BytesIO(content))


def log_deletion(person_id: str, deleted_at: datetime, erase_at: datetime) -> None:
    """Store that a person is deleted, who can be restored until ``erase_at``; as `log_erasure`."""
    content = orjson.dumps({"id": person_id, "at": deleted_at.isoformat(), "eraseAt": erase_at.isoformat()})
    storage.save_file(f"{_deletion_folder(deleted_at)}/{person_id}.json", io.BytesIO(content))


def forget_deletion(person_id: str, deleted_at: datetime) -> None:
    """Remove what `log_deletion` stored: the person was restored. Raises `errors.Unavailable`."""
    folder = _deletion_folder(deleted_at)
    for name in storage.list_files(folder):
        if name.startswith(person_id):  # each attempt stores a file of its own
            storage.delete_file(f"{folder}/{name}")


def list_deletions(since: datetime, until: datetime, *, prefix: str = "usr") -> Iterator[tuple[str, datetime]]:
    """Who was deleted and not restored, and until when they can be; as `list_erased_ids`."""
    erase_times: dict[str, datetime] = {}
    for number in range((until.date() - since.date()).days + 1):
        folder = _deletion_folder(since + timedelta(days=number))
        for name in storage.list_files(folder):
            if not name.startswith(prefix):
                continue
            facts = orjson.loads(storage.read_file(f"{folder}/{name}"))
            erase_times[facts["id"]] = datetime.fromisoformat(facts["eraseAt"])
    yield from erase_times.items()


def _deletion_folder(at: datetime) -> str:
    return f"{DELETION_FOLDER}/{at:%Y-%m-%d}"


def log_facts(id: str, facts: Mapping[str, Any], at: datetime) -> None:
    """Store by what an erased person without an id of ours is recognized; as `log_erasure`."""
    content = orjson.dumps({"id": id, "at": at.isoformat(), **facts})
    storage.save_file(f"{_day_folder(at)}/{id}.json", io.BytesIO(content))


def list_facts(prefix: str, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
    """The facts by ids that begin with ``prefix``, as `list_erased_ids`."""
    seen: set[str] = set()
    for number in range((until.date() - since.date()).days + 1):
        folder = _day_folder(since + timedelta(days=number))
        for name in storage.list_files(folder):
            if name.startswith(prefix):
                facts = orjson.loads(storage.read_file(f"{folder}/{name}"))
                if facts["id"] not in seen:
                    seen.add(facts["id"])
                    yield facts


def list_erased_ids(since: datetime, until: datetime, *, prefix: str = "usr") -> Iterator[str]:
    """The people erased from the day of ``since`` to that of ``until`` (UTC), each once.

    With the ``prefix`` of other ids: what else is logged as people are.

    Raises `errors.Unavailable`.
    """
    person_ids: set[str] = set()
    for number in range((until.date() - since.date()).days + 1):
        names = storage.list_files(_day_folder(since + timedelta(days=number)))
        matches = [_FILE_NAME.fullmatch(name) for name in names if name.startswith(f"{prefix}_")]
        new_ids = {match[1] for match in matches if match} - person_ids
        yield from sorted(new_ids)
        person_ids |= new_ids


def _day_folder(at: datetime) -> str:
    return f"{FOLDER}/{at:%Y-%m-%d}"
