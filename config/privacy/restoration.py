"""What must happen after a restore of the tables; each app declares its part."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils.module_loading import import_string


@dataclass(frozen=True)
class Finding:
    """What was done, or what differs from the restored records and needs a person."""

    text: str
    needs_attention: bool = True


@dataclass(frozen=True)
class Restoration:
    """A restore of the tables, and what an operator allows to be done after it."""

    restored_to: datetime
    at: datetime
    """The present."""
    erases: bool = False
    """Erase again whoever was erased since."""
    discards_notifications: bool = False
    """Remove those that were due, most of which were sent before the restore."""
    recovers_recordings: bool = False
    """Bring back files that calls name and that were deleted since."""
    deletes_unknown_recordings: bool = False
    """Delete the files of calls that the tables do not have."""
    ends_sessions: bool = False
    """Sign all operators out."""


Step = Callable[[Restoration], Iterator[Finding]]


def run_steps(restoration: Restoration) -> Iterator[Finding]:
    """Run ``settings.RESTORATION_STEPS`` in order; all may be repeated.

    What is not allowed is reported. Raises `errors.Unavailable`.
    """
    for path in settings.RESTORATION_STEPS:
        yield from import_string(path)(restoration)
