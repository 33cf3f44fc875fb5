"""A connection to a server that answers one request after the other."""

import select
import socket
import time

from config import computing

_CHUNK_BYTES = 131_072
_TOLERANCE = 0.05
"""Seconds that an answer may come after its deadline, so that few need another timeout."""


class ConnectionFailed(Exception):
    """No complete answer: no connection, a timeout, or a connection that ended."""


class ConnectionEnded(ConnectionFailed):
    """The other side closed the connection before the first byte of an answer."""


class Connection:
    """A connection, with what would take time to set up for each request."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._timeout = sock, sock.gettimeout() or 0.0
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._deadline = self.used_at = 0.0

    def is_silent(self) -> bool:
        """Whether a connection without a request has neither ended nor something to say."""
        return not self._poll.poll(0)

    def send(self, data: bytes, deadline: float) -> None:
        """Send a request whose answer is awaited until ``deadline``, by the monotonic clock.

        Raises `ConnectionFailed`, or `ConnectionEnded`.
        """
        self._deadline = deadline
        seconds_left = deadline - time.monotonic()
        if abs(seconds_left - self._timeout) > _TOLERANCE:
            self._set_timeout(max(seconds_left, 0.001))
        try:
            self._sock.sendall(data)
        except TimeoutError as error:
            raise ConnectionFailed("no answer in time") from error
        except OSError as error:
            raise ConnectionEnded(type(error).__name__) from error

    def receive_first(self) -> bytes:
        """The first part of an answer. Raises `ConnectionFailed`, or `ConnectionEnded`."""
        seconds_left = self._deadline - time.monotonic()
        if seconds_left < self._timeout - _TOLERANCE:  # others were read first
            self._set_timeout(max(seconds_left, 0.001))
        thread = computing.begin_wait()
        try:
            part = self._sock.recv(_CHUNK_BYTES)
        except TimeoutError as error:
            raise ConnectionFailed("no answer in time") from error
        except OSError as error:
            raise ConnectionEnded(type(error).__name__) from error
        finally:
            if thread:
                thread.begin()
        if not part:
            raise ConnectionEnded("no answer")
        return part

    def receive_more(self) -> bytes:
        """The next part of an answer that has begun. Raises `ConnectionFailed`."""
        self._set_timeout(max(self._deadline - time.monotonic(), 0.001))
        thread = computing.begin_wait()
        try:
            part = self._sock.recv(_CHUNK_BYTES)
        except OSError as error:
            raise ConnectionFailed(f"the answer is cut: {type(error).__name__}") from error
        finally:
            if thread:
                thread.begin()
        if not part:
            raise ConnectionFailed("the answer is cut")
        return part

    def close(self) -> None:
        self._sock.close()

    def _set_timeout(self, seconds: float) -> None:
        if seconds != self._timeout:  # each is a system call
            self._sock.settimeout(seconds)
            self._timeout = seconds
