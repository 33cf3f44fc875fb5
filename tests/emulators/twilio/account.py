"""What one Twilio account holds: numbers, calls and recordings; kept in a file where one is named.

Error codes are Twilio's own (https://www.twilio.com/docs/api/errors). `Switches` make it behave as
Twilio may: buying a number again updates or refuses it, and lists lag behind.
"""

import json
import random
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers import geocoder

COUNTRIES = ("US", "CA", "GB", "DE", "ES", "FR", "NL", "AT", "CH", "IE")
EMPTY_AREAS = ("533",)
"""Twilio's own magic area code without numbers."""


class Refusal(Exception):
    """Twilio's way to say no."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass
class Switches:
    """How it behaves where Twilio may behave either way."""

    rebuy: str = "update"
    """Buying a number that the account has: "update" (201) or "refuse" (21422)."""
    list_lag: int = 0
    """So many lists still miss what was bought since this was set."""
    unbridged: str = "completed"
    """The status of a dial that was picked up and not put through: completed or no-answer."""


@dataclass
class Account:
    """The account and everything in it."""

    sid: str
    token: str
    file: Path | None = None
    switches: Switches = field(default_factory=Switches)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    recordings: dict[str, bytes] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    """Numbers that other accounts have."""
    released: set[str] = field(default_factory=set)
    """They cool down: nobody can buy them for now."""
    bought: list[str] = field(default_factory=list)
    """Every purchase that was paid, in order."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _hidden_since: float = 0.0

    def __post_init__(self) -> None:
        if self.file and self.file.exists():
            kept = json.loads(self.file.read_text())
            self.numbers, self.bought = kept["numbers"], kept["bought"]
            self.released = set(kept["released"])

    def keep(self) -> None:
        """Write down what must survive a restart."""
        if self.file:
            kept = {
                "numbers": self.numbers,
                "bought": self.bought,
                "released": sorted(self.released),
            }
            draft = self.file.with_suffix(".part")
            draft.write_text(json.dumps(kept))
            draft.rename(self.file)

    # --- numbers ----------------------------------------------------------------------------------
    def available(self, country: str, area_code: str, contains: str) -> list[dict[str, Any]]:
        """Numbers that can be bought; the same ones until they are."""
        if country not in COUNTRIES:
            raise not_found(f"AvailablePhoneNumbers/{country}/Local")
        if area_code and (not area_code.isdigit() or len(area_code) != 3):
            raise Refusal(400, 21451, f"Invalid area code: {area_code}")
        if area_code in EMPTY_AREAS:
            return []
        code = phonenumbers.country_code_for_region(country)
        prefix = f"+{code}{area_code}" if area_code else contains.replace("*", "") or f"+{code}"
        if not prefix.startswith(f"+{code}"):
            return []
        owned = {number["phone_number"] for number in self.numbers.values()}
        gone = owned | self.others | self.released
        return [_offer(number, country) for number in _valid(prefix, country) if number not in gone]

    def buy(self, given: dict[str, str]) -> dict[str, Any]:
        """Buy exactly this number, or one with this area code."""
        number = given.get("PhoneNumber", "")
        if not number and given.get("AreaCode"):
            offers = self.available("US", given["AreaCode"], "")
            if not offers:
                raise Refusal(400, 21452, f"No numbers in area code {given['AreaCode']}.")
            number = offers[0]["phone_number"]
        parsed = _parsed(number)
        if parsed is None or number == "+15005550001":
            raise Refusal(400, 21421, f"PhoneNumber is invalid: {number}")
        own = self.owner_of(number)
        if own and self.switches.rebuy == "update":
            return self.update(own["sid"], given)
        if own or number in self.others | self.released or number == "+15005550000":
            raise Refusal(400, 21422, f"PhoneNumber {number} is not available.")
        made = _owned(self.sid, number, parsed)
        self.numbers[made["sid"]] = made
        self.bought.append(number)
        return self.update(made["sid"], given)

    def owner_of(self, number: str) -> dict[str, Any] | None:
        """The number, if the account has it."""
        return next((n for n in self.numbers.values() if n["phone_number"] == number), None)

    def listed(self, given: dict[str, str]) -> list[dict[str, Any]]:
        """The account's numbers as a list shows them; it may lag behind."""
        wanted, name = given.get("PhoneNumber", "").strip("+ "), given.get("FriendlyName")
        shown = list(self.numbers.values())
        if self.switches.list_lag > 0:
            self.switches.list_lag -= 1
            shown = [one for one in shown if one["_made"] < self._hidden_since]
        return [
            one
            for one in shown
            if wanted in one["phone_number"] and name in (None, one["friendly_name"])
        ]

    def lag(self, lists: int) -> None:
        """Let so many lists miss what is bought from now on."""
        self.switches.list_lag, self._hidden_since = lists, time.time()

    def get(self, sid: str) -> dict[str, Any]:
        """One number."""
        if sid not in self.numbers:
            raise not_found(f"IncomingPhoneNumbers/{sid}")
        return self.numbers[sid]

    def update(self, sid: str, given: dict[str, str]) -> dict[str, Any]:
        """Change what a number does."""
        number = self.get(sid)
        if len(given.get("FriendlyName", "")) > 64:
            raise Refusal(400, 21475, "FriendlyName is too long.")
        for name in _CHANGEABLE:
            if name in given:
                number[_snake(name)] = given[name]
        number["date_updated"] = now()
        self.keep()
        return number

    def release(self, sid: str) -> None:
        """Give a number back."""
        self.released.add(self.get(sid)["phone_number"])
        del self.numbers[sid]
        self.keep()

    # --- calls ------------------------------------------------------------------------------------
    def place(self, given: dict[str, str]) -> dict[str, Any]:
        """A call from one of the account's numbers."""
        to, caller = given.get("To", ""), given.get("From", "")
        if _parsed(to) is None:
            raise Refusal(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if self.owner_of(caller) is None and not caller.startswith("+1500555"):
            raise Refusal(400, 21210, f"The 'From' number {caller} is not yours.")
        if not given.get("Url", "").startswith(("http://", "https://")):
            raise Refusal(400, 21205, "Url is not a valid URL.")
        return self.new_call(to=to, caller=caller, direction="outbound-api", given=given)

    def new_call(
        self, *, to: str, caller: str, direction: str, given: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """A call, in or out."""
        call = {
            "sid": new_sid("CA"),
            "account_sid": self.sid,
            "to": to,
            "from": caller,
            "status": "queued",
            "direction": direction,
            "date_created": now(),
            "date_updated": now(),
            "start_time": None,
            "end_time": None,
            "duration": None,
            "price": None,
            "api_version": "2010-04-01",
            "parent_call_sid": None,
            "answered_by": None,
            "caller_name": None,
            "_given": dict(given or {}),
        }
        self.calls[str(call["sid"])] = call
        return call

    def change_call(self, sid: str, given: dict[str, str]) -> dict[str, Any]:
        """End a call."""
        if sid not in self.calls:
            raise not_found(f"Calls/{sid}")
        call = self.calls[sid]
        if call["status"] in ("completed", "no-answer", "busy", "failed", "canceled"):
            raise Refusal(400, 21220, "Call is not in-progress. Cannot redirect.")
        if given.get("Status") == "completed":
            call["status"] = "completed" if call["status"] == "in-progress" else "canceled"
        return call


def not_found(what: str) -> Refusal:
    """Twilio's 404."""
    return Refusal(404, 20404, f"The requested resource /2010-04-01/{what} was not found")


def new_sid(kind: str) -> str:
    """An identifier as Twilio makes them."""
    return kind + secrets.token_hex(16)


def now() -> str:
    """A moment as Twilio writes it."""
    return format_datetime(datetime.now(UTC))


_CHANGEABLE = (
    *("FriendlyName", "VoiceUrl", "VoiceMethod", "VoiceFallbackUrl", "VoiceFallbackMethod"),
    *("StatusCallback", "StatusCallbackMethod", "SmsUrl", "SmsMethod"),
)


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _parsed(number: str) -> Any:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def _valid(prefix: str, country: str, many: int = 30) -> Iterator[str]:
    """Some valid local numbers that begin so: always the same."""
    chance = random.Random(prefix + country)
    example = phonenumbers.example_number(country) or phonenumbers.PhoneNumber()
    code = phonenumbers.country_code_for_region(country)
    length = 1 + len(str(code)) + len(str(example.national_number))
    seen: set[str] = set()
    for _ in range(many * 20):
        missing = max(0, length - len(prefix))
        number = prefix + "".join(chance.choice("0123456789") for _ in range(missing))
        parsed = _parsed(number)
        if number in seen or parsed is None or not phonenumbers.is_valid_number(parsed):
            continue
        if phonenumbers.region_code_for_number(parsed) == country:
            seen.add(number)
            yield number
        if len(seen) == many:
            return


def _place(number: str, country: str) -> tuple[str, str | None]:
    described = geocoder.description_for_number(phonenumbers.parse(number), "en")
    locality, _, region = described.partition(", ")
    return locality or country, region or None


def _offer(number: str, country: str) -> dict[str, Any]:
    parsed = phonenumbers.parse(number)
    locality, region = _place(number, country)
    american = country in ("US", "CA")
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return {
        "friendly_name": national,
        "phone_number": number,
        "lata": "722" if american else None,
        "locality": locality,
        "rate_center": locality[:10].upper() if american else None,
        "latitude": 37.7775 if american else None,
        "longitude": -122.4115 if american else None,
        "region": region,
        "postal_code": None,
        "iso_country": country,
        "address_requirements": "none",
        "beta": False,
        "capabilities": {"voice": True, "sms": american, "mms": american, "fax": False},
    }


def _owned(account: str, number: str, parsed: Any) -> dict[str, Any]:
    sid = new_sid("PN")
    return {
        "_made": time.time(),
        "account_sid": account,
        "address_sid": None,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": now(),
        "date_updated": now(),
        "friendly_name": phonenumbers.format_number(
            parsed, phonenumbers.PhoneNumberFormat.NATIONAL
        ),
        "identity_sid": None,
        "phone_number": number,
        "origin": "twilio",
        "sid": sid,
        "sms_application_sid": None,
        "sms_fallback_method": "POST",
        "sms_fallback_url": None,
        "sms_method": "POST",
        "sms_url": None,
        "status_callback": None,
        "status_callback_method": "POST",
        "trunk_sid": None,
        "uri": f"/2010-04-01/Accounts/{account}/IncomingPhoneNumbers/{sid}.json",
        "voice_receive_mode": "voice",
        "voice_application_sid": None,
        "voice_caller_id_lookup": False,
        "voice_fallback_method": "POST",
        "voice_fallback_url": None,
        "voice_method": "POST",
        "voice_url": None,
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "bundle_sid": None,
        "status": "in-use",
        "type": "local",
    }
