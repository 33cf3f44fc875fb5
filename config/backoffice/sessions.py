"""Sessions of operators, in SQL: Django's, but only keys of the right form are looked up.

Anybody can send a cookie: one with another value costs no query.
"""

import re

from django.contrib.sessions.backends import db

_KEY = re.compile(r"[a-z0-9]{32}", re.ASCII)


class SessionStore(db.SessionStore):
    """The session of a cookie."""

    def _validate_session_key(self, key: str | None) -> bool:
        """Whether a key has the form of those that Django makes; else, the session is empty."""
        return bool(key and _KEY.fullmatch(key))
