"""The WSGI environment (PEP 3333) of a request that arrived over ASGI."""

import io
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes


def build_environ(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of a request, with an empty body.

    Headers whose names have underscores are left out: there they would look like those with
    hyphens, such as the forwarding headers of a proxy.
    """
    server_name, server_port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        **_CONSTANT_ENVIRON,
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server_name,
        "SERVER_PORT": str(server_port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope.get("client") or ("", 0))[0],
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
    }
    read_headers(environ, scope["headers"], _ENVIRON_KEYS.__getitem__)
    return environ


def read_headers(
    environ: dict[str, Any], headers: Iterable[tuple[bytes, bytes]], find_key: Callable[[bytes], str | None]
) -> None:
    """Add headers to an environment by their keys; those without one are left out."""
    for raw_name, raw_value in headers:
        key = find_key(raw_name)
        if not key:
            continue
        value = raw_value.decode("latin-1")
        if key in environ:
            separator = "; " if key == "HTTP_COOKIE" else ","
            value = f"{environ[key]}{separator}{value}"
        environ[key] = value


def _environ_key(raw_name: bytes) -> str:
    """The key of a header; nothing if it is left out."""
    if b"_" in raw_name:
        return ""
    name = raw_name.decode("latin-1").upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


_CONSTANT_ENVIRON = {
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class _Keys(dict[bytes, str]):
    def __missing__(self, raw_name: bytes) -> str:
        return _environ_key(raw_name)


_ENVIRON_KEYS = _Keys(
    (name, _environ_key(name))
    for name in (
        *(b"accept", b"accept-encoding", b"accept-language", b"authorization", b"cache-control", b"connection"),
        *(b"content-length", b"content-type", b"cookie", b"host", b"idempotency-key", b"if-match", b"if-none-match"),
        *(b"origin", b"referer", b"sec-fetch-dest", b"sec-fetch-mode", b"sec-fetch-site", b"user-agent"),
        *(b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-request-id", b"x-twilio-signature"),
    )
)
"""Keys of what nearly all headers are; those of others are found for each request."""
