"""Client of Twilio's REST API: our numbers and calls.

Docs: https://www.twilio.com/docs/voice/api and /docs/phone-numbers/api. `config.bulkhead` limits
how long a request takes and how many run. There are no retries here: the outbox retries.
The SDK is large, so it is imported late. Its ``list()`` errors carry no status of their own.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import orjson
import requests
from django.conf import settings

from config import bulkhead, errors

if TYPE_CHECKING:
    from twilio.rest import Client

T = TypeVar("T")
TIMEOUT = (1.0, 3.5)
"""Seconds to connect, and to wait for an answer."""
CALLBACK_OVERRIDES = "#rc=3&rp=all"
"""Ends the URL of a callback that is needed: Twilio repeats it up to three times, whatever failed.

Without it, Twilio tries again only if it cannot connect.
Docs: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""
NUMBER_TAG_PREFIX = "dl:"
"""Prefix of the friendly names of our numbers."""


def number_tag(purchase_id: str) -> str:
    """The friendly name of a number of ours."""
    return NUMBER_TAG_PREFIX + purchase_id


UNBUYABLE_CODES = {21421, 21451, 21452, 21457, 21613, 21615, 21617, 21631, 21649, 21651}
"""Twilio's error codes for numbers that cannot be bought this way: a retry does not help."""
NOT_AVAILABLE_CODE = 21422
"""The number is taken, perhaps by us: after an unknown outcome this decides nothing."""
CALLER_ID_CODES = {21210, 21212, 21213}
"""Twilio's error codes for calls from a number that is not ours, or is none."""

_bulkhead = bulkhead.Bulkhead("The telephone service", budget_seconds=4.5)


class TwilioRejected(Exception):
    """Twilio rejected a request; ``code`` is Twilio's error code."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class OwnedNumber:
    """A number of our account."""

    number: str
    sid: str
    tag: str
    has_old_webhooks: bool = False
    """Whether it calls this deployment, but with other settings than those of `buy_number`."""
    is_misdirected: bool = False
    """Whether it calls another address than this deployment."""


def buy_number(number: str, *, tag: str, address_sid: str | None = None, bundle_sid: str | None = None) -> OwnedNumber:
    """Buy exactly this number, with our webhooks set, and with the address and bundle it needs.

    Raises `TwilioRejected`, or `errors.Unavailable`, after which the purchase may have succeeded.
    """
    options = {"phone_number": number, "friendly_name": tag, **_webhook_settings()}
    options |= {"address_sid": address_sid} if address_sid else {}
    options |= {"bundle_sid": bundle_sid} if bundle_sid else {}
    return _to_owned_number(call_twilio(lambda client: client.incoming_phone_numbers.create(**options)))


def _webhook_settings() -> dict[str, str]:
    voice_url = f"{settings.PUBLIC_BASE_URL}/telephony/voice"
    return {
        "voice_url": voice_url,
        "voice_method": "POST",
        "voice_fallback_url": f"{voice_url}/fallback",
        "voice_fallback_method": "POST",
        "status_callback": f"{voice_url}/ended{CALLBACK_OVERRIDES}",
        "status_callback_method": "POST",
    }


def webhook_digest() -> str:
    """Stands for the settings that numbers get at present."""
    return hashlib.sha256(orjson.dumps(_webhook_settings(), option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def has_number(sid: str) -> bool:
    """Whether a number is in our account; unlike a list, the answer is never an old one."""
    try:
        call_twilio(lambda client: client.incoming_phone_numbers(sid).fetch())
    except TwilioRejected as refusal:
        if refusal.status == 404:
            return False
        raise errors.Unavailable("The telephone service does not say whether the number is there.") from refusal
    return True


def find_number(sid: str) -> OwnedNumber | None:
    """A number of our account as it is now; None: it is not there. Raises `errors.Unavailable`."""
    try:
        return _to_owned_number(call_twilio(lambda client: client.incoming_phone_numbers(sid).fetch()))
    except TwilioRejected as refusal:
        if refusal.status == 404:
            return None
        raise errors.Unavailable("The telephone service does not say what the number does.") from refusal


def find_owned_numbers(number: str) -> list[OwnedNumber]:
    """The numbers of our account that equal this one; a recent purchase may not be listed yet."""
    owned_numbers = _list_owned_numbers(phone_number=number, limit=20, page_size=20)
    return [owned_number for owned_number in owned_numbers if owned_number.number == number]


def list_owned_numbers() -> list[OwnedNumber]:
    """All numbers of our account; those that Dutyline uses carry its tag."""
    return _list_owned_numbers(page_size=1000)


def _list_owned_numbers(**filters: Any) -> list[OwnedNumber]:
    resources = call_twilio(lambda client: list(client.incoming_phone_numbers.list(**filters)))
    return [_to_owned_number(resource) for resource in resources]


def retag_number(sid: str, *, tag: str) -> OwnedNumber:
    """Set the tag and our webhooks on a number of ours; safe to repeat. Raises `TwilioRejected`.

    A SIP trunk or an application of before would take its calls instead of our webhooks.
    """
    options = {"friendly_name": tag, "trunk_sid": "", "voice_application_sid": "", "voice_receive_mode": "voice"}
    options |= _webhook_settings()
    return _to_owned_number(call_twilio(lambda client: client.incoming_phone_numbers(sid).update(**options)))


def release_number(sid: str) -> None:
    """Release a number, if it is still ours. It can hardly be bought again."""
    ignore_404(lambda client: client.incoming_phone_numbers(sid).delete())


def _to_owned_number(resource: Any) -> OwnedNumber:
    current = _webhook_settings()
    has_old_webhooks = resource.voice_url == current["voice_url"] and any(
        getattr(resource, name) != value for name, value in current.items()
    )
    return OwnedNumber(
        str(resource.phone_number),
        str(resource.sid),
        str(resource.friendly_name or ""),
        has_old_webhooks,
        is_misdirected=resource.voice_url != current["voice_url"],
    )


def create_call(
    to: str,
    *,
    caller_id: str,
    url: str,
    ring_seconds: int,
    fallback_url: str = "",
    status_callback_url: str = "",
    max_seconds: int = 3600,
) -> str:
    """Create a call that follows the TwiML at ``url`` once it is answered. Returns its sid.

    Raises `TwilioRejected`, and `errors.Unavailable`, after which there may be a call.
    """
    options: dict[str, Any] = {"timeout": ring_seconds, "time_limit": max_seconds}
    if fallback_url:
        options["fallback_url"] = fallback_url
    if status_callback_url:
        options["status_callback"] = status_callback_url + CALLBACK_OVERRIDES
        options["status_callback_event"] = ["completed"]

    def request_call(client: "Client") -> str:
        return str(client.calls.create(to=to, from_=caller_id, url=url, **options).sid)

    return call_twilio(request_call)


def hang_up(sid: str) -> None:
    """End a call, if it has not ended."""
    ignore_404(lambda client: client.calls(sid).update(status="completed"))


def ignore_404(task: "Callable[[Client], object]") -> None:
    """`call_twilio` for a task that is done already if Twilio has no such resource."""
    try:
        call_twilio(task)
    except TwilioRejected as refusal:
        if refusal.status != 404:
            raise


def call_twilio(task: "Callable[[Client], T]") -> T:
    """The result of a task with the SDK. Raises `TwilioRejected` and `errors.Unavailable`."""
    return _bulkhead.call(lambda: _run_task(task))


def _run_task(task: "Callable[[Client], T]") -> T:
    from twilio.base.exceptions import TwilioException

    try:
        return task(_client())
    except TwilioException as error:
        raise _translate_error(error) from error
    except (requests.RequestException, ValueError) as error:
        raise _bulkhead.failure(type(error).__name__) from error


def _translate_error(error: Any) -> Exception:
    """The error to raise; for `list()` the SDK hides the response in the exception's arguments."""
    status, code, retry_after = getattr(error, "status", 0), getattr(error, "code", 0), ""
    if not status and len(error.args) > 1:
        response = error.args[1]
        status, code = int(response.status_code), _error_code(response.text)
        retry_after = requests.structures.CaseInsensitiveDict(response.headers or {}).get("Retry-After", "")
    if status == 429 or code == 20429:
        return _bulkhead.rate_limited(retry_after)
    if 400 <= status < 500 and status not in (401, 403, 408):
        return TwilioRejected(status, int(code or 0))
    return _bulkhead.failure(f"{status} {code}")


def _error_code(text: str) -> int:
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        return 0
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) else 0


def target_url(url: str) -> str:
    """A URL of the SDK at the base URL of the settings, which stands for all hosts of the SDK.

    If it is Twilio's own, the other hosts, such as numbers.twilio.com, stay as they are.
    """
    base_url, parsed_url = urlsplit(settings.TWILIO["base_url"]), urlsplit(url)
    is_at_twilio = (base_url.hostname or "").endswith(".twilio.com")
    if is_at_twilio and not (parsed_url.hostname or "").startswith("api."):
        return url
    path = base_url.path.rstrip("/") + parsed_url.path
    return urlunsplit((base_url.scheme, base_url.netloc, path, parsed_url.query, ""))


@cache
def _client() -> "Client":
    """The SDK client of this process, with the base URL of the settings."""
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    class BaseUrlHttpClient(TwilioHttpClient):  # type: ignore[misc] # the SDK is not typed
        def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
            return super().request(method, target_url(url), *args, **kwargs)

    http_client = BaseUrlHttpClient()
    http_client.timeout = TIMEOUT  # its constructor takes one number only; requests takes both
    return Client(settings.TWILIO["account_sid"], settings.TWILIO["auth_token"], http_client=http_client)


def prepare() -> None:
    """Import the SDK and create its client, half a second of CPU time."""
    _client()


def close_connections() -> None:
    """Close the connections of this process."""
    if _client.cache_info().currsize:
        _client().http_client.session.close()
