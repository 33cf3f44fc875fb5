"""The rules of time zones: which version this process uses, how old it is, and whether what is
stored was derived with it.

Shifts are stored in wall time, but sort keys and reminders are instants, which follow from the
rules. After a change of rules, `manage.py zones update` derives them again. Until a process knows
that this is done, its queries by instants are wider (`tolerance`), and filter what they have read.

Processes with other rules may run at the same time, or again later. Each notes that before it
writes shifts, and each reads about once a minute, not in requests, what the others have noted.
"""

import logging
import threading
import time
import tomllib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from django.conf import settings

from config import dynamodb, errors
from config.dynamodb import encryption, unaudited
from config.dynamodb.attributes import Erasure, PersonalData, Text, Timestamp

VERSION = version("tzdata")
"""Of the rules that this process uses."""
MAX_RULE_CHANGE = timedelta(hours=26)
"""An upper bound of how far a change of rules moves an instant: a zone may change its date."""

RELEASE_FILE = Path(__file__).with_suffix(".toml")
STATE = PersonalData(
    "technical",
    "know with which rules of time zones instants were derived",
    "for as long as the installation exists",
    Erasure.NOT_PERSONAL,
    withheld_because="not about a person",
)
STATE_NAME = "zone rules"
READINGS_UNTIL_UNKNOWN = 3
"""Readings of the stored rules that may fail or come late until a process no longer relies on what
it has read."""
Status = Literal["ok", "old", "not_locked", "update_needed", "unknown"]
logger = logging.getLogger("dutyline.zones")


class InstallationState(dynamodb.Record):
    """What an installation remembers about itself."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("installation")

    name = Text(STATE, hash_key=True)
    value = Text(STATE)
    other_version = Text(STATE, null=True)
    """Of zone rules: those of a process that has run since with others than ``value``."""
    updated_at = Timestamp(STATE)


@dataclass(frozen=True)
class Release:
    """The locked `tzdata`, as `make lock` noted it."""

    version: str
    released: date
    checked: date
    """When newer ones were last looked for."""


@dataclass(frozen=True)
class StoredRules:
    """With which rules stored instants were derived."""

    version: str | None
    """That of the last complete update; None: none is complete."""
    other_version: str | None = None
    """That of a process that has run since, and may have derived some with it."""

    @property
    def are_present(self) -> bool:
        """Whether all follow from the rules of this process."""
        return self.version == VERSION and self.other_version is None

    def __str__(self) -> str:
        return " and ".join(filter(None, (self.version or "earlier rules", self.other_version)))


@dataclass(frozen=True)
class ZoneRulesReport:
    """What operators should know about the rules of time zones."""

    status: Status
    stored: StoredRules
    age: timedelta | None
    """Since the release; None if another version is installed than the locked one."""

    @property
    def sentence(self) -> str:
        """The status, and what to do."""
        locked = release()
        return {
            "ok": "The rules are up to date, and everything stored was derived with them.",
            "old": f"Nobody has looked for newer rules since {locked.checked}: run make lock, and deploy.",
            "not_locked": f"tzdata {VERSION} is installed, but {locked.version} is locked: install requirements.txt.",
            "update_needed": f"Stored instants were derived with {self.stored}: run manage.py zones update "
            f"once every process uses {VERSION}.",
            "unknown": "The database does not say with which rules the stored instants were derived.",
        }[self.status]

    def to_json(self) -> dict[str, Any]:
        """As `/readyz` shows it."""
        return {
            "version": VERSION,
            "releasedOn": release().released.isoformat() if self.age is not None else None,
            "ageDays": self.age.days if self.age is not None else None,
            "checkedOn": release().checked.isoformat(),
            "storedVersion": self.stored.version,
            "otherVersion": self.stored.other_version,
            "status": self.status,
        }


@dataclass(frozen=True)
class _Reading:
    """What this process knows of the stored rules, and since when (monotonic seconds)."""

    stored: StoredRules
    at: float


_last_reading: _Reading | None = None
_last_attempt: float | None = None
"""When this process last tried to read them (monotonic seconds)."""


def tolerance() -> timedelta:
    """How far stored instants may be from those of the rules; zero if all follow from them."""
    reading = _last_reading
    is_sure = reading is not None and reading.stored.are_present and _is_recent(reading.at)
    return timedelta(0) if is_sure else MAX_RULE_CHANGE


def _is_recent(at: float) -> bool:
    return time.monotonic() - at < READINGS_UNTIL_UNKNOWN * settings.ZONE_RULES_REFRESH_SECONDS


def refresh() -> None:
    """Read with which rules stored instants were derived, and note that this process has others.

    Without an answer of the database it stays unknown.
    """
    global _last_attempt, _last_reading  # facts about the database, the same for all threads
    _last_attempt = time.monotonic()
    try:
        stored = read_stored_rules()
        if stored.version not in (None, VERSION) and stored.other_version is None:
            _note_other_rules()
            _last_reading = _Reading(StoredRules(stored.version, VERSION), _last_attempt)
    except (errors.Unavailable, dynamodb.CallRejected) as error:
        logger.warning("the stored zone rules cannot be read", extra={"why": str(error)})


def start_refreshing(seconds: float | None = None) -> threading.Event:
    """Refresh now and then from a thread, until the event is set; at the start nothing is read.

    Forks need a thread of their own.
    """
    interval = settings.ZONE_RULES_REFRESH_SECONDS if seconds is None else seconds
    is_stopped = threading.Event()

    def run() -> None:
        while not is_stopped.wait(interval):
            try:
                refresh()
            except Exception as error:  # whatever a broken answer raises: the next one may be right
                logger.warning("the stored zone rules cannot be read", extra={"why": type(error).__name__})

    threading.Thread(target=run, name="zone-rules", daemon=True).start()
    return is_stopped


def note_use() -> None:
    """Before shifts are written: note that this process has other rules than what is stored.

    Costs no round trip in processes that refresh.
    """
    if _last_attempt is None or not _is_recent(_last_attempt):
        refresh()


def _note_other_rules() -> None:
    """Unless an update was complete meanwhile."""
    is_of_others = (InstallationState.value != VERSION) & InstallationState.name.exists()
    is_first = InstallationState.other_version.does_not_exist()
    changes = [InstallationState.other_version.set(VERSION)]
    unaudited.update(InstallationState(STATE_NAME), changes, is_of_others & is_first)


@cache
def release() -> Release:
    """The locked release."""
    return Release(**tomllib.loads(RELEASE_FILE.read_text()))


def read_report(at: datetime) -> ZoneRulesReport:
    """The state of the rules and of what is stored; one round trip."""
    try:
        return _build_report(read_stored_rules(), at)
    except (errors.Unavailable, dynamodb.CallRejected):
        return _build_report(None, at)


def last_report(at: datetime) -> ZoneRulesReport:
    """The same as this process has last read it; no round trip."""
    reading = _last_reading
    return _build_report(reading.stored if reading and _is_recent(reading.at) else None, at)


def _build_report(stored: StoredRules | None, at: datetime) -> ZoneRulesReport:
    age = at.date() - release().released if release().version == VERSION else None
    if stored is None:
        return ZoneRulesReport("unknown", StoredRules(None), age)
    status: Status = "ok"
    if not stored.are_present:
        status = "update_needed"
    elif age is None:
        status = "not_locked"
    elif at.date() - release().checked > timedelta(days=settings.ZONE_RULES_MAX_DAYS):
        status = "old"
    return ZoneRulesReport(status, stored, age)


def read_stored_rules() -> StoredRules:
    """With which rules stored instants were derived. Raises `errors.Unavailable`."""
    global _last_reading
    read_at = time.monotonic()
    state = dynamodb.get_record(InstallationState, STATE_NAME)
    stored = StoredRules(str(state.value), state.other_version) if state else StoredRules(None)
    _last_reading = _Reading(stored, read_at)
    return stored


def store_version(at: datetime) -> None:
    """Note that every stored instant was derived with the rules of this process."""
    state = InstallationState(STATE_NAME)
    changes = [
        InstallationState.value.set(VERSION),
        InstallationState.other_version.remove(),
        InstallationState.updated_at.set(at),
    ]
    is_other = (InstallationState.value != VERSION) | InstallationState.other_version.exists()
    unaudited.update(state, changes, is_other)


def store_version_of_new_installation(at: datetime) -> None:
    """Note the version if nothing is stored yet."""
    if read_stored_rules().version is None:
        people = dynamodb.call("Scan", TableName=encryption.PersonKey.table_name(), Limit=1)
        if not people["Items"]:
            store_version(at)


def log_warning(at: datetime) -> None:
    """Log what an operator should do about the rules, if anything."""
    report = read_report(at)
    if report.status != "ok":
        logger.warning("zone rules need attention", extra={"why": report.sentence, "version": VERSION})
