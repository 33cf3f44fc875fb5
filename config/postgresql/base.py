"""Django's backend for PostgreSQL, bounded: a server that hangs holds few threads for few seconds.

The timeout of libpq ends only the attempt to connect, the server's own timeout of statements does
nothing if the server hangs itself, and TCP's timeouts nothing while its kernel still answers. So
each wait of a connection has a deadline here too, and few threads of a process wait at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg.abc import PQGen

from config import computing, errors, failures
from config.bulkhead import Gate

DEPENDENCY = "operators' database"
MARGIN_SECONDS = 1.0
"""How much longer we wait than the server works: it names the reason, and keeps its connection."""
WAIT_SECONDS = 0.5
"""How long a thread waits for a place."""

_gate = Gate(
    max_concurrent=4, max_waiting=8, wait_seconds=WAIT_SECONDS, busy="Too many wait for PostgreSQL.", retry_after=5
)
_held = threading.local()
"""Whether a thread has a place: to connect waits several times."""
R = TypeVar("R")


@contextmanager
def _place() -> Iterator[None]:
    """Hold a place during a block. Raises `psycopg.OperationalError` if there is none."""
    if getattr(_held, "place", False):
        yield
        return
    try:
        with _gate.slot():
            _held.place = True
            try:
                yield
            finally:
                _held.place = False
    except errors.Unavailable as refusal:
        raise psycopg.OperationalError(refusal.detail) from refusal


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that gives up a server which does not answer, and itself."""

    def wait(self, gen: PQGen[R], interval: float = 0.1, timeout: float | None = None) -> R:
        """As psycopg's. Raises `psycopg.OperationalError` after the seconds of a statement."""
        seconds = settings.DATABASE_STATEMENT_SECONDS + MARGIN_SECONDS
        with _place():
            try:
                with computing.waiting():
                    return super().wait(gen, interval=interval, timeout=seconds if timeout is None else timeout)
            except psycopg.errors._WaitTimeout as error:  # noqa: SLF001 - no public error says it
                if timeout is not None:
                    raise
                self.pgconn.finish()  # a late answer would be taken for that of the next statement
                _note_failure("no_answer")
                raise psycopg.OperationalError(f"PostgreSQL did not answer within {seconds} s.") from error


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection of one thread, as Django uses it; without pools and other isolation levels."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> BoundedConnection:
        self.isolation_level = IsolationLevel.READ_COMMITTED
        with _place():
            try:
                with computing.waiting():
                    return BoundedConnection.connect(**conn_params)
            except psycopg.errors.ConnectionTimeout:
                _note_failure("connection_timeout")
                raise


def _note_failure(code: str) -> None:
    _gate.note_failure()
    failures.note(DEPENDENCY, code)
