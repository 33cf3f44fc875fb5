"""The documents that people accept: their texts, versions and hashes.

``templates/legal/<document>/<version>.<language>.md``: the version is the day (UTC) from which the
text is in force. ``published.json`` holds the SHA-256 of every text that was published: a published
text never changes, a new text is a new version.
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
BINDING = "en"
"""The language that every text exists in."""


class Changed(Exception):
    """A published text is not what was published, or is gone."""


class Place(NamedTuple):
    """Names one text."""

    document: str
    version: str
    language: str

    def __str__(self) -> str:
        return f"{self.document}/{self.version}.{self.language}"


@dataclass(frozen=True)
class Text:
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
        return begins(self.version)


@dataclass(frozen=True)
class Edition:
    """What is in force at one moment: each document, and the newest of their versions."""

    version: str
    texts: tuple[Text, ...]


def begins(version: str) -> datetime:
    """The moment from which a version is in force."""
    return datetime.combine(date.fromisoformat(version), time(), UTC)


def in_force(at: datetime, language: str = BINDING) -> Edition:
    """The documents in force at a moment, in this language where they exist in it."""
    day = at.astimezone(UTC).date().isoformat()
    newest = {place.document: place.version for place in sorted(_published()) if place[1] <= day}
    if not newest:
        raise Changed(f"No terms were in force on {day}.")
    there = [document for document in DOCUMENTS if document in newest]
    texts = tuple(_best(document, newest[document], language) for document in there)
    return Edition(max(newest.values()), texts)


def versions(until: datetime | None = None) -> list[str]:
    """Every version that some document has, oldest first; perhaps only those in force by then."""
    every = sorted({place.version for place in _published()})
    return [version for version in every if until is None or begins(version) <= until]


def text(document: str, version: str, language: str = BINDING) -> Text | None:
    """One text, in this language where it exists in it; None where there is no such version."""
    there = Place(document, version, BINDING) in _published()
    return _best(document, version, language) if there else None


def _best(document: str, version: str, language: str) -> Text:
    wanted = Place(document, version, language)
    return _texts()[wanted if wanted in _published() else Place(document, version, BINDING)]


@cache
def _texts() -> dict[Place, Text]:
    """The published texts, read once. Raises `Changed`."""
    found = read()
    for place, sha256 in _published().items():
        if place not in found or found[place].sha256 != sha256:
            raise Changed(f"{place} is not as it was published.")
    return {place: text for place, text in found.items() if place in _published()}


@cache
def _published() -> dict[Place, str]:
    return published()


def published(folder: Path = FOLDER) -> dict[Place, str]:
    """The SHA-256 of each published text, as ``published.json`` holds it."""
    path = folder / "published.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    return {Place(*name.split("/")): sha256 for name, sha256 in kept.items()}


def read(folder: Path = FOLDER) -> dict[Place, Text]:
    """Every text in the folder, published or not. Raises `ValueError` for an odd file name."""
    found = {}
    for path in sorted(folder.glob("*/*.md")):
        version, _, language = path.stem.partition(".")
        if path.parent.name not in DOCUMENTS or not language:
            raise ValueError(
                f"{path.name} must be named <day>.<language>.md in a document's folder"
            )
        date.fromisoformat(version)
        place = Place(path.parent.name, version, language)
        found[place] = Text(*place, path.read_bytes().decode())
    return found


def unpublished(folder: Path = FOLDER) -> list[Place]:
    """The texts that are new. Raises `Changed` where a published one is not as it was."""
    kept, found = published(folder), read(folder)
    for place, sha256 in kept.items():
        if place not in found:
            raise Changed(f"{place} was published and is gone.")
        if found[place].sha256 != sha256:
            raise Changed(f"{place} was changed after it was published; make it a new version.")
    for place in found:
        if Place(place.document, place.version, BINDING) not in found:
            raise Changed(f"{place} has no binding text in {BINDING!r}.")
    new = [place for place in found if place not in kept]
    newest = max((place.version for place in kept), default="")
    for place in new:
        translated = Place(place.document, place.version, BINDING) in kept
        if place.version <= newest and not translated:
            raise Changed(f"{place} must be later than {newest}, which was published already.")
    return new


def publish(folder: Path = FOLDER) -> list[Place]:
    """Publish the texts that are new; answers which. Raises `Changed` and writes nothing."""
    new = unpublished(folder)
    if new:
        hashes = {"/".join(place): text.sha256 for place, text in sorted(read(folder).items())}
        (folder / "published.json").write_text(json.dumps(hashes, indent=2) + "\n")
    return new
