"""Servers that accept connections and then do not answer, as a machine whose process is stopped."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

REQUESTS_OF_ENCRYPTION = (80877103, 80877104)
"""Codes of PostgreSQL's protocol, with TLS and GSSAPI; ``N`` refuses them."""
AUTHENTICATED = b"R" + (8).to_bytes(4) + (0).to_bytes(4)
PARAMETERS = (("server_version", "15.0"), ("client_encoding", "UTF8"), ("standard_conforming_strings", "on"))
READY = b"Z" + (5).to_bytes(4) + b"I"


class SilentServer:
    """Accepts connections, reads, and answers nothing."""

    def __init__(self) -> None:
        self.connections = 0
        """Accepted so far."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Stop listening: new connections are refused."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve_safely, args=(client,), daemon=True).start()

    def _serve_safely(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        while client.recv(65_536):
            pass


class SilentPostgres(SilentServer):
    """PostgreSQL that hangs at once, or, while `lets_in`, as soon as somebody is signed in."""

    lets_in = False

    def _serve(self, client: socket.socket) -> None:
        if self.lets_in:
            reader = client.makefile("rb")
            while int.from_bytes(reader.read(int.from_bytes(reader.read(4)) - 4)[:4]) in REQUESTS_OF_ENCRYPTION:
                client.sendall(b"N")
            bodies = (f"{name}\0{value}\0".encode() for name, value in PARAMETERS)
            parameters = b"".join(b"S" + (len(body) + 4).to_bytes(4) + body for body in bodies)
            client.sendall(AUTHENTICATED + parameters + READY)
        super()._serve(client)


@contextmanager
def silent_postgres() -> Iterator[SilentPostgres]:
    """Run one."""
    server = SilentPostgres()
    try:
        yield server
    finally:
        server.close()
