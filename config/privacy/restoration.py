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


Step = Callable[[datetime, datetime], Iterator[Finding]]
"""Called with the restored time and the present."""


def run_steps(restored_to: datetime, at: datetime) -> Iterator[Finding]:
    """Run ``settings.RESTORATION_STEPS`` in order; all may be repeated.

    Raises `errors.Unavailable`.
    """
    for path in settings.RESTORATION_STEPS:
        yield from import_string(path)(restored_to, at)
