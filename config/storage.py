"""Files: in the bucket that STORAGE_BUCKET names, else in STORAGE_FOLDER."""

from typing import IO

from botocore.exceptions import BotoCoreError, ClientError
from django.core.files import File
from django.core.files.storage import default_storage

from config import errors


def save_file(name: str, content: IO[bytes]) -> str:
    """Store a file; the name it got, which differs from ``name`` if that was taken.

    Raises `errors.Unavailable`.
    """
    try:
        return default_storage.save(name, File(content))
    except (OSError, BotoCoreError, ClientError) as error:
        raise errors.Unavailable("The file storage does not accept files at the moment.") from error


def read_file(name: str) -> bytes:
    """The content of a file. Raises `errors.NotFound` or `errors.Unavailable`."""
    try:
        with default_storage.open(name) as file:
            return bytes(file.read())
    except FileNotFoundError as error:
        raise errors.NotFound("File not found.") from error
    except (OSError, BotoCoreError, ClientError) as error:
        raise errors.Unavailable("The file storage does not answer.") from error


def delete_file(name: str) -> None:
    """Delete a file, if it exists. Raises `errors.Unavailable`."""
    try:
        default_storage.delete(name)
    except (OSError, BotoCoreError, ClientError) as error:
        raise errors.Unavailable("The file storage does not answer.") from error
