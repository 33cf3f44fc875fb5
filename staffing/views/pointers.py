"""Pointers of errors of schedules: to the field of the request that caused them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from config import errors
from config.api.fields import StrictSerializer, field_names

_CAUSES = (
    *("templateId", "startTime", "endTime", "recurrencePattern", "recurring", "staffId", "locationId"),
    *("breakMinutes", "notes", "position", "color"),
)
"""Fields that can cause an error of another one, the likeliest first."""
_CAUSED = ("startTime", "endTime", "staffId", "breakMinutes", "notes")
"""Fields whose stored values may not fit those that are sent."""


@contextmanager
def point_to_sent(body: type[StrictSerializer], data: Mapping[str, Any]) -> Iterator[None]:
    """Point errors that name a field which was not sent to one that was, and could cause them.

    ``data`` is a validated request of ``body``.
    """
    try:
        yield
    except errors.DomainError as error:
        causes = {name: value for name, value in data.items() if name in field_names(body) and value is not None}
        error.field_errors = [replace(item, pointer=_find_cause(item, data, causes)) for item in error.field_errors]
        raise


def _find_cause(error: errors.FieldError, sent: Mapping[str, Any], causes: Mapping[str, Any]) -> str:
    staff_id = error.extra.get("staffId")
    if staff_id and staff_id != causes.get("staffId") and (cover := _find_cover(causes, staff_id)):
        return cover
    name, *members = error.pointer.removeprefix("/").split("/")
    if name in sent or not (name in _CAUSED or (name == "recurrencePattern" and members)):
        return error.pointer
    if members and members[-1] in causes:
        return f"/{members[-1]}"
    return next((f"/{cause}" for cause in _CAUSES if cause in causes), error.pointer)


def _find_cover(sent: Mapping[str, Any], staff_id: str) -> str | None:
    """The exception of the request in which this user covers an occurrence."""
    exceptions = (sent.get("recurrencePattern") or {}).get("exceptions") or {}
    for key, exception in exceptions.items():
        if isinstance(exception, Mapping) and exception.get("staffId") == staff_id:
            return f"/recurrencePattern/exceptions/{key}/staffId"
    return None
