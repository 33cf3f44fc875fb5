"""Checks on the page of a record: what works, what does not, and the button that mends it.

The setting ``RECORD_CHECKS`` names a function ``(request, obj) -> CheckPanel`` by ``app.model`` in
lower case: another app may check a record that is not its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

from config.backoffice.record_header import Tone


@dataclass(frozen=True)
class Mend:
    """A link that leads to where a problem is mended."""

    label: str
    url: str


@dataclass(frozen=True)
class Check:
    """One thing that was checked; ``text`` and ``detail`` are text or safe HTML."""

    label: str
    text: Any
    tone: Tone = "good"
    detail: Any = ""
    mends: Sequence[Mend] = field(default_factory=tuple)


@dataclass(frozen=True)
class CheckPanel:
    """The checks of a record, and what follows from them."""

    title: str
    verdict: str
    tone: Tone
    checks: Sequence[Check]
    figure: Any = ""
    """What is drawn below them: safe HTML."""


def load_checks(request: HttpRequest, obj: Any) -> CheckPanel | None:
    """The checks of a record; None: there are none of its kind."""
    function_path = settings.RECORD_CHECKS.get(obj._meta.label_lower)
    panel: CheckPanel | None = import_string(function_path)(request, obj) if function_path else None
    return panel
