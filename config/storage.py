"""Files: in the bucket that STORAGE_BUCKET names, else in STORAGE_FOLDER."""

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage

from config import errors, failures
from config.bulkhead import Bulkhead

CHUNK_BYTES = 65_536
DEPENDENCY = "file storage"
READ_SECONDS, SAVE_SECONDS = 5.0, 30.0
"""How long a caller waits; its thread, which repeats what failed, twice that at most."""
logger = logging.getLogger("dutyline.storage")
_reads = Bulkhead(
    "The file storage", max_concurrent=4, max_while_failing=2, budget_seconds=READ_SECONDS, wait_seconds=0.2
)
_saves = Bulkhead("The file storage", max_concurrent=4, max_while_failing=1, budget_seconds=SAVE_SECONDS)
T = TypeVar("T")


def save_file(name: str, content: IO[bytes]) -> str:
    """Store a file; the name it got, which differs from ``name`` if that was taken.

    Raises `errors.Unavailable`.
    """
    try:
        return _saves.call(lambda: default_storage.save(name, File(content)))
    except (OSError, BotoCoreError, ClientError) as error:
        raise _failure("The file storage does not accept files at the moment.", error, _saves) from error


@dataclass(frozen=True)
class StoredFile:
    """A file in the storage; ``name`` identifies its content, since files are never overwritten."""

    name: str
    size: int

    def read_chunks(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``end`` (exclusive), without reading all into memory.

        The file is opened at once. Raises `errors.NotFound` or `errors.Unavailable`.
        """
        return _read_on(_read(partial(self._open, start, end)))

    def _open(self, start: int, end: int) -> Iterator[bytes]:
        if settings.STORAGE_BUCKET:
            item = cast(Any, default_storage).bucket.Object(self.name)
            return iter(item.get(Range=f"bytes={start}-{end - 1}")["Body"].iter_chunks(CHUNK_BYTES))
        return _read_and_close(default_storage.open(self.name), start, end)


def _read_on(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The rest of an open file. Raises `errors.Unavailable` if the storage stops to answer."""
    try:
        while chunk := _read(lambda: next(chunks, b"")):
            yield chunk
    finally:
        with suppress(ValueError):  # a thread still waits for the next chunk
            cast(Any, chunks).close()


def _read_and_close(file: Any, start: int, end: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        for position in range(start, end, CHUNK_BYTES):
            yield bytes(file.read(min(CHUNK_BYTES, end - position)))


def find_file(name: str) -> StoredFile:
    """A stored file, not opened yet. Raises `errors.NotFound` or `errors.Unavailable`."""
    return StoredFile(name, _read(lambda: default_storage.size(name)))


def read_file(name: str) -> bytes:
    """The content of a file. Raises `errors.NotFound` or `errors.Unavailable`."""
    return _read(lambda: _read_all(name))


def _read_all(name: str) -> bytes:
    with default_storage.open(name) as file:
        return bytes(file.read())


def list_files(folder: str) -> list[str]:
    """The names of the files in a folder; empty if there is none. Raises `errors.Unavailable`."""
    try:
        return sorted(_read(lambda: default_storage.listdir(folder))[1])
    except errors.NotFound:
        return []


def list_folders(folder: str) -> list[str]:
    """The names of the folders in a folder; empty if there is none. Raises `errors.Unavailable`."""
    try:
        return sorted(_read(lambda: default_storage.listdir(folder))[0])
    except errors.NotFound:
        return []


def iter_files(folder: str) -> Iterator[str]:
    """The names of all files below a folder, however many: for commands only.

    Raises `errors.Unavailable`.
    """
    try:
        if settings.STORAGE_BUCKET:
            for item in cast(Any, default_storage).bucket.objects.filter(Prefix=f"{folder}/"):
                yield str(item.key)
            return
        root = Path(default_storage.path(""))
        for path in sorted((root / folder).rglob("*")):
            if path.is_file():
                yield path.relative_to(root).as_posix()
    except (OSError, BotoCoreError, ClientError) as error:
        raise _failure("The file storage does not answer.", error, _reads) from error


def recover_file(name: str) -> bool:
    """Bring a deleted file back from its newest version; False if there is none.

    Only a bucket with versions has any. Raises `errors.Unavailable`.
    """
    if not settings.STORAGE_BUCKET:
        return False
    bucket = cast(Any, default_storage).bucket
    try:
        versions = bucket.meta.client.list_object_versions(Bucket=bucket.name, Prefix=name).get("Versions", ())
        versions = [version for version in versions if version["Key"] == name]
        if not versions:
            return False
        newest = max(versions, key=lambda version: version["LastModified"])
        source = {"Bucket": bucket.name, "Key": name, "VersionId": newest["VersionId"]}
        bucket.meta.client.copy_object(Bucket=bucket.name, Key=name, CopySource=source)
    except (BotoCoreError, ClientError) as error:
        raise _failure("The file storage does not answer.", error, _reads) from error
    return True


def modified_at(name: str) -> datetime:
    """When a file was stored. Raises `errors.NotFound` or `errors.Unavailable`."""
    return _read(lambda: default_storage.get_modified_time(name))


def _read(task: Callable[[], T]) -> T:
    """Ask the storage, for a limited time. Raises `errors.NotFound` or `errors.Unavailable`."""
    try:
        return _reads.call(task)
    except FileNotFoundError as error:
        raise errors.NotFound("File not found.") from error
    except (OSError, BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and _is_missing_object(error):
            raise errors.NotFound("File not found.") from error
        raise _failure("The file storage does not answer.", error, _reads) from error


def _is_missing_object(error: ClientError) -> bool:
    """Whether the object does not exist; a bucket that does not is a defect of the settings."""
    is_missing: bool = error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    return is_missing and bool(error.response["Error"].get("Code") != "NoSuchBucket")


def delete_file(name: str) -> None:
    """Delete a file, if it exists. Raises `errors.Unavailable`."""
    with suppress(errors.NotFound):
        _read(lambda: default_storage.delete(name))


def probe() -> None:
    """Ask for the list of files in a folder that nobody uses. Raises `errors.Unavailable`."""
    list_files("probe")


def failure_code(error: Exception) -> str:
    """What went wrong, in S3's words: a code such as NoSuchBucket, and the operation."""
    if isinstance(error, ClientError):
        return f"{error.response.get('Error', {}).get('Code', '')} {error.operation_name}"
    return type(error).__name__


def _failure(detail: str, error: Exception, bulkhead: Bulkhead) -> errors.Unavailable:
    """Note and log that the storage failed; the error to raise."""
    code = failure_code(error)
    logger.warning("the file storage failed", extra={"why": code})
    failures.note(DEPENDENCY, code)
    if isinstance(error, BotoCoreError):  # no answer; a refusal comes at once
        bulkhead.note_failure()
    return errors.Unavailable(detail, cause=f"{DEPENDENCY}: {code}")
