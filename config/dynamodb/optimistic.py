"""Changes that rest on what was read: decided again where somebody else was quicker."""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from config import dynamodb, errors

BUDGET_SECONDS = 4.5
"""Seconds that deciding may take in all."""
MAX_ATTEMPTS = 12
T = TypeVar("T")


class StaleRecord(errors.Conflict):
    """The record is no longer what the decision rests on."""


def stale_record_error() -> StaleRecord:
    """The refusal of a write whose version is no more."""
    return StaleRecord("It was changed by somebody else in the meantime.")


def check_version(record: dynamodb.Record, expected_versions: Collection[int] | None) -> None:
    """Refuse to change another version than the caller named; None: whichever it is."""
    if expected_versions is not None and int(record.version) not in expected_versions:
        raise errors.PreconditionFailed("It changed since you read it; read it again.")


def retry_on_conflict(decide: Callable[[], T]) -> T:
    """Run a decision, reading included, again for as long as it raises `Changed`."""
    deadline = time.monotonic() + BUDGET_SECONDS
    for attempt in range(MAX_ATTEMPTS):
        try:
            return decide()
        except StaleRecord:
            if not dynamodb.back_off(attempt, deadline=deadline):
                break
    raise errors.Unavailable("Too many changes of this at once.", retry_after=1)
