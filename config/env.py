"""Reads environment variables; a missing or invalid one ends the process with one sentence.

``NAME_FILE`` may be set in place of ``NAME``: the path of a file that contains the value.
"""

import base64
import ipaddress
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url

_ORIGIN = re.compile(r"https?://(\*\.(?=[^.]+\.))?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?")
_HOST_NAME = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_KEY_ID = re.compile(r"[a-z0-9-]{1,32}")
LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1", "[::1]"}


class Misconfigured(SystemExit):
    """An environment variable is missing or invalid. Ends the process without a traceback."""


def text(name: str, default: str | None = None) -> str:
    """The value of ``name``; without a default it must be set and not empty."""
    value = _read_variable(name)
    if value:
        return value
    if default is None:
        raise Misconfigured(f"{name} is not set; see docs/operations/settings.md.")
    return default


def choice(name: str, options: tuple[str, ...], default: str) -> str:
    """One of ``options``."""
    value = text(name, default)
    if value not in options:
        raise Misconfigured(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def integer(name: str, default: int, *, minimum: int, maximum: int) -> int:
    """A whole number within bounds."""
    value = text(name, str(default))
    if not value.isascii() or not value.isdigit() or not minimum <= int(value) <= maximum:
        raise Misconfigured(f"{name} must be a whole number from {minimum} to {maximum}.")
    return int(value)


def port_range(name: str) -> range:
    """Ports like ``9464`` or ``9464-9471``; an empty range if the variable is not set."""
    value = text(name, "")
    first, dash, last = value.partition("-")
    bounds = [int(part) for part in (first, last if dash else first) if part.isascii() and part.isdigit()]
    if value and (len(bounds) != 2 or not 1 <= bounds[0] <= bounds[1] <= 65_535 or bounds[1] - bounds[0] > 255):
        raise Misconfigured(f"{name} must be a port like 9464, or at most 256 of them like 9464-9471.")
    return range(bounds[0], bounds[1] + 1) if value else range(0)


def has_traces() -> bool:
    """Whether OpenTelemetry's own variables name a collector; its SDK reads all others."""
    endpoint = text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "") or text("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    is_off = text("OTEL_SDK_DISABLED", "false").lower() == "true" or text("OTEL_TRACES_EXPORTER", "otlp") == "none"
    if not endpoint or is_off:
        return False
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        choice(name, ("http/protobuf",), "http/protobuf")
    return True


def text_list(name: str, default: str = "") -> list[str]:
    """A comma-separated list without its empty parts."""
    return [item.strip() for item in text(name, default).split(",") if item.strip()]


def origins(name: str, default: str = "") -> list[str]:
    """A comma-separated list of web origins; ``*`` as the first label stands for any one label."""
    values = text_list(name, default)
    for value in values:
        if not _ORIGIN.fullmatch(value):
            raise Misconfigured(
                f"{name} must list origins like https://app.example.com or https://*.preview.example.com "
                f"(lower case, without path), not {value!r}."
            )
    return values


def origin_pattern(origin: str) -> str:
    """A regular expression for an origin with ``*`` as its first label: one label, nothing else."""
    scheme, _, rest = origin.partition("://*")
    return rf"\A{scheme}://[a-z0-9]([a-z0-9-]*[a-z0-9])?{re.escape(rest)}\Z"


def url(name: str, default: str | None = None, *, schemes: tuple[str, ...] = ("https", "http")) -> str:
    """A URL with a host and one of ``schemes``; it may be empty if the default is."""
    value = text(name, default)
    if value or default != "":
        parts = urlsplit(value)
        if parts.scheme not in schemes or not (parts.path if parts.scheme == "unix" else parts.hostname):
            raise Misconfigured(f"{name} must be a URL like {schemes[0]}://host.")
    return value


def database(name: str, default: str | None = None) -> dict[str, Any]:
    """A database in Django's form, from ``postgres://…`` or ``sqlite:///path``."""
    value = text(name, default)
    try:
        parsed = dict(dj_database_url.parse(value))
    except ValueError:
        parsed = {}
    is_file = value.startswith("sqlite:///") and parsed.get("NAME") not in ("", ":memory:")
    is_server = value.startswith(("postgres://", "postgresql://")) and parsed.get("HOST")
    if not parsed or not (is_file or is_server):
        raise Misconfigured(f"{name} must be like postgres://user:password@host/name or sqlite:///path.")
    return parsed


def base64_key(name: str, default: str | None = None) -> bytes:
    """A secret of 32 bytes, written in base64."""
    value = _decode_key(text(name, default))
    if value is None:
        raise Misconfigured(f"{name} must be 32 random bytes in base64; create them with: openssl rand -base64 32")
    return value


def data_keys(name: str, single_name: str, default: str | None = None) -> dict[str, bytes]:
    """Keys by id: ``name`` lists ``id:base64``; or else ``single_name`` is the key ``legacy``."""
    parts = text_list(name)
    if not parts:
        return {"legacy": base64_key(single_name, default)}
    if text(single_name, ""):
        raise Misconfigured(f"Set {name} or {single_name}, not both: in {name}, {single_name} is called legacy.")
    keys: dict[str, bytes] = {}
    for part in parts:
        key_id, _, value = part.partition(":")
        key = _decode_key(value)
        if not _KEY_ID.fullmatch(key_id) or key is None or key_id in keys or key in keys.values():
            raise Misconfigured(
                f"{name} must list different keys as id:key, like 2026-12:…, an id in a-z, 0-9 and -, "
                "a key of 32 random bytes in base64."
            )
        keys[key_id] = key
    return keys


def _decode_key(value: str) -> bytes | None:
    try:
        key = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    return key if len(key) == 32 else None


def networks(name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """A comma-separated list of IP addresses or networks."""
    try:
        return [ipaddress.ip_network(word) for word in text_list(name)]
    except ValueError as error:
        raise Misconfigured(f"{name} must list networks such as 10.0.0.0/8.") from error


def private_hosts(name: str) -> frozenset[str]:
    """A comma-separated list of host names and IP addresses; none of the addresses is public."""
    hosts = [host.lower() for host in text_list(name)]
    for host in hosts:
        if not is_private_host(host):
            raise Misconfigured(
                f"{name} must list host names, or addresses of a private network, like 10.0.0.5, not {host!r}."
            )
    return frozenset(hosts)


def is_private_host(host: str) -> bool:
    """Whether a host is the name of one, or an address that the internet does not route."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return bool(_HOST_NAME.fullmatch(host))


def is_loopback(address: str) -> bool:
    """Whether a URL points at this machine."""
    host = urlsplit(address).hostname or ""
    return host in LOOPBACK_HOSTS or host.startswith("127.")


def _read_variable(name: str) -> str:
    path = os.environ.get(f"{name}_FILE")
    if not path:
        return os.environ.get(name, "")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Misconfigured(f"{name}_FILE is {path}, which cannot be read.") from error
