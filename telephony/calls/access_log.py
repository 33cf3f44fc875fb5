"""What operators look at of calls, noted: they show who called, and what was said."""

from datetime import datetime

from accounts.permissions import Actor
from config import audit, journal
from telephony.models import Call


def looked_at(call: Call, *, actor: Actor, at: datetime) -> None:
    """Note that an operator looked at a call: it shows who called."""
    _note(call, "call.viewed", [], actor, at)


def listened(call: Call, kind: str, *, actor: Actor, at: datetime) -> None:
    """Note that an operator listened to what was recorded of a call."""
    _note(call, "call.listened", [audit.Change("recording", None, kind)], actor, at)


def _note(call: Call, action: str, changes: list[audit.Change], actor: Actor, at: datetime) -> None:
    actor.require("calls:read")
    journal.note(
        actor=actor,
        action=action,
        subject=call.party,
        at=at,
        customer_id=call.customer_id,
        changes=changes,
    )
