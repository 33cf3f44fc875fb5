"""How values stand in lists and on pages."""

from typing import Any

import orjson
from django.utils.html import format_html

from config.backoffice.record_admin import admin_change_url


def link_to(app: str, model: str, pk: str | None, name: str | None = None) -> str:
    """A link to the page of another thing; a dash where there is none."""
    if not pk:
        return "—"
    return format_html('<a href="{}">{}</a>', admin_change_url(app, model, pk), name or pk)


def to_json(value: Any) -> str:
    """A value as JSON, on one line."""
    return orjson.dumps(value, default=str).decode()
