"""Admin pages of the platform's own records."""

from config.admin import audit, outbox, zone_rules
