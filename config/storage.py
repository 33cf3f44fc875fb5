"""Files: in the bucket that STORAGE_BUCKET names, else in STORAGE_FOLDER."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from config import errors, failures, observation

CHUNK_BYTES = 65_536
DEPENDENCY = "file storage"
logger = logging.getLogger("dutyline.storage")


def save_file(name: str, content: IO[bytes]) -> str:
    """Store a file; the name it got, which differs from ``name`` if that was taken.

    Raises `errors.Unavailable`.
    """
    try:
        return default_storage.save(name, File(content))
    except (OSError, BotoCoreError, ClientError) as error:
        raise _failure("The file storage does not accept files at the moment.", error) from error


@dataclass(frozen=True)
class StoredFile:
    """A file in the storage; ``name`` identifies its content, since files are never overwritten."""

    name: str
    size: int

    def read_chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (exclusive), without reading all into memory.

        The file is opened at once. Raises `errors.NotFound` or `errors.Unavailable`.
        """
        with _reading():
            if settings.STORAGE_BUCKET:
                item = cast(Any, default_storage).bucket.Object(self.name)
                return iter(item.get(Range=f"bytes={start}-{end - 1}")["Body"].iter_chunks(CHUNK_BYTES))
            return _read_and_close(default_storage.open(self.name), start, end)


def _read_and_close(file: Any, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        for position in range(start, end, CHUNK_BYTES):
            yield bytes(file.read(min(CHUNK_BYTES, end - position)))


def find_file(name: str) -> StoredFile:
    """A stored file, not opened yet. Raises `errors.NotFound` or `errors.Unavailable`."""
    with _reading():
        return StoredFile(name, default_storage.size(name))


def read_file(name: str) -> bytes:
    """The content of a file. Raises `errors.NotFound` or `errors.Unavailable`."""
    with _reading(), default_storage.open(name) as file:
        return bytes(file.read())


def list_files(folder: str) -> list[str]:
    """The names of the files in a folder; empty if there is none. Raises `errors.Unavailable`."""
    try:
        with _reading():
            return sorted(default_storage.listdir(folder)[1])
    except errors.NotFound:
        return []


def list_folders(folder: str) -> list[str]:
    """The names of the folders in a folder; empty if there is none. Raises `errors.Unavailable`."""
    try:
        with _reading():
            return sorted(default_storage.listdir(folder)[0])
    except errors.NotFound:
        return []


def modified_at(name: str) -> datetime:
    """When a file was stored. Raises `errors.NotFound` or `errors.Unavailable`."""
    with _reading():
        return default_storage.get_modified_time(name)


@contextmanager
def _reading() -> Iterator[None]:
    try:
        with observation.observe("dependency", DEPENDENCY):
            yield
    except FileNotFoundError as error:
        raise errors.NotFound("File not found.") from error
    except (OSError, BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and _is_missing_object(error):
            raise errors.NotFound("File not found.") from error
        raise _failure("The file storage does not answer.", error) from error


def _is_missing_object(error: ClientError) -> bool:
    """Whether the object does not exist; a bucket that does not is a defect of the settings."""
    is_missing: bool = error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    return is_missing and bool(error.response["Error"].get("Code") != "NoSuchBucket")


def delete_file(name: str) -> None:
    """Delete a file, if it exists. Raises `errors.Unavailable`."""
    try:
        default_storage.delete(name)
    except (OSError, BotoCoreError, ClientError) as error:
        raise _failure("The file storage does not answer.", error) from error


def probe() -> None:
    """Ask for the list of files in a folder that nobody uses. Raises `errors.Unavailable`."""
    list_files("probe")


def failure_code(error: Exception) -> str:
    """What went wrong, in S3's words: a code such as NoSuchBucket, and the operation."""
    if isinstance(error, ClientError):
        return f"{error.response.get('Error', {}).get('Code', '')} {error.operation_name}"
    return type(error).__name__


def _failure(detail: str, error: Exception) -> errors.Unavailable:
    """Note and log that the storage failed; the error to raise."""
    code = failure_code(error)
    logger.warning("the file storage failed", extra={"why": code})
    failures.note(DEPENDENCY, code)
    return errors.Unavailable(detail, cause=f"{DEPENDENCY}: {code}")
