"""Encryption of personal values under one key per person, and signatures.

Each person has a 256-bit key, which is stored encrypted under DATA_KEY. Destroying the key makes
all values encrypted under it unreadable, in backups too. AES-GCM; a ciphertext is the nonce
(12 bytes) and the encrypted text.
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
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from config import dynamodb
from config.dynamodb.attributes import Binary, Erasure, PersonalData, Text, Timestamp

KEY = PersonalData(
    "technical",
    "encrypt the personal values in the audit",
    "until the account is deleted",
    Erasure.REMOVED,
    withheld_because="a secret key",
)
logger = logging.getLogger("dutyline.sealing")


class PersonKey(dynamodb.Record):
    """The encryption key of a person, an operator or a customer."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("keys")

    person = Text(KEY, hash_key=True)
    sealed = Binary(KEY, legacy_encoding=False)
    created_at = Timestamp(KEY)

    def unwrap(self) -> bytes:
        """The decrypted key. Raises `InvalidTag` if it was not encrypted under DATA_KEY."""
        return _decrypt(settings.DATA_KEY, bytes(self.sealed), self.person)


def unwrap_keys(batch: dynamodb.BatchResult, owners: Iterable[str]) -> dict[str, bytes]:
    """The existing keys of these owners; one that cannot be decrypted counts as destroyed."""
    keys: dict[str, bytes] = {}
    for owner in owners:
        person_key = batch.get(PersonKey, owner)
        try:
            keys |= {owner: person_key.unwrap()} if person_key else {}
        except InvalidTag:
            logger.error("a person's key cannot be opened", extra={"person": owner})  # noqa: TRY400
    return keys


def create_person_key(owner: str, at: datetime) -> PersonKey:
    """A new random key."""
    plain_key = AESGCM.generate_key(bit_length=256)
    wrapped_key = _encrypt(settings.DATA_KEY, plain_key, owner)
    return PersonKey(person=owner, sealed=wrapped_key, created_at=at)


def encrypt_json(key: bytes, value: Any, context: str) -> bytes:
    """Encrypt a JSON value, bound to a context that `decrypt_json` must repeat."""
    return _encrypt(key, orjson.dumps(value), context)


def decrypt_json(key: bytes, ciphertext: bytes, context: str) -> Any:
    """Decrypt a value. Raises `InvalidTag` if the ciphertext, key or context differs."""
    return orjson.loads(_decrypt(key, ciphertext, context))


def sign_hmac(purpose: str, message: str) -> str:
    """An HMAC (hex) under a key derived from DATA_KEY."""
    return hmac.new(_derive_key(purpose), message.encode(), hashlib.sha256).hexdigest()


def is_valid_hmac(purpose: str, message: str, signature: str) -> bool:
    """Whether ``signature`` is the HMAC of ``message``."""
    return hmac.compare_digest(sign_hmac(purpose, message), signature)


def sign_ed25519(purpose: str, message: str) -> str:
    """An Ed25519 signature (hex), which `ed25519_public_key` verifies without DATA_KEY."""
    return _ed25519_private_key(purpose).sign(message.encode()).hex()


def ed25519_public_key(purpose: str) -> str:
    """The public key (hex) of the signatures of this purpose."""
    return _ed25519_private_key(purpose).public_key().public_bytes_raw().hex()


def is_valid_ed25519_signature(key: str, message: str, signature: str) -> bool:
    """Whether ``signature`` is valid for ``message`` and a public key (hex)."""
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        verifier.verify(bytes.fromhex(signature), message.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def _ed25519_private_key(purpose: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_derive_key(purpose))


def application_key(purpose: str) -> bytes:
    """A key of Dutyline for values that outlive a person's key."""
    return _derive_key(f"house {purpose}")


@cache
def _derive_key(purpose: str) -> bytes:
    return hmac.new(settings.DATA_KEY, purpose.encode(), hashlib.sha256).digest()


def _encrypt(key: bytes, plaintext: bytes, context: str) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context.encode())


def _decrypt(key: bytes, ciphertext: bytes, context: str) -> bytes:
    if len(ciphertext) < 28:
        raise InvalidTag
    return AESGCM(key).decrypt(ciphertext[:12], ciphertext[12:], context.encode())
