"""The menu: every kind of thing by its section, and whose things the lists show."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst

ORDER = ("Customers", "Rota", "Telephony", "Records", "House", "More")


def sections(request: HttpRequest) -> list[dict[str, Any]]:
    """The menu as the skin wants it."""
    by_section: dict[str, list[dict[str, Any]]] = {}
    registered: list[Any] = list(admin.site._registry.values())
    for one in registered:
        if not hasattr(one, "section"):
            continue
        item = {
            "title": capfirst(str(one.opts.verbose_name_plural)),
            "icon": one.icon,
            "link": reverse(f"admin:{one.opts.app_label}_{one.opts.model_name}_changelist"),
        }
        by_section.setdefault(one.section, []).append(item)
    home = {"title": "Attention", "icon": "notifications", "link": reverse("admin:index")}
    return [
        {"title": "", "separator": False, "items": [home]},
        *(
            {"title": name, "separator": True, "items": by_section[name]}
            for name in ORDER
            if name in by_section
        ),
    ]
