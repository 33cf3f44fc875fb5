"""Leaves out what libraries import if it is there, and this product never uses.

They take a fifth of the CPU time of a process's start.
"""

import sys
from importlib import import_module

_UNUSED = {
    "rest_framework.compat": (
        "django.contrib.postgres.fields",  # for model serializers; imports psycopg
        "pygments",  # for its own documentation pages
        "requests",  # for its test client
    ),
    "redis": ("opentelemetry",),  # for metrics of its own
    "httpx": ("httpx._main",),  # its command line; imports click, rich and pygments
}
"""What libraries import within ``try``, by the module that does."""


def import_without_extras() -> None:
    """Import these libraries as if their unused parts were not installed."""
    for importer, names in _UNUSED.items():
        blocked = [name for name in names if importer not in sys.modules and name not in sys.modules]
        for name in blocked:
            sys.modules[name] = None  # type: ignore[assignment] # how Python marks what cannot be imported
        try:
            import_module(importer)
        finally:
            for name in blocked:
                del sys.modules[name]
