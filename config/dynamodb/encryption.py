"""Encryption of personal values under one key per person, and signatures.

Each person has a 256-bit key, which is stored encrypted under a data key
(`config.dynamodb.data_keys`). Destroying it makes all values encrypted under it unreadable, in
backups too.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from config import dynamodb
from config.dynamodb import data_keys
from config.dynamodb.attributes import Binary, Erasure, PersonalData, Text, Timestamp
from config.dynamodb.key_rotation import ProtectedAttribute

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
        """The decrypted key. Raises `InvalidTag` if it was not encrypted under a data key."""
        return data_keys.decrypt(data_keys.PERSON_KEYS, bytes(self.sealed), self.person)


PERSON_KEYS = ProtectedAttribute(
    "keys of people",
    PersonKey,
    "sealed",
    get_key_id=lambda key: data_keys.key_id_of(bytes(key.sealed)),
    renew=lambda key: data_keys.encrypt(data_keys.PERSON_KEYS, key.unwrap(), key.person),
)


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
    wrapped_key = data_keys.encrypt(data_keys.PERSON_KEYS, plain_key, owner)
    return PersonKey(person=owner, sealed=wrapped_key, created_at=at)


def encrypt_json(key: bytes, value: Any, context: str) -> bytes:
    """Encrypt a JSON value, bound to a context that `decrypt_json` must repeat."""
    return data_keys.encrypt_with(key, orjson.dumps(value), context)


def decrypt_json(key: bytes, ciphertext: bytes, context: str) -> Any:
    """Decrypt a value. Raises `InvalidTag` if the ciphertext, key or context differs."""
    return orjson.loads(data_keys.decrypt_with(key, ciphertext, context))


def application_purpose(purpose: str) -> str:
    """The purpose of data keys for values of Dutyline that outlive a person's key."""
    return f"house {purpose}"


def encrypt_application_json(purpose: str, value: Any, context: str) -> bytes:
    """Encrypt a JSON value under a key of Dutyline, not of a person."""
    return data_keys.encrypt(application_purpose(purpose), orjson.dumps(value), context)


def decrypt_application_json(purpose: str, ciphertext: bytes, context: str) -> Any:
    """Decrypt such a value. Raises `InvalidTag`."""
    return orjson.loads(data_keys.decrypt(application_purpose(purpose), ciphertext, context))


def application_keys(purpose: str) -> list[bytes]:
    """The keys of Dutyline for codes and secrets, the current one first, then earlier ones."""
    return [data_keys.derive(application_purpose(purpose), key_id) for key_id in data_keys.key_ids()]


def sign_ed25519(purpose: str, message: str) -> str:
    """An Ed25519 signature (hex), which `ed25519_public_keys` verify without a data key."""
    return _ed25519_private_key(purpose, data_keys.current_id()).sign(message.encode()).hex()


def ed25519_public_keys(purpose: str) -> list[str]:
    """The public keys (hex) of the signatures of this purpose, the current one first."""
    private_keys = (_ed25519_private_key(purpose, key_id) for key_id in data_keys.key_ids())
    return [key.public_key().public_bytes_raw().hex() for key in private_keys]


def is_valid_ed25519_signature(key: str, message: str, signature: str) -> bool:
    """Whether ``signature`` is valid for ``message`` and a public key (hex)."""
    try:
        verifier = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        verifier.verify(bytes.fromhex(signature), message.encode())
    except (ValueError, InvalidSignature):
        return False
    return True


def _ed25519_private_key(purpose: str, key_id: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(data_keys.derive(purpose, key_id))
