"""The pages of the rota in the back office."""

from staffing.admin import schedules, templates

__all__ = ["schedules", "templates"]
