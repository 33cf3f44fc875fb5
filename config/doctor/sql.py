"""The SQL database of operators: connection, TLS, migrations and rights."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import signing
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor

from config import outbox
from config.backoffice.sessions import SessionStore
from config.doctor.checks import Check, Finding, Options, describe_error, failed, ok, warning

_TABLE = "django_session"
_MIGRATE = "Run manage.py migrate."
MAX_SESSIONS = 1_000
"""The newest sessions that are looked at."""


def _check_database(options: Options) -> Iterator[Finding]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        yield from _examine()
    except Error as error:
        cause = error.__cause__ or error
        yield failed(
            f"DATABASE_URL: {connection.display_name} does not let us in ({describe_error(cause)}).",
            "Check host, user, password, database and certificate of DATABASE_URL.",
            type(cause).__name__,
        )
    finally:
        connection.close()  # that of this thread


def _examine() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in pending[:3])
        yield failed(f"{len(pending)} migrations are not applied: {names} …", _MIGRATE, "pending_migrations")
        return
    if connection.vendor != "postgresql":
        yield ok(f"{connection.display_name} answers, and all migrations are applied.")
        return
    if refused := _read_refused_privileges():
        sentence = f"The user of DATABASE_URL may not {', '.join(refused)} on {_TABLE}."
        yield failed(sentence, "Grant it on all tables of the database.", "insufficient_privilege")
    if not _is_encrypted() and not settings.LOCAL and "DATABASE_URL" not in settings.ENGINES_WITHOUT_TLS:
        yield failed(
            "The connection to PostgreSQL is not encrypted.", "Set sslmode=verify-full in DATABASE_URL.", "no_tls"
        )
    elif not refused:
        tls = "with TLS" if _is_encrypted() else "without TLS"
        yield ok(f"PostgreSQL answers {tls}, and all migrations are applied.")


def _check_sessions(options: Options) -> Iterator[Finding]:
    """Whether a key of the settings has signed the sessions of operators; without decoding them."""
    try:
        sessions = Session.objects.filter(expire_date__gt=outbox.utc_now()).order_by("-expire_date")
        signed_texts = list(sessions.values_list("session_data", flat=True)[:MAX_SESSIONS])
    except Error:
        return  # sql.database names it
    finally:
        connection.close()
    counts = Counter(map(_signing_setting, signed_texts))
    if unknown := counts[""]:
        yield warning(
            f"{unknown} of {len(signed_texts)} sessions of operators are signed under another key than those of "
            "SECRET_KEY and SECRET_KEY_FALLBACKS: who has them must sign in again.",
            "Add the earlier key to SECRET_KEY_FALLBACKS, or give all processes the same SECRET_KEY.",
            "unknown_secret_key",
        )
    else:
        yield ok(
            f"Of {len(signed_texts)} sessions of operators, {counts['SECRET_KEY']} are signed under SECRET_KEY, "
            f"{counts['SECRET_KEY_FALLBACKS']} under SECRET_KEY_FALLBACKS."
        )


def _signing_setting(signed_text: str) -> str:
    """The name of the setting whose key signed a session; empty if none did."""
    salt = SessionStore().key_salt
    for name, keys in (("SECRET_KEY", [settings.SECRET_KEY]), ("SECRET_KEY_FALLBACKS", settings.SECRET_KEY_FALLBACKS)):
        for key in keys:
            with suppress(signing.BadSignature):
                signing.TimestampSigner(key=key, salt=salt, fallback_keys=[]).unsign(signed_text)
                return name
    return ""


def _is_encrypted() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        row = cursor.fetchone()
    return bool(row and row[0])


def _read_refused_privileges() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT privilege FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege"
            " WHERE NOT has_table_privilege(%s, privilege)",
            [_TABLE],
        )
        return [str(row[0]) for row in cursor.fetchall()]


CHECKS = (
    Check("sql.database", _check_database, setting="DATABASE_URL"),
    Check("sql.sessions", _check_sessions, setting="DATABASE_URL"),
)
