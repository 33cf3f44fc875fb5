"""AWS Signature Version 4 of requests to DynamoDB. Pure.

Docs: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from functools import lru_cache
from typing import NamedTuple

from config.dynamodb.macs import Mac

CONTENT_TYPE = "application/x-amz-json-1.0"
SERVICE = "dynamodb"


class AwsKeys(NamedTuple):
    """Credentials; ``token`` belongs to temporary ones, else it is empty."""

    access_key: str
    secret_key: str
    token: str = ""


class _Parts(NamedTuple):
    """What requests for one operation have in common during a second."""

    headers: str
    """All lines, up to the signature."""
    canonical_request: str
    """Up to the digest of the body."""
    text_to_sign: str
    """Up to the digest of the canonical request."""
    mac: Mac


def signed_headers(keys: AwsKeys, region: str, host: str, target: str, body: bytes, at: int) -> str:
    """The header lines of a POST request to ``/``: those that are signed, and the signature.

    ``at`` in epoch seconds.
    """
    parts = _common_parts(keys, region, host, target, at)
    canonical_request = parts.canonical_request + hashlib.sha256(body).hexdigest()
    text = parts.text_to_sign + hashlib.sha256(canonical_request.encode()).hexdigest()
    return f"{parts.headers}{parts.mac.sign(text.encode())}\r\n"


@lru_cache(maxsize=32)
def _common_parts(keys: AwsKeys, region: str, host: str, target: str, at: int) -> _Parts:
    timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
    headers = {"content-type": CONTENT_TYPE, "host": host, "x-amz-date": timestamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    headers["x-amz-target"] = target
    names = ";".join(headers)
    canonical_lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    scope = f"{timestamp[:8]}/{region}/{SERVICE}/aws4_request"
    credential = f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}"
    return _Parts(
        headers="".join(f"{name}: {value}\r\n" for name, value in headers.items())
        + f"authorization: {credential}, Signature=",
        canonical_request=f"POST\n/\n\n{canonical_lines}\n{names}\n",
        text_to_sign=f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n",
        mac=_day_mac(keys.secret_key, timestamp[:8], region),
    )


@lru_cache(maxsize=4)
def _day_mac(secret_key: str, date: str, region: str) -> Mac:
    """Signs with the key of one day."""
    key = b"AWS4" + secret_key.encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return Mac(key)
