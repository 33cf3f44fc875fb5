"""The data keys of the installation, and what is encrypted or signed under them.

``settings.DATA_KEYS`` holds them by id. The first one encrypts and signs, all of them decrypt and
verify. From each data key a separate key is derived per purpose (HKDF-SHA-256, RFC 5869).

A ciphertext is a header, the nonce (12 bytes) and the encrypted text (AES-256-GCM). The header is a
byte for the form, ``dk``, the length of the key id and the key id; it is authenticated. Values of
the key ``legacy``, what ``DATA_KEY`` was, have no header and an older derivation, so that they stay
as earlier releases write and read them.
"""

import hmac
import os
from functools import cache, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from config.dynamodb.macs import Mac

LEGACY_ID = "legacy"
PERSON_KEYS = "person keys"
"""The purpose of the keys that encrypt the keys of people."""
_DIRECT, _ENVELOPE = b"\x01dk", b"\x02dk"
_KEY_BYTES, _NONCE_BYTES, _MIN_BYTES = 32, 12, 28


class UnknownDataKey(InvalidTag):
    """A value is encrypted under a data key that the settings do not have."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no data key {key_id}")
        self.key_id = key_id


def key_ids() -> list[str]:
    """The ids of the data keys, that of the current one first."""
    return list(settings.DATA_KEYS)


def current_id() -> str:
    """The id of the data key that encrypts."""
    return str(next(iter(settings.DATA_KEYS)))


@cache
def derive(purpose: str, key_id: str) -> bytes:
    """The key for a purpose. Raises `UnknownDataKey`."""
    if key_id not in settings.DATA_KEYS:
        raise UnknownDataKey(key_id)
    data_key: bytes = settings.DATA_KEYS[key_id]
    if key_id != LEGACY_ID:
        return HKDF(hashes.SHA256(), _KEY_BYTES, salt=b"dutyline data key", info=purpose.encode()).derive(data_key)
    if purpose == PERSON_KEYS:
        return data_key
    return hmac.digest(data_key, purpose.encode(), "sha256")


def encrypt(purpose: str, plaintext: bytes, context: str, key_id: str = "") -> bytes:
    """Encrypt under the current data key, bound to a context that `decrypt` must repeat."""
    key_id = key_id or current_id()
    return _encrypt_with_header(_header(_DIRECT, key_id), AESGCM(derive(purpose, key_id)), plaintext, context)


def decrypt(purpose: str, ciphertext: bytes, context: str) -> bytes:
    """Decrypt. Raises `InvalidTag` if ciphertext, context or key differ, or `UnknownDataKey`."""
    form, key_id, _ = _split(ciphertext)
    if form == _ENVELOPE:
        inner_key, inner = _open_envelope(purpose, ciphertext, context)
        return _decrypt(AESGCM(inner_key), inner, context)
    return _decrypt(_prepare_cipher(derive(purpose, key_id)), ciphertext, context)


_prepare_cipher = lru_cache(maxsize=16)(AESGCM)
"""Of keys that the process has anyway; not of those of people."""


def key_id_of(ciphertext: bytes) -> str:
    """The id of the data key without which a value cannot be decrypted."""
    return _split(ciphertext)[1]


def enclose(purpose: str, ciphertext: bytes, context: str) -> bytes:
    """Protect a ciphertext that must not change by the current data key instead of its own.

    For ciphertexts whose digest is attested: `original` returns it byte for byte. The result holds
    it with the key that decrypts it, encrypted, so it no longer needs the earlier data key. Raises
    `InvalidTag`.
    """
    form, key_id, _ = _split(ciphertext)
    if form == _ENVELOPE:
        inner_key, inner = _open_envelope(purpose, ciphertext, context)
    else:
        inner_key, inner = derive(purpose, key_id), ciphertext
    _decrypt(AESGCM(inner_key), inner, context)
    header = _ENVELOPE + _id_field(current_id())
    outer_key = derive(f"{purpose} envelope", current_id())
    return _encrypt_with_header(header, AESGCM(outer_key), inner_key + inner, context)


def original(purpose: str, ciphertext: bytes, context: str) -> bytes:
    """The ciphertext as it was first written. Raises `InvalidTag`."""
    if _split(ciphertext)[0] == _ENVELOPE:
        return _open_envelope(purpose, ciphertext, context)[1]
    return ciphertext


def sign(purpose: str, message: str) -> str:
    """An HMAC (hex) under the current data key, after its id."""
    key_id = current_id()
    signature = _hmac(purpose, message, key_id)
    return signature if key_id == LEGACY_ID else f"{key_id}:{signature}"


def is_valid_signature(purpose: str, message: str, signature: str) -> bool:
    """Whether a signature is valid under the data key that it names."""
    key_id = signer_of(signature)
    digest = signature.rpartition(":")[2]
    return key_id in settings.DATA_KEYS and hmac.compare_digest(_hmac(purpose, message, key_id), digest)


def signer_of(signature: str) -> str:
    """The id of the data key of a signature."""
    return signature.rpartition(":")[0] or LEGACY_ID


def _hmac(purpose: str, message: str, key_id: str) -> str:
    return _prepare_mac(derive(purpose, key_id)).sign(message.encode())


_prepare_mac = lru_cache(maxsize=16)(Mac)


def encrypt_with(key: bytes, plaintext: bytes, context: str) -> bytes:
    """Encrypt under a key that is no data key, such as a person's; without a header."""
    return _encrypt_with_header(b"", AESGCM(key), plaintext, context)


def decrypt_with(key: bytes, ciphertext: bytes, context: str) -> bytes:
    """Decrypt what `encrypt_with` returned. Raises `InvalidTag`."""
    return _decrypt_body(AESGCM(key), b"", ciphertext, context)


def _id_field(key_id: str) -> bytes:
    return bytes([len(key_id)]) + key_id.encode()


def _header(form: bytes, key_id: str) -> bytes:
    return b"" if key_id == LEGACY_ID else form + _id_field(key_id)


def _split(ciphertext: bytes) -> tuple[bytes, str, int]:
    """Form, key id and length of the header; form and length are empty without a header.

    A value of the legacy key begins with a random nonce, which looks like a header with an id of
    printable characters once in 2**32 values at most.
    """
    form, length = ciphertext[:3], ciphertext[3] if len(ciphertext) > 3 else 0
    key_id = ciphertext[4 : 4 + length]
    if form in (_DIRECT, _ENVELOPE) and 0 < length <= 32 and len(key_id) == length and _is_key_id(key_id):
        return form, key_id.decode(), 4 + length
    return b"", LEGACY_ID, 0


def _is_key_id(text: bytes) -> bool:
    return all(byte in b"abcdefghijklmnopqrstuvwxyz0123456789-" for byte in text)


def _open_envelope(purpose: str, ciphertext: bytes, context: str) -> tuple[bytes, bytes]:
    outer_key = derive(f"{purpose} envelope", key_id_of(ciphertext))
    content = _decrypt(AESGCM(outer_key), ciphertext, context)
    return content[:_KEY_BYTES], content[_KEY_BYTES:]


def _encrypt_with_header(header: bytes, cipher: AESGCM, plaintext: bytes, context: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return header + nonce + cipher.encrypt(nonce, plaintext, header + context.encode())


def _decrypt(cipher: AESGCM, ciphertext: bytes, context: str) -> bytes:
    length = _split(ciphertext)[2]
    return _decrypt_body(cipher, ciphertext[:length], ciphertext[length:], context)


def _decrypt_body(cipher: AESGCM, header: bytes, body: bytes, context: str) -> bytes:
    if len(body) < _MIN_BYTES:
        raise InvalidTag
    return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], header + context.encode())
