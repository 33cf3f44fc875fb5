"""Admin pages of schedules, templates and the rota."""

from staffing.admin import schedules, shift_templates
