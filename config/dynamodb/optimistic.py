"""Changes that rest on what was read: decided again where somebody else was quicker."""

import time
from collections.abc import Callable, Collection
from typing import TypeVar

from config import dynamodb, errors

BUDGET = 4.5
"""Seconds that deciding may take in all."""
TRIES = 12
T = TypeVar("T")


class Changed(errors.Conflict):
    """The record is no longer what the decision rests on."""


def changed() -> Changed:
    """The refusal of a write whose version is no more."""
    return Changed("It was changed by somebody else in the meantime.")


def check_version(record: dynamodb.Record, versions: Collection[int] | None) -> None:
    """Refuse to change another version than the caller named; None: whichever it is."""
    if versions is not None and int(record.version) not in versions:
        raise errors.PreconditionFailed("It changed since you read it; read it again.")


def repeated(decide: Callable[[], T]) -> T:
    """Run a decision, reading included, again for as long as it raises `Changed`."""
    end = time.monotonic() + BUDGET
    for attempt in range(TRIES):
        try:
            return decide()
        except Changed:
            if not dynamodb.pause(attempt, before=end):
                break
    raise errors.Unavailable("Too many changes of this at once.", retry_after=1)
