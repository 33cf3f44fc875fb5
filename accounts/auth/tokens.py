"""Proves who sends a request: verifies Auth0's access tokens (RFC 8725 is the checklist).

`KeyStore` keeps the issuer's keys so that neither an outage, a flood of unknown key ids nor a
stampede turns into calls to the issuer or hanging threads.
"""

import base64
import binascii
import hashlib
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

import httpx
import jwt
from django.conf import settings

from config import errors, strict_json

LONGEST = 8192
LEEWAY = 30
"""Seconds that clocks may differ."""
SOFT, HARD = 600.0, 86_400.0
"""Seconds: keys are fresh for the first, usable while the issuer is away for the second."""
COOLDOWN = 30.0
"""Seconds between two questions for keys, also when the first failed."""
TIMEOUT, WAIT = 2.0, 3.0
LARGEST = 64 * 1024
REMEMBERED, REMEMBERED_FOR = 4096, 60.0

log = logging.getLogger("dutyline.tokens")


class BadToken(errors.Unauthenticated):
    """Not a token that this API accepts."""

    code = "invalid_token"

    def __init__(self) -> None:
        super().__init__("The access token is not valid here; sign in again.")


class KeysUnavailable(errors.Unavailable):
    """The issuer's keys were never loaded and cannot be now."""


class KeyStore:
    """The issuer's RS256 keys by key id."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._loaded: float | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def get(self, kid: str) -> jwt.PyJWK:
        """The key of this id. Raises `BadToken` or `KeysUnavailable`."""
        age = self._age()
        key = self._keys.get(kid) if age < HARD else None
        if key and age >= SOFT:
            self._refresh_behind()
        if key:
            return key
        if age < HARD and not self._may_ask():
            raise BadToken
        return self._ask_for(kid)

    def _ask_for(self, kid: str) -> jwt.PyJWK:
        if not self._lock.acquire(timeout=WAIT):
            raise KeysUnavailable("Sign-in keys cannot be loaded just now.")
        try:
            stale = kid not in self._keys or self._age() >= HARD
            if stale and self._may_ask():
                self._refresh()
            if self._age() >= HARD:
                raise KeysUnavailable("Sign-in keys cannot be loaded just now.")
            if kid not in self._keys:
                raise BadToken
            return self._keys[kid]
        finally:
            self._lock.release()

    def _refresh_behind(self) -> None:
        if self._may_ask() and self._lock.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, daemon=True).start()

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._tried = self._clock()
        try:
            keys = usable(self._download())
        except (httpx.HTTPError, errors.Refusal, ValueError) as error:
            log.warning("keys of the issuer cannot be read", extra={"why": type(error).__name__})
            return
        if keys:
            self._keys, self._loaded = keys, self._clock()

    def _download(self) -> Any:
        body = b""
        end = self._clock() + TIMEOUT
        with http().stream("GET", self._url) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > LARGEST or self._clock() > end:
                    raise ValueError("too much, or too slow")
        return strict_json.loads(body)

    def _age(self) -> float:
        return HARD if self._loaded is None else self._clock() - self._loaded

    def _may_ask(self) -> bool:
        return self._tried is None or self._clock() - self._tried >= COOLDOWN


@cache
def http() -> httpx.Client:
    """The client of this process: making one takes longer than asking."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def usable(document: Any) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS document that may sign access tokens: RSA, for signatures, RS256."""
    found = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for key in found if isinstance(found, list) else []:
        if not isinstance(key, dict) or not isinstance(key.get("kid"), str):
            continue
        if (key.get("kty"), key.get("use", "sig"), key.get("alg", "RS256")) != (
            "RSA",
            "sig",
            "RS256",
        ):
            continue
        try:
            keys[key["kid"]] = jwt.PyJWK.from_dict(key, "RS256")
        except jwt.PyJWTError:
            log.warning("a key of the issuer is broken")
    return keys


def verify(token: str, keys: KeyStore) -> dict[str, Any]:
    """The claims of a valid access token. Raises `BadToken` or `KeysUnavailable`."""
    header, claims = _parts(token)
    if not _is_good_header(header) or not _are_good_claims(claims):
        raise BadToken
    try:
        verified: dict[str, Any] = jwt.decode(
            token,
            keys.get(header["kid"]),
            algorithms=["RS256"],
            audience=settings.AUTH0["audience"],
            issuer=settings.AUTH0["issuer"],
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, OverflowError) as error:
        raise BadToken from error
    return verified


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > LONGEST or not token.isascii() or token.count(".") != 2:
        raise BadToken
    try:
        header, claims = (strict_json.loads(_decoded(part)) for part in token.split(".")[:2])
    except (binascii.Error, ValueError, errors.Invalid) as error:
        raise BadToken from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadToken
    return header, claims


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _is_good_header(header: dict[str, Any]) -> bool:
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    return (
        header.get("alg") == "RS256"
        and isinstance(kid, str)
        and len(kid) <= 256
        and isinstance(kind, str)
        and kind.lower() in ("jwt", "at+jwt", "application/at+jwt")
        and "crit" not in header
    )


def _are_good_claims(claims: dict[str, Any]) -> bool:
    times = [claims.get(name) for name in ("exp", "iat")] + [claims.get("nbf", 0)]
    subject = claims.get("sub")
    return (
        all(type(at) is int and 0 <= at < 2**40 for at in times)
        and isinstance(subject, str)
        and 0 < len(subject) <= 255
    )


class Verifier:
    """Verifies tokens, remembering for a minute those it has verified.

    What a person may do is read from their record on every request, so this saves only the
    signature. The memory is keyed by a digest of the whole token, signature included.
    """

    def __init__(self, keys: KeyStore, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, str]] = OrderedDict()
        self._lock = threading.Lock()

    def subject(self, token: str) -> str:
        """Whose token it is (``sub``). Raises `BadToken` or `KeysUnavailable`."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        known = self._known.get(digest)
        if known and known[0] > self._clock():
            return known[1]
        claims = verify(token, self._keys)
        self._remember(digest, min(self._clock() + REMEMBERED_FOR, claims["exp"]), claims["sub"])
        return str(claims["sub"])

    def _remember(self, digest: bytes, until: float, subject: str) -> None:
        with self._lock:
            self._known[digest] = (until, subject)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


@cache
def verifier() -> Verifier:
    """The verifier of this process."""
    return Verifier(KeyStore(f"{settings.AUTH0['issuer']}.well-known/jwks.json"))
