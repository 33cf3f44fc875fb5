"""Attempts to go beyond one's rights: refused like anything else, and kept in the audit."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from accounts.permissions import Actor, GrantRefused, Overreach
from config import audit, journal


@contextmanager
def noted(
    actor: Actor, at: datetime, *, about: audit.Party | None = None, asked: Mapping[str, Any]
) -> Iterator[None]:
    """Audit an `Overreach` of what happens inside: who asked for what, and about whom."""
    try:
        yield
    except Overreach as refusal:
        tried = [audit.Change(name, None, value) for name, value in asked.items()]
        journal.note(
            actor=actor,
            action="grant.refused" if isinstance(refusal, GrantRefused) else "attempt.refused",
            subject=about or audit.Party("customer", actor.customer_id, "", actor.customer_id),
            at=at,
            customer_id=actor.customer_id,
            changes=[*tried, audit.Change("reason", None, refusal.code)],
        )
        raise
