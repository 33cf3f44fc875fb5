"""Whether the phone service could fetch an audio file of a configuration.

The address comes from a customer, so a request goes to public addresses on port 443 only: to the
very address that was checked, without proxies and redirects, for one byte, and for a bounded time.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Literal
from urllib.parse import quote, urlsplit

import requests
from django.conf import settings

from config import bulkhead, errors

AudioResult = Literal["audio_ok", "audio_missing", "audio_wrong_type", "audio_refused", "audio_unknown"]
"""It can be played; it is not there; it is no audio; nobody may fetch it there; not known."""
TIMEOUT_SECONDS, LONGEST_CHECK_SECONDS = 3.0, 3.5
"""Of a connection, everything included; and with the look-up of the name."""
_bulkhead = bulkhead.Bulkhead(
    "The server of the audio file", max_concurrent=4, budget_seconds=3 * LONGEST_CHECK_SECONDS
)
"""Its budget is longer than any deadline, so one server that hangs does not count for others."""
_PLAYABLE = ("audio/", "application/octet-stream", "binary/octet-stream")
_PORT = 443
_SAFE = "/%:@!$&'()*+,;=~-._?"
Resolve = Callable[[str], list[str]]


def check_file(url: str) -> AudioResult:
    """Ask for the first byte of a file. Takes `LONGEST_CHECK_SECONDS` at most."""
    base_url = settings.TWILIO["base_url"]
    if not (urlsplit(base_url).hostname or "").endswith(".twilio.com"):
        return _ask_emulator(base_url, url)
    try:
        return _bulkhead.call(lambda: fetch_first_byte(url), deadline=time.monotonic() + LONGEST_CHECK_SECONDS)
    except errors.Unavailable:
        return "audio_unknown"


def _ask_emulator(base_url: str, url: str) -> AudioResult:
    """The emulator of the phone service says whether it could fetch a file: it asks nobody."""
    try:
        response = requests.get(f"{base_url}/_local/audio?url={quote(url, safe='')}", timeout=TIMEOUT_SECONDS)
    except requests.RequestException:
        return "audio_unknown"
    return judge_response(response.status_code, response.headers.get("Content-Type", ""))


def judge_response(status: int, content_type: str) -> AudioResult:
    """What a response says about a file. Pure."""
    if status in (200, 206):
        return "audio_ok" if content_type.lower().startswith(_PLAYABLE) else "audio_wrong_type"
    if status in (401, 403, 404, 410):
        return "audio_missing"
    return "audio_unknown"


def _resolve(host: str) -> list[str]:
    return [str(info[4][0]) for info in socket.getaddrinfo(host, _PORT, type=socket.SOCK_STREAM)]


def find_public_address(host: str, resolve: Resolve = _resolve) -> str | None:
    """The first address of a host if all of them are public; None: one is not. Raises `OSError`."""
    addresses = [ipaddress.ip_address(address.partition("%")[0]) for address in resolve(host)]
    if not addresses or not all(map(_is_public, addresses)):
        return None
    return str(addresses[0])


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Also of an IPv4 address in the form of an IPv6 one."""
    if isinstance(address, ipaddress.IPv6Address):
        embedded = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if embedded is not None and not _is_public(embedded):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def fetch_first_byte(url: str, resolve: Resolve = _resolve) -> AudioResult:
    """Fetch the first byte of a file of the web."""
    target = _parse_url(url)
    if target is None:
        return "audio_refused"
    host, path = target
    try:
        address = find_public_address(host, resolve)
        return _request(host, address, path) if address else "audio_refused"
    except ssl.SSLCertVerificationError:
        return "audio_refused"
    except socket.gaierror as error:
        return "audio_missing" if error.errno == socket.EAI_NONAME else "audio_unknown"
    except (OSError, http.client.HTTPException, ValueError):
        return "audio_unknown"


def _parse_url(url: str) -> tuple[str, str] | None:
    """Host and path of a file, if it may be asked for. Pure."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
    except ValueError:
        return None
    if parts.scheme != "https" or port != _PORT or not host or parts.username or parts.password:
        return None
    query = f"?{quote(parts.query, safe=_SAFE)}" if parts.query else ""
    return host, quote(parts.path or "/", safe=_SAFE) + query


def _request(host: str, address: str, path: str) -> AudioResult:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    connection = http.client.HTTPSConnection(host, _PORT, timeout=TIMEOUT_SECONDS)
    plain_socket = socket.create_connection((address, _PORT), timeout=TIMEOUT_SECONDS)
    with closing(plain_socket), closing(connection):
        context = ssl.create_default_context()
        tls_socket = context.wrap_socket(plain_socket, server_hostname=host, do_handshake_on_connect=False)
        connection.sock = tls_socket
        # A server that sends a byte now and then would never time out.
        timer = threading.Timer(max(0.1, deadline - time.monotonic()), _shut_down, [tls_socket])
        timer.start()
        try:
            tls_socket.do_handshake()
            connection.request("GET", path, headers={"Range": "bytes=0-0", "User-Agent": "Dutyline line test"})
            response = connection.getresponse()
            return judge_response(response.status, response.getheader("Content-Type") or "")
        finally:
            timer.cancel()


def _shut_down(connected_socket: socket.socket) -> None:
    try:
        connected_socket.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is closed
