"""Twilio's REST API in our words: search, buy, list, release; place and end calls; recordings.

Docs: https://www.twilio.com/docs/voice/api and /docs/phone-numbers/api. Every call is bounded in
time and number (`config.bulkhead`), and nothing is repeated here: repeating belongs to the outbox.
The SDK is imported late (it is large). Its `list()` errors carry no status of their own.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast
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
MOST_PATIENT = 30
WAV_SECOND = 16_000
"""Bytes of a second of sound."""
TAG = "dl:"
"""What the friendly names of our numbers begin with."""

NEVER = {21421, 21451, 21452, 21457, 21613, 21615, 21617, 21631, 21649, 21651}
"""Error codes that say that a number, or one there, cannot be bought as we buy: no repeating."""
NOT_AVAILABLE = 21422
"""Somebody else has it, or we have: after an unknown outcome it is no verdict."""

log = logging.getLogger("dutyline.twilio")
_gate = bulkhead.Gate("The telephone service", budget=4.5)


class Refused(Exception):
    """Twilio will not do this; ``code`` is its number for why."""

    def __init__(self, status: int, code: int) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Available:
    """A number that can be bought."""

    number: str
    friendly_name: str
    locality: str | None
    region: str | None
    country: str
    capabilities: dict[str, bool]


@dataclass(frozen=True)
class Owned:
    """A number of our account."""

    number: str
    sid: str
    tag: str


def search(country: str, *, area_code: int | None, prefix: str | None) -> list[Available]:
    """Up to 30 numbers that can be called and need no address. Raises `Refused`.

    Area codes are known of the US and Canada only; elsewhere the number's beginning is asked for.
    """
    wanted: dict[str, Any] = {"voice_enabled": True, "exclude_all_address_required": True}
    wanted |= {"area_code": area_code} if area_code is not None else {"contains": prefix}

    def ask(client: "Client") -> list[Any]:
        found = client.available_phone_numbers(country).local.list(limit=30, page_size=30, **wanted)
        return list(found)

    return [_available(one) for one in _call(ask)]


def _available(one: Any) -> Available:
    able = one.capabilities or {}
    return Available(
        number=str(one.phone_number),
        friendly_name=str(one.friendly_name),
        locality=one.locality or None,
        region=one.region or None,
        country=str(one.iso_country),
        capabilities={name: bool(able.get(name)) for name in ("voice", "sms", "mms")},
    )


def buy(number: str, *, tag: str) -> Owned:
    """Buy exactly this number; from the moment it is ours it answers with our webhooks.

    Raises `Refused`, or `errors.Unavailable`, after which it may be bought or not.
    """
    voice = f"{settings.PUBLIC_BASE_URL}/telephony/voice"

    def ask(client: "Client") -> Any:
        return client.incoming_phone_numbers.create(
            phone_number=number,
            friendly_name=tag,
            voice_url=voice,
            voice_method="POST",
            voice_fallback_url=f"{voice}/fallback",
            voice_fallback_method="POST",
            status_callback=f"{voice}/ended",
            status_callback_method="POST",
        )

    return _owned(_call(ask))


def find(number: str) -> list[Owned]:
    """The numbers of our account that are exactly this one; a fresh purchase may lag behind."""

    def ask(client: "Client") -> list[Any]:
        return list(client.incoming_phone_numbers.list(phone_number=number, limit=20, page_size=20))

    return [one for one in map(_owned, _call(ask)) if one.number == number]


def tagged() -> list[Owned]:
    """Every number of the account that carries our tag."""

    def ask(client: "Client") -> list[Any]:
        return list(client.incoming_phone_numbers.list(page_size=1000))

    return [one for one in map(_owned, _call(ask)) if one.tag.startswith(TAG)]


def retag(sid: str, *, tag: str) -> None:
    """Give a number of ours another tag, and our webhooks."""
    voice = f"{settings.PUBLIC_BASE_URL}/telephony/voice"

    def ask(client: "Client") -> Any:
        return client.incoming_phone_numbers(sid).update(
            friendly_name=tag,
            voice_url=voice,
            voice_method="POST",
            voice_fallback_url=f"{voice}/fallback",
            voice_fallback_method="POST",
            status_callback=f"{voice}/ended",
            status_callback_method="POST",
        )

    _call(ask)


def release(sid: str) -> None:
    """Give a number back; gone already is fine. It can hardly be bought again."""
    _unless_gone(lambda client: client.incoming_phone_numbers(sid).delete())


def _owned(one: Any) -> Owned:
    return Owned(str(one.phone_number), str(one.sid), str(one.friendly_name or ""))


def ring(
    to: str, *, caller_id: str, url: str, seconds: int, ended: str = "", most: int = 3600
) -> str:
    """Place a call that follows the markup at ``url`` once it is answered; its sid.

    Raises `Refused`.
    """
    told = {"status_callback": ended, "status_callback_event": ["completed"]} if ended else {}

    def ask(client: "Client") -> str:
        made = client.calls.create(
            to=to, from_=caller_id, url=url, timeout=seconds, time_limit=most, **told
        )
        return str(made.sid)

    return _call(ask)


def hang_up(sid: str) -> None:
    """End a call; ended already is fine."""
    _unless_gone(lambda client: client.calls(sid).update(status="completed"))


def recording(sid: str) -> IO[bytes]:
    """A recording as WAV of one channel, in a file of its own to be closed.

    Raises `errors.NotFound` or `errors.Unavailable`; ValueError where it is larger than any call.
    """
    account = settings.TWILIO["account_sid"]
    address = f"{settings.TWILIO['base_url']}/2010-04-01/Accounts/{account}/Recordings/{sid}.wav"
    kept = SpooledTemporaryFile(max_size=4_000_000)  # noqa: SIM115 - the caller closes it
    try:
        with requests.get(
            address,
            params={"RequestedChannels": 1},
            auth=(account, settings.TWILIO["auth_token"]),
            timeout=(1, 10),
            stream=True,
        ) as answer:
            if answer.status_code == 404:
                raise errors.NotFound("Twilio has no such recording yet.")
            answer.raise_for_status()
            _fill(kept, answer.iter_content(65_536))
    except requests.RequestException as error:
        kept.close()
        raise errors.Unavailable("The recording cannot be had just now.") from error
    except BaseException:
        kept.close()
        raise
    return cast("IO[bytes]", kept)


def _fill(kept: "SpooledTemporaryFile[bytes]", parts: Iterable[bytes]) -> None:
    longest = settings.TELEPHONY["call_minutes"] * 60 * WAV_SECOND + 1_000_000
    for part in parts:
        kept.write(part)
        if kept.tell() > longest:
            raise ValueError("a recording that is longer than a call may be")
    kept.seek(0)


def forget_recording(sid: str) -> None:
    """Have Twilio forget a recording; gone already is fine."""
    _unless_gone(lambda client: client.recordings(sid).delete())


def _unless_gone(task: "Callable[[Client], object]") -> None:
    try:
        _call(task)
    except Refused as refusal:
        if refusal.status != 404:
            raise


def _call(task: "Callable[[Client], T]") -> T:
    return _gate.call(lambda: _run(task))


def _run(task: "Callable[[Client], T]") -> T:
    from twilio.base.exceptions import TwilioException

    try:
        return task(_client())
    except TwilioException as error:
        raise _in_our_words(error) from error
    except (requests.RequestException, ValueError) as error:
        _gate.note_trouble()
        log.warning("the telephone service failed", extra={"why": type(error).__name__})
        raise errors.Unavailable("The telephone service does not answer.") from error


def _in_our_words(error: Any) -> Exception:
    """The refusal, or that it is away; `list()` hides the answer in the exception's arguments."""
    status, code, headers = getattr(error, "status", 0), getattr(error, "code", 0), {}
    if not status and len(error.args) > 1:
        answer = error.args[1]
        status, headers = int(answer.status_code), dict(answer.headers or {})
        code = _code_in(answer.text)
    if status == 429 or code == 20429:
        return errors.Unavailable(
            "The telephone service asks us to slow down.", retry_after=_patience(headers)
        )
    if 400 <= status < 500 and status not in (401, 403, 408):
        return Refused(status, int(code or 0))
    _gate.note_trouble()
    log.warning("the telephone service refused", extra={"status": status, "why": code})
    return errors.Unavailable("The telephone service does not answer.")


def _code_in(text: str) -> int:
    try:
        told = orjson.loads(text)
    except orjson.JSONDecodeError:
        return 0
    code = told.get("code") if isinstance(told, dict) else None
    return code if isinstance(code, int) else 0


def _patience(headers: dict[str, str]) -> int:
    given = next((text for name, text in headers.items() if name.lower() == "retry-after"), "5")
    return max(1, min(int(given), MOST_PATIENT)) if given.isascii() and given.isdigit() else 5


@cache
def _client() -> "Client":
    """The client of this process, sending to where the settings say."""
    from twilio.http.http_client import TwilioHttpClient
    from twilio.rest import Client

    base = urlsplit(settings.TWILIO["base_url"])

    class ToBase(TwilioHttpClient):  # type: ignore[misc] # the SDK is not typed
        def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
            given = urlsplit(url)
            path = base.path.rstrip("/") + given.path
            address = urlunsplit((base.scheme, base.netloc, path, given.query, ""))
            return super().request(method, address, *args, **more)

    http = ToBase()
    http.timeout = TIMEOUT  # its constructor takes one number only; requests takes both
    return Client(settings.TWILIO["account_sid"], settings.TWILIO["auth_token"], http_client=http)


def close() -> None:
    """Close the connections that this process keeps."""
    if _client.cache_info().currsize:
        _client().http_client.session.close()
