"""The log of erased people in the file storage: ids and times only, or pseudonyms.

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
_FILE_NAME = re.compile(r"(usr_[0-9A-HJKMNP-TV-Z]{26})\b.*\.json")


def log_erasure(person_id: str, at: datetime) -> None:
    """Store that a person is erased, before it happens; repeating it is harmless.

    Raises `errors.Unavailable`.
    """
    content = orjson.dumps({"id": person_id, "at": at.isoformat()})
    storage.save_file(f"{_day_folder(at)}/{person_id}.json", io.BytesIO(content))


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


def list_erased_ids(since: datetime, until: datetime) -> Iterator[str]:
    """The people erased from the day of ``since`` to that of ``until`` (UTC), each once.

    Raises `errors.Unavailable`.
    """
    person_ids: set[str] = set()
    for number in range((until.date() - since.date()).days + 1):
        names = storage.list_files(_day_folder(since + timedelta(days=number)))
        new_ids = {match[1] for name in names if (match := _FILE_NAME.fullmatch(name))} - person_ids
        yield from sorted(new_ids)
        person_ids |= new_ids


def _day_folder(at: datetime) -> str:
    return f"{FOLDER}/{at:%Y-%m-%d}"
