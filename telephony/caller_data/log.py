"""Erased callers in the log of erasures, which outlives a restore: pseudonyms, no numbers."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from config.dynamodb import encryption
from config.privacy import erasure_log

PREFIX = "era_"
KEY_NAME = "erased callers"


@dataclass(frozen=True)
class ErasedCaller:
    """A caller who was erased from the records of a customer."""

    id: str
    customer_id: str
    pseudonyms: frozenset[str]
    """Of every form of the number."""
    at: datetime

    def matches(self, caller: str) -> bool:
        """Whether a stored caller is this one, whichever data key was the current one then."""
        return any(_pseudonym(caller, key) in self.pseudonyms for key in encryption.application_keys(KEY_NAME))


def log_erasure(id: str, customer_id: str, names: Iterable[str], at: datetime) -> None:
    """Store that a caller is erased, before it happens; repeating it is harmless.

    Raises `errors.Unavailable`.
    """
    key = encryption.application_keys(KEY_NAME)[0]
    facts = {"customer": customer_id, "caller": sorted(_pseudonym(name, key) for name in names)}
    erasure_log.log_facts(id, facts, at)


def list_erased(since: datetime, until: datetime) -> Iterator[ErasedCaller]:
    """The callers erased from the day of ``since`` to that of ``until``.

    Raises `errors.Unavailable`.
    """
    for facts in erasure_log.list_facts(PREFIX, since, until):
        at = datetime.fromisoformat(facts["at"])
        yield ErasedCaller(facts["id"], facts["customer"], frozenset(facts["caller"]), at)


def _pseudonym(caller: str, key: bytes) -> str:
    return hmac.digest(key, caller.encode(), hashlib.sha256).hex()
