"""The header of a record's page: what an operator sees first, whatever their rights.

A model's admin declares it::

    def header(self, request, obj) -> RecordHeader:
        record = obj.record
        return RecordHeader(
            name=str(record.name),
            badge=Badge(record.status, "good"),
            facts=[Fact("Role", record.role), Fact("Created", Moment(record.created_at))],
            primary="resend",
        )

The first three facts stand out. ``primary`` names the button that is the likely next step; it is
drawn as such where the record offers it. Links come from ``related_links``.

Another app adds facts to the page of a record that is not its own through the setting
``RECORD_FACTS``: paths of functions ``(obj) -> Sequence[Fact]``, by ``app.model`` in lower case.
They read at the same time; each should read once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from django.conf import settings
from django.utils.module_loading import import_string

from config import dynamodb
from config.backoffice import clock

Tone = Literal["good", "info", "warning", "danger", "neutral"]


@dataclass(frozen=True)
class Badge:
    """A state in one or two words."""

    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Moment:
    """A time, shown by the clock of a zone (by default that of the page), and in UTC beside it."""

    at: datetime | None
    zone: str | None = None
    if_none: str = "—"

    def __str__(self) -> str:
        return clock.time_html(self.at, self.zone, with_both=True) if self.at else self.if_none

    def __html__(self) -> str:
        return str(self)


@dataclass(frozen=True)
class Fact:
    """A label and a value: text, safe HTML such as a link, or a `Moment`."""

    label: str
    value: Any
    is_problem: bool = False
    """Whether the value explains why something does not work."""


@dataclass(frozen=True)
class RecordHeader:
    """What the header shows."""

    name: str
    badge: Badge | None = None
    facts: Sequence[Fact] = field(default_factory=tuple)
    primary: str = ""
    """The name of the button that is the likely next step."""
    id: str = ""
    """The id to copy; the primary key by default."""


def complete(header: RecordHeader, obj: Any) -> RecordHeader:
    """The header with the facts that other apps add."""
    paths = settings.RECORD_FACTS.get(obj._meta.label_lower, ())
    functions = [import_string(path) for path in paths]
    added = (
        dynamodb.gather(*(clock.bind_to_page(partial(function, obj)) for function in functions)) if functions else []
    )
    facts = [*header.facts, *(fact for part in added for fact in part)]
    return replace(header, facts=facts, id=header.id or str(obj.pk))
