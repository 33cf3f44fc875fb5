"""Seals personal values under a key of the person they are about.

Each person has a key of 256 bits, itself sealed under DATA_KEY. Destroying the key makes every
value sealed under it unreadable, wherever copies lie. AES-GCM; a blob is nonce (12 bytes) + text.
"""

import hashlib
import hmac
import logging
import os
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from pynamodb.attributes import BinaryAttribute, UnicodeAttribute

from config import dynamodb

log = logging.getLogger("dutyline.sealing")


class PersonKey(dynamodb.Record):
    """The key of one stream's owner: a person, an operator or a customer."""

    class Meta(dynamodb.Table):
        table_name = dynamodb.table("keys")

    person = UnicodeAttribute(hash_key=True)
    sealed = BinaryAttribute(legacy_encoding=False)
    created_at = dynamodb.UTCTime()

    def open(self) -> bytes:
        """The key itself."""
        return _open(settings.DATA_KEY, bytes(self.sealed), self.person)


def opened(found: dynamodb.Found, people: Iterable[str]) -> dict[str, bytes]:
    """The keys of these people that are there; one that cannot be opened counts as destroyed."""
    keys: dict[str, bytes] = {}
    for person in people:
        stored = found.get(PersonKey, person)
        try:
            keys |= {person: stored.open()} if stored else {}
        except InvalidTag:
            log.error("a person's key cannot be opened", extra={"person": person})  # noqa: TRY400
    return keys


def new_key(person: str, at: datetime) -> PersonKey:
    """A fresh key for a person."""
    secret = AESGCM.generate_key(bit_length=256)
    sealed = _seal(settings.DATA_KEY, secret, person)
    return PersonKey(person=person, sealed=sealed, created_at=at)


def seal(key: bytes, value: Any, context: str) -> bytes:
    """Seal a JSON value; it opens only with the same key and context."""
    return _seal(key, orjson.dumps(value), context)


def unseal(key: bytes, sealed: bytes, context: str) -> Any:
    """The value again. Raises `InvalidTag` when the blob, key or context is another."""
    return orjson.loads(_open(key, sealed, context))


def signature(purpose: str, message: str) -> str:
    """A keyed digest that only holders of DATA_KEY can make."""
    return hmac.new(_derived(purpose), message.encode(), hashlib.sha256).hexdigest()


def is_signature(purpose: str, message: str, given: str) -> bool:
    """Whether ``given`` is the signature of ``message``."""
    return hmac.compare_digest(signature(purpose, message), given)


def public_signature(purpose: str, message: str) -> str:
    """An Ed25519 signature (hex), which whoever has `public_key` can check without DATA_KEY."""
    return _private_key(purpose).sign(message.encode()).hex()


def public_key(purpose: str) -> str:
    """The key (hex) that checks our signatures of this purpose."""
    return _private_key(purpose).public_key().public_bytes_raw().hex()


def is_signed_with(key: str, message: str, given: str) -> bool:
    """Whether ``given`` is the signature of ``message`` by the owner of a public key."""
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        verifier.verify(bytes.fromhex(given), message.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def _private_key(purpose: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derived(purpose))


def house_key(purpose: str) -> bytes:
    """A key of our own, for what must stay readable when a person's key is gone."""
    return _derived(f"house {purpose}")


@cache
def _derived(purpose: str) -> bytes:
    return hmac.new(settings.DATA_KEY, purpose.encode(), hashlib.sha256).digest()


def _seal(key: bytes, plain: bytes, context: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def _open(key: bytes, blob: bytes, context: str) -> bytes:
    if len(blob) < 28:
        raise InvalidTag
    return AESGCM(key).decrypt(blob[:12], blob[12:], context.encode())
