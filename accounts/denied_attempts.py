"""Attempts to exceed one's permissions: refused, and written to the audit log."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from accounts.permissions import Actor, DeniedAttempt, GrantRefused
from config import audit, journal


@contextmanager
def audit_denied_attempts(
    actor: Actor, at: datetime, *, subject: audit.Subject | None = None, values: Mapping[str, Any]
) -> Iterator[None]:
    """Audit a `permissions.DeniedAttempt` raised inside: the actor, the subject, the values."""
    try:
        yield
    except DeniedAttempt as refusal:
        attempted_changes = [audit.FieldChange(name, None, value) for name, value in values.items()]
        journal.write_audit_event(
            actor,
            "grant.refused" if isinstance(refusal, GrantRefused) else "attempt.refused",
            subject or audit.Party("customer", actor.customer_id, "", actor.customer_id, actor.customer_id),
            at,
            changes=[*attempted_changes, audit.FieldChange("reason", None, refusal.code)],
        )
        raise
