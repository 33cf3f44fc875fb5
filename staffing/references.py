"""What records of staffing name in other tables: `manage.py restore check` follows it."""

from config.restore.references import Reference

REFERENCES = (
    Reference("schedules", "customer_id", "customers"),
    Reference("schedules", "location_id", "locations"),
    Reference("schedules", "staff_id", "users"),
    Reference("staff-busy", "staff_id", "users"),
    Reference("staff-busy", "schedule_id", "schedules"),
    Reference("templates", "customer_id", "customers"),
    Reference("calendar-feeds", "user_id", "users"),
    Reference("day-notes", "location_id", "locations"),
)
