"""Verifies Auth0's access tokens by the checklist of RFC 8725.

`KeyStore` caches the issuer's keys, so that an outage, many unknown key ids or many requests at
once cause neither calls to the issuer nor hanging threads.
"""

import base64
import binascii
import hashlib
import logging
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import jwt
from django.conf import settings

from config import errors, strict_json

MAX_TOKEN_LENGTH = 8192
LEEWAY = 30
"""Seconds by which clocks may differ."""
KEYS_FRESH_FOR, KEYS_USABLE_FOR = 600.0, 86_400.0
"""Seconds until keys are refreshed, and until they expire while the issuer does not answer."""
COOLDOWN = 30.0
"""Seconds between two fetches of keys, also after a failed one."""
TIMEOUT, LOCK_TIMEOUT = 2.0, 3.0
MAX_JWKS_BYTES = 64 * 1024
MIN_RSA_BITS, MAX_RSA_BITS = 2_048, 8_192
_PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}
"""Members that no published key has (RFC 7518, 6.3.2 and 6.4.1)."""
MAX_CACHED_TOKENS, TOKEN_CACHE_TTL = 4096, 60.0

logger = logging.getLogger("dutyline.tokens")


class InvalidToken(errors.Unauthenticated):
    """The token is malformed, expired or not for this API."""

    code = "invalid_token"

    def __init__(self, detail: str = "The access token is not valid; sign in again.") -> None:
        super().__init__(detail)


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
        """The key of this id. Raises `InvalidToken` or `KeysUnavailable`."""
        age = self._age()
        key = self._keys.get(kid) if age < KEYS_USABLE_FOR else None
        if key and age >= KEYS_FRESH_FOR:
            self._refresh_in_background()
        if key:
            return key
        if age < KEYS_USABLE_FOR and not self._can_fetch():
            raise InvalidToken
        return self._load_key(kid)

    def load(self) -> None:
        """Load the keys before a request needs them; if that fails, the first one tries again."""
        with self._lock:
            self._refresh()
            if self._loaded is None:
                self._tried = None

    def _load_key(self, kid: str) -> jwt.PyJWK:
        if not self._lock.acquire(timeout=LOCK_TIMEOUT):
            raise KeysUnavailable("The keys that verify access tokens cannot be loaded; retry.")
        try:
            is_stale = kid not in self._keys or self._age() >= KEYS_USABLE_FOR
            if is_stale and self._can_fetch():
                self._refresh()
            if self._age() >= KEYS_USABLE_FOR:
                raise KeysUnavailable("The keys that verify access tokens cannot be loaded; retry.")
            if kid not in self._keys:
                raise InvalidToken
            return self._keys[kid]
        finally:
            self._lock.release()

    def _refresh_in_background(self) -> None:
        if self._can_fetch() and self._lock.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, daemon=True).start()

    def _refresh_and_release(self) -> None:
        try:
            self._refresh()
        finally:
            self._lock.release()

    def _refresh(self) -> None:
        self._tried = self._clock()
        try:
            keys = parse_signing_keys(self._download())
        except (httpx.HTTPError, errors.DomainError, ValueError) as error:
            logger.warning("the token issuer's signing keys cannot be fetched", extra={"why": type(error).__name__})
            return
        if keys:
            self._keys, self._loaded = keys, self._clock()

    def _download(self) -> Any:
        body = b""
        deadline = self._clock() + TIMEOUT
        with http_client().stream("GET", self._url) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_JWKS_BYTES or self._clock() > deadline:
                    raise ValueError("the key set is too large or arrives too slowly")
        return strict_json.loads(body)

    def _age(self) -> float:
        return KEYS_USABLE_FOR if self._loaded is None else self._clock() - self._loaded

    def _can_fetch(self) -> bool:
        return self._tried is None or self._clock() - self._tried >= COOLDOWN


@cache
def http_client() -> httpx.Client:
    """The HTTP client of this process: creating one takes longer than a request."""
    return httpx.Client(timeout=TIMEOUT, follow_redirects=False)


def parse_signing_keys(document: Any) -> dict[str, jwt.PyJWK]:
    """The keys of a JWKS document that may sign access tokens, by key id.

    A key counts only if it says itself that it is a public RSA key which verifies RS256 signatures
    and has at least `MIN_RSA_BITS`; two keys of one id leave none.
    """
    jwk_list = document.get("keys") if isinstance(document, dict) else None
    named_keys = [
        key
        for key in (jwk_list if isinstance(jwk_list, list) else [])
        if isinstance(key, dict) and isinstance(key.get("kid"), str)
    ]
    kids = Counter(key["kid"] for key in named_keys)
    keys = {}
    for key in named_keys:
        if kids[key["kid"]] > 1 or not _is_signing_key(key):
            continue
        try:
            signing_key = jwt.PyJWK.from_dict(key, "RS256")
        except (jwt.PyJWTError, ValueError, TypeError):
            logger.warning("a signing key of the token issuer is invalid")
            continue
        if MIN_RSA_BITS <= signing_key.key.key_size <= MAX_RSA_BITS:
            keys[key["kid"]] = signing_key
        else:
            logger.warning("a signing key of the token issuer has an unsafe size")
    return keys


def _is_signing_key(key: dict[str, Any]) -> bool:
    """Whether its members say that it verifies RS256 signatures, and none is of a private key."""
    return (
        (key.get("kty"), key.get("use"), key.get("alg")) == ("RSA", "sig", "RS256")
        and key.get("key_ops", ["verify"]) == ["verify"]
        and all(isinstance(key.get(name), str) for name in ("n", "e"))
        and not _PRIVATE_MEMBERS & key.keys()
    )


def verify_token(token: str, keys: KeyStore) -> dict[str, Any]:
    """The claims of a valid access token. Raises `InvalidToken` or `KeysUnavailable`."""
    header, claims = _decode_header_and_claims(token)
    if not _is_valid_header(header) or not _has_valid_claims(claims):
        raise InvalidToken
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
        raise InvalidToken from error
    return verified


def _decode_header_and_claims(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if len(token) > MAX_TOKEN_LENGTH or not token.isascii() or token.count(".") != 2:
        raise InvalidToken
    try:
        header, claims = (strict_json.loads(_decode_base64url(part)) for part in token.split(".")[:2])
    except (binascii.Error, ValueError, errors.InvalidRequest) as error:
        raise InvalidToken from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise InvalidToken
    return header, claims


def _decode_base64url(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _is_valid_header(header: dict[str, Any]) -> bool:
    kid, kind = header.get("kid"), header.get("typ", "JWT")
    return (
        header.get("alg") == "RS256"
        and isinstance(kid, str)
        and len(kid) <= 256
        and isinstance(kind, str)
        and kind.lower() in ("jwt", "at+jwt", "application/at+jwt")
        and "crit" not in header
    )


def _has_valid_claims(claims: dict[str, Any]) -> bool:
    timestamps = [claims.get(name) for name in ("exp", "iat")] + [claims.get("nbf", 0)]
    subject = claims.get("sub")
    return (
        all(type(timestamp) is int and 0 <= timestamp < 2**40 for timestamp in timestamps)
        and isinstance(subject, str)
        and 0 < len(subject) <= 255
    )


@dataclass(frozen=True)
class TokenIdentity:
    """Whose a verified token is, and since when."""

    subject: str
    issued_at: datetime
    """To the second (``iat``)."""


class TokenVerifier:
    """Verifies tokens, and caches verified ones for a minute.

    The cache saves only the signature check: permissions are read from the user's record on every
    request. Its key is a digest of the whole token, signature included.
    """

    def __init__(self, keys: KeyStore, clock: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, TokenIdentity]] = OrderedDict()
        self._lock = threading.Lock()

    def identify(self, token: str) -> TokenIdentity:
        """Whose a token is. Raises `InvalidToken` or `KeysUnavailable`."""
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        cached = self._known.get(digest)
        if cached and cached[0] > self._clock():
            return cached[1]
        claims = verify_token(token, self._keys)
        identity = TokenIdentity(claims["sub"], datetime.fromtimestamp(claims["iat"], UTC))
        expires_at = min(self._clock() + TOKEN_CACHE_TTL, claims["exp"])
        with self._lock:
            self._known[digest] = (expires_at, identity)
            while len(self._known) > MAX_CACHED_TOKENS:
                self._known.popitem(last=False)
        return identity

    def verified_subject(self, digest: bytes) -> str | None:
        """Whose the token of this SHA-256 digest is, if it is in the cache."""
        cached = self._known.get(digest)
        return cached[1].subject if cached and cached[0] > self._clock() else None


@cache
def _get_key_store() -> KeyStore:
    return KeyStore(f"{settings.AUTH0['issuer']}.well-known/jwks.json")


@cache
def get_verifier() -> TokenVerifier:
    """The verifier of this process."""
    return TokenVerifier(_get_key_store())


def load_keys() -> None:
    """Load the issuer's keys, if it answers, at the start of a process."""
    _get_key_store().load()
