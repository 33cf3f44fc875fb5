"""Simulated calls and call-backs through the Twilio emulator, for the local environment."""

import re
import time
from contextlib import suppress
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from django.conf import settings

from config import dynamodb, errors, outbox
from config.outbox import tasks, worker
from telephony import line_lookup
from telephony.models import Callback, OpenCallback, caller_key

TIMEOUT_SECONDS, POLL_SECONDS = 60, 0.2
"""How long a transcript is waited for."""
CALLBACK_SECONDS = 10
"""How long after a call its call-back is waited for."""


class SimulatorUnavailable(errors.Unavailable):
    """The emulator does not answer."""


def resolve_time(number: str, text: str | None) -> datetime:
    """When a call takes place: RFC 3339, or a date and time or a time of today at the line's place.

    None: now. Raises ValueError.
    """
    now = outbox.utc_now()
    if text is None:
        return now
    line = line_lookup.resolve_line(number)
    zone = ZoneInfo(line.time_zone if line else "UTC")
    if re.fullmatch(r"\d\d:\d\d", text):
        text = f"{now.astimezone(zone):%Y-%m-%d}T{text}"
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=zone)


def simulate_call(simulation: dict[str, Any]) -> list[str]:
    """The transcript of a call, once what follows from it is done. Raises `errors.Unavailable`."""
    result = _request("POST", "/_local/calls", simulation)
    with suppress(errors.Unavailable):  # a worker does it at this moment
        tasks.load_tasks()
        worker.run_message_now(f"follow-up-{result['sid']}", clock=outbox.utc_now)
    return list(result["lines"])


def set_phones(behaviors: dict[str, str]) -> None:
    """Set how phones behave that the product calls. Raises `errors.Unavailable`."""
    for number, behavior in behaviors.items():
        _request("POST", "/_local/phones", {"number": number, "does": behavior})


def find_callback(number: str, caller: str, at: datetime) -> str:
    """The id of the call-back of a caller of this number. Raises `errors.NotFound`."""
    line = line_lookup.resolve_line(number)
    deadline = time.monotonic() + CALLBACK_SECONDS
    while line and time.monotonic() < deadline:
        marker = dynamodb.get_record(OpenCallback, caller_key(line.location_id, caller))
        if marker and dynamodb.get_record(Callback, str(marker.callback_id)):
            return str(marker.callback_id)
        time.sleep(POLL_SECONDS)
    raise errors.NotFound(f"There is no call-back for {caller}.")


def await_transcript(call_id: str) -> list[str]:
    """The transcript of a call that the product placed, once it is over."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        for call in _request("GET", "/_local/calls"):
            if f"c={call_id}" in call["url"] and call["isOver"]:
                return list(call["lines"])
        time.sleep(POLL_SECONDS)
    raise SimulatorUnavailable("The simulated call does not end.")


def _request(method: str, path: str, body: Any = None) -> Any:
    try:
        response = httpx.request(method, f"{settings.TWILIO['base_url']}{path}", json=body, timeout=120)
        response.raise_for_status()
    except httpx.HTTPError as error:
        raise SimulatorUnavailable("The Twilio emulator does not answer; start it with `make run`.") from error
    return response.json() if response.content else None
