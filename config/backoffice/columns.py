"""How values stand in lists and on pages."""

from typing import Any

import orjson
from django.utils.html import format_html

from config.backoffice.record_admin import page_of


def linked(app: str, model: str, pk: str | None, name: str | None = None) -> str:
    """A link to the page of another thing; a dash where there is none."""
    if not pk:
        return "—"
    return format_html('<a href="{}">{}</a>', page_of(app, model, pk), name or pk)


def as_json(value: Any) -> str:
    """A value as JSON, on one line."""
    return orjson.dumps(value, default=str).decode()
