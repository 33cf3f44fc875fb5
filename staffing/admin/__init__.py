"""The pages of the rota in the back office."""

from staffing.admin import schedules, shift_templates

__all__ = ["schedules", "shift_templates"]
