"""Reports of a mail service, signed as the relay of an operator signs them."""

import hashlib
import hmac
import json
import time
from datetime import datetime
from typing import Any

import httpx
from django.conf import settings

from tests.support.http_client import HTTP


def sign(body: bytes, seconds: int | None = None, secret: str = "") -> dict[str, str]:
    """The headers of a report that is signed at a time, now by default."""
    timestamp = str(int(time.time()) if seconds is None else seconds)
    key = (secret or settings.EMAIL_EVENTS_SECRETS[0]).encode()
    signature = hmac.new(key, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"Dutyline-Timestamp": timestamp, "Dutyline-Signature": f"v1={signature}"}


def report(web: str, at: datetime, event: str = "bounced", **members: Any) -> httpx.Response:
    """Send a signed report of an e-mail."""
    body = json.dumps({"event": event, "at": at.isoformat(), **members}).encode()
    return send(web, body, sign(body))


def send(web: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    """Send a body with these headers."""
    return HTTP.post(f"{web}/email/events", content=body, headers={"Content-Type": "application/json", **headers})
