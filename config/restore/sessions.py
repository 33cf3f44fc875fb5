"""Sessions of operators in a restored PostgreSQL: some had been ended since."""

from collections.abc import Iterator

from django.contrib.sessions.models import Session
from django.db import Error

from config.privacy.restoration import Finding, Restoration


def end_sessions(restoration: Restoration) -> Iterator[Finding]:
    """Sign all operators out, if that is allowed."""
    try:
        sessions = Session.objects.all()
        if restoration.ends_sessions:
            count, _ = sessions.delete()
            yield Finding(f"{count} sessions of operators are ended", needs_attention=False)
        elif count := sessions.count():
            text = f"{count} sessions of operators; --end-sessions ends them, if PostgreSQL was restored too"
            yield Finding(text, needs_attention=False)
    except Error as error:
        yield Finding(f"sessions of operators cannot be read ({type(error).__name__}); check DATABASE_URL, migrate")
