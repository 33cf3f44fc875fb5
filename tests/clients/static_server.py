"""Serves the built sample app with the settings of the test environment."""

import json
import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit


@contextmanager
def serve_app(folder: Path, port: int, settings: dict[str, str]) -> Iterator[None]:
    """Serve a folder; unknown paths are the page itself, as for every single-page app."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            file = folder / path.lstrip("/")
            if path == "/settings.json":
                self._send(json.dumps(settings).encode(), "application/json")
            elif file.is_file():
                self._send(file.read_bytes(), mimetypes.guess_type(file.name)[0] or "")
            else:
                self._send((folder / "index.html").read_bytes(), "text/html")

        def _send(self, content: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *arguments: object) -> None:
            """Requests of the page are of no interest."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
