"""The rules of time zones: which version this process uses, how old it is, and whether what is
stored was derived with it.

Shifts are stored in wall time, but sort keys and reminders are instants, which follow from the
rules. After a change of rules, `manage.py zones update` derives them again. Until a process knows
that this is done, its queries by instants are wider (`tolerance`), and filter what they have read.
"""

import logging
import tomllib
from contextlib import suppress
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
_STATE_NAME = "zone rules"
Status = Literal["ok", "old", "not_locked", "update_needed", "unknown"]
logger = logging.getLogger("dutyline.zones")


class InstallationState(dynamodb.Record):
    """What an installation remembers about itself."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("installation")

    name = Text(STATE, hash_key=True)
    value = Text(STATE)
    updated_at = Timestamp(STATE)


@dataclass(frozen=True)
class Release:
    """The locked `tzdata`, as `make lock` noted it."""

    version: str
    released: date
    checked: date
    """When newer ones were last looked for."""


@dataclass(frozen=True)
class ZoneRulesReport:
    """What operators should know about the rules of time zones."""

    status: Status
    stored_version: str | None
    """The version with which all stored instants were derived; None: no update is complete."""
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
            "update_needed": f"Stored instants were derived with {self.stored_version or 'earlier rules'}: "
            "run manage.py zones update.",
            "unknown": "The database does not say with which rules the stored instants were derived.",
        }[self.status]

    def to_json(self) -> dict[str, Any]:
        """As `/readyz` shows it."""
        return {
            "version": VERSION,
            "releasedOn": release().released.isoformat() if self.age is not None else None,
            "ageDays": self.age.days if self.age is not None else None,
            "checkedOn": release().checked.isoformat(),
            "storedVersion": self.stored_version,
            "status": self.status,
        }


_known_version: str | None = None
"""The stored version as this process has last read it; requests do not read it."""


def tolerance() -> timedelta:
    """How far stored instants may be from those of the rules; zero if all follow from them."""
    return timedelta(0) if _known_version == VERSION else MAX_RULE_CHANGE


def load_stored_version() -> None:
    """Read the stored version when a process starts; without a database it stays unknown."""
    with suppress(errors.Unavailable, dynamodb.CallRejected):
        read_stored_version()


@cache
def release() -> Release:
    """The locked release."""
    return Release(**tomllib.loads(RELEASE_FILE.read_text()))


def read_report(at: datetime) -> ZoneRulesReport:
    """The state of the rules and of what is stored; one round trip."""
    age = at.date() - release().released if release().version == VERSION else None
    try:
        stored_version = read_stored_version()
    except (errors.Unavailable, dynamodb.CallRejected):
        return ZoneRulesReport("unknown", None, age)
    status: Status = "ok"
    if stored_version != VERSION:
        status = "update_needed"
    elif age is None:
        status = "not_locked"
    elif at.date() - release().checked > timedelta(days=settings.ZONE_RULES_MAX_DAYS):
        status = "old"
    return ZoneRulesReport(status, stored_version, age)


def read_stored_version() -> str | None:
    """The version with which every stored instant was derived; None if that is not known."""
    global _known_version  # a fact about the database, the same for all threads
    state = dynamodb.get_record(InstallationState, _STATE_NAME)
    _known_version = str(state.value) if state else None
    return _known_version


def store_version(at: datetime) -> None:
    """Note that every stored instant was derived with the rules of this process."""
    state = InstallationState(_STATE_NAME)
    changes = [InstallationState.value.set(VERSION), InstallationState.updated_at.set(at)]
    unaudited.update(state, changes, InstallationState.value != VERSION)


def store_version_of_new_installation(at: datetime) -> None:
    """Note the version if nothing is stored yet."""
    if read_stored_version() is None:
        people = dynamodb.call("Scan", TableName=encryption.PersonKey.table_name(), Limit=1)
        if not people["Items"]:
            store_version(at)


def log_warning(at: datetime) -> None:
    """Log what an operator should do about the rules, if anything."""
    report = read_report(at)
    if report.status not in ("ok", "unknown"):
        logger.warning("zone rules need attention", extra={"why": report.sentence, "version": VERSION})
