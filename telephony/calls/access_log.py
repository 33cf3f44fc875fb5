"""What operators look at of calls, noted: they show who called, and what was said."""

from datetime import datetime

from accounts.permissions import Actor
from config import audit, journal
from telephony.models import Call


def log_call_viewed(call: Call, *, actor: Actor, at: datetime) -> None:
    """Note that an operator looked at a call: it shows who called."""
    _log_access(call, "call.viewed", [], actor, at)


def log_recording_played(call: Call, kind: str, *, actor: Actor, at: datetime) -> None:
    """Note that an operator listened to what was recorded of a call."""
    _log_access(call, "call.listened", [audit.FieldChange("recording", None, kind)], actor, at)


def _log_access(call: Call, action: str, changes: list[audit.FieldChange], actor: Actor, at: datetime) -> None:
    actor.require("calls:read")
    journal.write_audit_event(actor, action, call, at, changes=changes)
