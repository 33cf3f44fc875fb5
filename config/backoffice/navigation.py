"""The menu: every kind of thing by its section, and whose things the lists show."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

SECTION_ORDER = ("Customers", "Rota", "Telephony", "Records", "House", "More")


def menu_sections(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as the skin wants it."""
    items_by_section: dict[str, list[dict[str, Any]]] = {}
    model_admins: list[Any] = list(admin.site._registry.values())
    for model_admin in model_admins:
        if not hasattr(model_admin, "section"):
            continue
        item = {
            "title": capfirst(str(model_admin.opts.verbose_name_plural)),
            "icon": model_admin.icon,
            "link": reverse(f"admin:{model_admin.opts.app_label}_{model_admin.opts.model_name}_changelist"),
        }
        items_by_section.setdefault(model_admin.section, []).append(item)
    home = {"title": "Attention", "icon": "notifications", "link": reverse("admin:index")}
    return [
        {"title": "", "separator": False, "items": [home]},
        *(
            {"title": name, "separator": True, "items": items_by_section[name]}
            for name in SECTION_ORDER
            if name in items_by_section
        ),
    ]
