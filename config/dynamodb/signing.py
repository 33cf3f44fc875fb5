"""AWS Signature Version 4 of requests to DynamoDB. Pure.

Docs: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

CONTENT_TYPE = "application/x-amz-json-1.0"
SERVICE = "dynamodb"


class AwsKeys(NamedTuple):
    """Credentials; ``token`` belongs to temporary ones, else it is empty."""

    access_key: str
    secret_key: str
    token: str = ""


def sign_request(keys: AwsKeys, region: str, host: str, target: str, body: bytes, at: datetime) -> dict[str, str]:
    """The headers of a POST request to ``/``: those that are signed, and the signature.

    ``at`` is in UTC.
    """
    timestamp = f"{at:%Y%m%dT%H%M%SZ}"
    headers = {"content-type": CONTENT_TYPE, "host": host, "x-amz-date": timestamp}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    headers["x-amz-target"] = target
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical_request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
    scope = f"{timestamp[:8]}/{region}/{SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical_request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{timestamp}\n{scope}\n{digest}"
    signature = hmac.digest(_signing_key(keys.secret_key, timestamp[:8], region), text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


@lru_cache(maxsize=4)
def _signing_key(secret_key: str, date: str, region: str) -> bytes:
    """The key of one day."""
    key = b"AWS4" + secret_key.encode()
    for part in (date, region, SERVICE, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
