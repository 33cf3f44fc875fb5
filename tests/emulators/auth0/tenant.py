"""State of the emulator: users, secrets, signing keys and the tenant's configuration.

It is in memory or in a file. Applications, APIs and the rest of the configuration are records of
a kind, in the form of the Management API.
"""

import hashlib
import hmac
import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

CONNECTION = "Username-Password-Authentication"
CODE_TTL_SECONDS = 60

Auth0User = dict[str, Any]
SigningKey = dict[str, Any]
"""A key that signs tokens: ``{"kid", "pem"}``."""


class DuplicateUser(Exception):
    """A user with this id or e-mail address exists already."""


class Auth0Tenant:
    """All state of the tenant. Every method is thread-safe."""

    def __init__(self, path: str, *, issuer: str, keys: Sequence[SigningKey] = ()) -> None:
        """``keys`` become its signing keys; by default it generates new ones if it has none."""
        self.issuer = issuer
        self.management_audience = f"{issuer}api/v2/"
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        # Else each write waits for the disk, on a busy machine for long, and all requests with it.
        self._database.execute("pragma synchronous=off")
        self._database.execute("pragma secure_delete=on")  # deleted users leave no bytes in the file
        self._database.execute("create table if not exists things (kind, id, value, unique(kind, id))")
        self._database.execute("create table if not exists emails (email unique, id)")
        if keys:
            self.put_record("keys", "all", {"keys": list(keys)})
        if not self.signing_keys():
            self.rotate_keys()

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    # --- users ----------------------------------------------------------------------------------
    def add_user(self, user: Auth0User) -> None:
        """Store a new user. Raises `DuplicateUser`."""
        with self._lock:
            if self.get_user(user["user_id"]) or self.get_user_by_email(user["email"]):
                raise DuplicateUser
            self.save_user(user)

    def save_user(self, user: Auth0User, *, previous_email: str = "") -> None:
        """Store a user and free its ``previous_email``, if given. Raises `DuplicateUser`."""
        with self._lock:
            existing_user = self.get_user_by_email(user["email"])
            if existing_user and existing_user["user_id"] != user["user_id"]:
                raise DuplicateUser
            if previous_email:
                self._database.execute("delete from emails where email = ?", (previous_email,))
            self._database.execute("insert or replace into emails values (?, ?)", (user["email"], user["user_id"]))
            self.put_record("user", user["user_id"], user)

    def get_user(self, user_id: str) -> Auth0User | None:
        return self.get_record("user", user_id)

    def get_user_by_email(self, email: str) -> Auth0User | None:
        with self._lock:
            query = "select id from emails where email = ?"
            row = self._database.execute(query, (email.lower(),)).fetchone()
            return self.get_user(row[0]) if row else None

    def list_users(self, offset: int = 0, limit: int = 50) -> list[Auth0User]:
        with self._lock:
            query = "select value from things where kind = 'user' order by id limit ? offset ?"
            rows = self._database.execute(query, (limit, offset)).fetchall()
            return [json.loads(row[0]) for row in rows]

    def delete_user(self, user_id: str) -> None:
        with self._lock:
            self.revoke_access(user_id)
            self._database.execute("delete from emails where id = ?", (user_id,))
            self.delete_record("user", user_id)
            self._database.execute("pragma wal_checkpoint(truncate)")

    def revoke_access(self, user_id: str, *, kinds: tuple[str, ...] = ("code", "session", "refresh")) -> None:
        """Revoke a user's authorization codes, browser sessions and refresh tokens."""
        with self._lock:
            for kind in kinds:
                self.delete_matching(kind, "user_id", user_id)

    # --- secrets --------------------------------------------------------------------------------
    def issue_secret(self, kind: str, value: dict[str, Any], seconds: float) -> str:
        """Issue a secret that stands for ``value`` for some seconds."""
        secret = secrets.token_urlsafe(24)
        self.put_record(kind, secret, {**value, "until": time.time() + seconds})
        return secret

    def read_secret(self, kind: str, secret: str) -> dict[str, Any] | None:
        """The value of a secret, or None if it is unknown or expired."""
        value = self.get_record(kind, secret)
        return value if value and value["until"] > time.time() else None

    def redeem_secret(self, kind: str, secret: str) -> dict[str, Any] | None:
        """The value of a secret, which is invalid afterwards."""
        with self._lock:
            value = self.read_secret(kind, secret)
            self.delete_record(kind, secret)
            return value

    def expire_tickets(self, user_id: str) -> None:
        """Expire the password links of a user."""
        with self._lock:
            self._database.execute(
                "update things set value = json_set(value, '$.until', 0) "
                "where kind = 'ticket' and json_extract(value, '$.user_id') = ?",
                (user_id,),
            )

    # --- keys -----------------------------------------------------------------------------------
    def signing_keys(self) -> list[SigningKey]:
        """The previous key, if any, the current and the next."""
        stored = self.get_record("keys", "all")
        return list(stored["keys"]) if stored else []

    def rotate_keys(self) -> None:
        """Sign with the next key from now on; like Auth0, it was published beforehand."""
        current_keys = self.signing_keys()[-2:] or [generate_key()]
        self.put_record("keys", "all", {"keys": [*current_keys, generate_key()]})

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        return {"keys": [_to_jwk(key) for key in self.signing_keys()]}

    def sign(self, claims: dict[str, Any], type_header: str = "JWT") -> str:
        """A token signed with the current key."""
        key = self.signing_keys()[-2]
        headers = {"kid": key["kid"], "typ": type_header}
        return jwt.encode(claims, _load_private_key(key["pem"]), algorithm="RS256", headers=headers)

    def read_token(self, token: str, audience: str) -> dict[str, Any]:
        """The claims of a token of this tenant. Raises `jwt.PyJWTError`."""
        kid = jwt.get_unverified_header(token).get("kid")
        key = next((key for key in self.signing_keys() if key["kid"] == kid), None)
        if key is None:
            raise jwt.InvalidKeyError("no such key")
        public_key = jwt.PyJWK.from_dict(_to_jwk(key), "RS256")
        claims: dict[str, Any] = jwt.decode(
            token, public_key, algorithms=["RS256"], audience=audience, issuer=self.issuer
        )
        return claims

    # --- configuration --------------------------------------------------------------------------
    def get_resource_server(self, identifier: str) -> dict[str, Any] | None:
        """The API with this identifier (audience)."""
        return next((api for api in self.list_records("resource_server") if api["identifier"] == identifier), None)

    def granted_scopes(self, client_id: str, audience: str) -> list[str] | None:
        """The scopes that a machine may have at an API; None if it may not call it."""
        grants = self.list_records("client_grant")
        pairs = {(grant["client_id"], grant["audience"]): list(grant["scope"]) for grant in grants}
        return pairs.get((client_id, audience))

    def allows_sign_in(self, client_id: str) -> bool:
        """Whether users of the database connection may sign in with an application."""
        return any(client_id in connection["enabled_clients"] for connection in self.list_records("connection"))

    # --- records --------------------------------------------------------------------------------
    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes the tenant within this block."""
        with self._lock:
            yield

    def put_record(self, kind: str, id: str, value: dict[str, Any]) -> None:
        with self._lock:
            self._database.execute("insert or replace into things values (?, ?, ?)", (kind, id, json.dumps(value)))

    def get_record(self, kind: str, id: str) -> dict[str, Any] | None:
        with self._lock:
            query = "select value from things where kind = ? and id = ?"
            row = self._database.execute(query, (kind, id)).fetchone()
            return dict(json.loads(row[0])) if row else None

    def list_records(self, kind: str) -> list[dict[str, Any]]:
        """All records of a kind, by id."""
        with self._lock:
            rows = self._database.execute("select value from things where kind = ? order by id", (kind,)).fetchall()
            return [json.loads(row[0]) for row in rows]

    def delete_record(self, kind: str, id: str) -> None:
        with self._lock:
            self._database.execute("delete from things where kind = ? and id = ?", (kind, id))

    def delete_matching(self, kind: str, member: str, value: str) -> None:
        """Delete the records of a kind that have this value in a member."""
        with self._lock:
            query = "delete from things where kind = ? and json_extract(value, '$.' || ?) = ?"
            self._database.execute(query, (kind, member, value))


def generate_key() -> SigningKey:
    """A new key, which takes 50 ms of CPU."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"kid": secrets.token_urlsafe(16), "pem": pem.decode()}


@lru_cache(maxsize=16)
def _load_private_key(pem: str) -> rsa.RSAPrivateKey:
    private_key = serialization.load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise TypeError("signing keys are RSA")
    return private_key


def _to_jwk(key: SigningKey) -> dict[str, Any]:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(_load_private_key(key["pem"]).public_key(), as_dict=True)
    return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": key["kid"], "n": jwk["n"], "e": jwk["e"]}


def hash_password(password: str) -> str:
    """A salted hash of a password."""
    salt = secrets.token_bytes(16)
    return salt.hex() + "$" + _derive_key(password, salt).hex()


def verify_password(password: str, password_hash: str) -> bool:
    """Whether a password matches its hash."""
    salt, _, digest = password_hash.partition("$")
    return hmac.compare_digest(_derive_key(password, bytes.fromhex(salt)).hex(), digest)


def authenticate_user(tenant: Auth0Tenant, email: str, password: str) -> Auth0User | None:
    """The user with this e-mail address and password."""
    user = tenant.get_user_by_email(email.strip())
    return user if user and verify_password(password, user["_password"]) else None


def _derive_key(password: str, salt: bytes) -> bytes:
    """Cheap: passwords of this emulator protect nothing, and tests sign in hundreds of users."""
    return hashlib.scrypt(password.encode(), salt=salt, n=2**8, r=8, p=1)


def format_now() -> str:
    """The current time in Auth0's format."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
