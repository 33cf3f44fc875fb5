"""The pages of the house's own records in the back office."""

from config.admin import audit, outbox

__all__ = ["audit", "outbox"]
