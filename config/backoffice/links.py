"""Links between pages of the back office, and panels of links."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.module_loading import import_string

from config import dynamodb
from config.backoffice import clock


@dataclass(frozen=True)
class PanelItem:
    """One line of a panel."""

    text: str
    url: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Panel:
    """Records of one kind that need attention, on the start page or on a customer's page."""

    title: str
    items: Sequence[PanelItem]
    empty_text: str
    """What the panel says without items."""
    url: str = ""
    has_more: bool = False
    """Whether there are more items than these."""
    is_informational: bool = False
    """Whether the items need no attention."""


def build_panels(paths: Iterable[str], customer_id: str | None) -> list[Panel]:
    """The panels of these functions, in order; they read at the same time."""
    functions = [import_string(path) for path in paths]
    panel_lists = dynamodb.gather(*(clock.bind_to_page(partial(function, customer_id)) for function in functions))
    return [panel for panels in panel_lists for panel in panels]


def admin_change_url(app: str, model: str, pk: str) -> str:
    """The URL of a record's page."""
    return reverse(f"admin:{app}_{model}_change", args=(quote(pk),))


def admin_list_url(app: str, model: str, **filters: str) -> str:
    """The URL of a filtered list."""
    return f"{reverse(f'admin:{app}_{model}_changelist')}?{urlencode(filters)}"


def link_to(app: str, model: str, pk: str | None, name: str | None = None) -> str:
    """A link to a record's page; a dash without ``pk``."""
    if not pk:
        return "—"
    return format_html('<a href="{}">{}</a>', admin_change_url(app, model, pk), name or pk)


def to_json(value: Any) -> str:
    """A value as JSON, on one line."""
    return orjson.dumps(value, default=str).decode()
