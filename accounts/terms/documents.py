"""The legal documents that users accept: texts, versions and hashes.

``templates/legal/<document>/<version>.<language>.md``: the version is the date (UTC) from which the
text is in force. ``published.json`` holds the SHA-256 of every published text: a published text
never changes; a new text is a new version.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

DOCUMENTS = ("terms-of-service", "provider-terms", "privacy-policy")
FOLDER: Path = settings.BASE_DIR / "templates/legal"
BINDING_LANGUAGE = "en"
"""Every text exists in this language."""


class PublishedTextChanged(Exception):
    """A published text was changed or deleted."""


class LegalTextKey(NamedTuple):
    """Identifies one text."""

    document: str
    version: str
    language: str

    def __str__(self) -> str:
        return f"{self.document}/{self.version}.{self.language}"


@dataclass(frozen=True)
class LegalText:
    """One document in one version and language."""

    document: str
    version: str
    locale: str
    text: str

    @property
    def title(self) -> str:
        return self.text.partition("\n")[0].lstrip("# ").strip()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def effective_from(self) -> datetime:
        return effective_instant(self.version)


@dataclass(frozen=True)
class Edition:
    """The documents in force at one time; ``version`` is the newest of their versions."""

    version: str
    texts: tuple[LegalText, ...]


def effective_instant(version: str) -> datetime:
    """When a version comes into force."""
    return datetime.combine(date.fromisoformat(version), time(), UTC)


def current_edition(at: datetime, language: str = BINDING_LANGUAGE) -> Edition:
    """The documents in force at a time, in this language or else in English."""
    day = at.astimezone(UTC).date().isoformat()
    newest_versions = {key.document: key.version for key in sorted(_published_hashes()) if key[1] <= day}
    if not newest_versions:
        raise PublishedTextChanged(f"No terms were in force on {day}.")
    available = [document for document in DOCUMENTS if document in newest_versions]
    texts = tuple(_localized_text(document, newest_versions[document], language) for document in available)
    return Edition(max(newest_versions.values()), texts)


def list_versions(until: datetime | None = None) -> list[str]:
    """Versions of all documents, oldest first; with ``until`` only those in force by then."""
    all_versions = sorted({key.version for key in _published_hashes()})
    return [version for version in all_versions if until is None or effective_instant(version) <= until]


def get_text(document: str, version: str, language: str = BINDING_LANGUAGE) -> LegalText | None:
    """One text in this language or else in English; None for an unknown version."""
    exists = LegalTextKey(document, version, BINDING_LANGUAGE) in _published_hashes()
    return _localized_text(document, version, language) if exists else None


def _localized_text(document: str, version: str, language: str) -> LegalText:
    key = LegalTextKey(document, version, language)
    return _published_texts()[key if key in _published_hashes() else LegalTextKey(document, version, BINDING_LANGUAGE)]


@cache
def _published_texts() -> dict[LegalTextKey, LegalText]:
    """The published texts, read once. Raises `PublishedTextChanged`."""
    texts = read_texts()
    for key, sha256 in _published_hashes().items():
        if key not in texts or texts[key].sha256 != sha256:
            raise PublishedTextChanged(f"{key} was changed after it was published.")
    return {key: text for key, text in texts.items() if key in _published_hashes()}


@cache
def _published_hashes() -> dict[LegalTextKey, str]:
    return read_published_hashes()


def read_published_hashes(folder: Path = FOLDER) -> dict[LegalTextKey, str]:
    """The SHA-256 of each published text, as ``published.json`` holds it."""
    path = folder / "published.json"
    hashes = json.loads(path.read_text()) if path.exists() else {}
    return {LegalTextKey(*name.split("/")): sha256 for name, sha256 in hashes.items()}


def read_texts(folder: Path = FOLDER) -> dict[LegalTextKey, LegalText]:
    """Every text in the folder. Raises `ValueError` for an invalid file name."""
    texts = {}
    for path in sorted(folder.glob("*/*.md")):
        version, _, language = path.stem.partition(".")
        if path.parent.name not in DOCUMENTS or not language:
            raise ValueError(f"{path.name} must be named <date>.<language>.md and be in the folder of a document")
        date.fromisoformat(version)
        key = LegalTextKey(path.parent.name, version, language)
        texts[key] = LegalText(*key, path.read_bytes().decode())
    return texts


def find_unpublished_texts(folder: Path = FOLDER) -> list[LegalTextKey]:
    """The new texts. Raises `PublishedTextChanged`."""
    hashes, texts = read_published_hashes(folder), read_texts(folder)
    for key, sha256 in hashes.items():
        if key not in texts:
            raise PublishedTextChanged(f"{key} was published and is missing.")
        if texts[key].sha256 != sha256:
            raise PublishedTextChanged(
                f"{key} was changed after it was published; publish the change as a new version."
            )
    for key in texts:
        if LegalTextKey(key.document, key.version, BINDING_LANGUAGE) not in texts:
            raise PublishedTextChanged(f"{key} has no binding text in {BINDING_LANGUAGE!r}.")
    new_keys = [key for key in texts if key not in hashes]
    newest_version = max((key.version for key in hashes), default="")
    for key in new_keys:
        is_translation = LegalTextKey(key.document, key.version, BINDING_LANGUAGE) in hashes
        if key.version <= newest_version and not is_translation:
            raise PublishedTextChanged(f"{key} must be later than {newest_version}, which was published already.")
    return new_keys


def publish_texts(folder: Path = FOLDER) -> list[LegalTextKey]:
    """Publish the new texts; their keys. Raises `PublishedTextChanged` and then writes nothing."""
    new_keys = find_unpublished_texts(folder)
    if new_keys:
        hashes = {"/".join(key): text.sha256 for key, text in sorted(read_texts(folder).items())}
        (folder / "published.json").write_text(json.dumps(hashes, indent=2) + "\n")
    return new_keys
