"""What one Twilio account holds: numbers, calls and recordings; stored in a file if one is given.

Error codes are Twilio's own (https://www.twilio.com/docs/api/errors). `BehaviorSwitches`
select behaviors that Twilio may show: buying a number again updates or rejects it; lists lag.
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

from tests.emulators.twilio.regulations import (
    NUMBER_TYPES,
    Register,
    TwilioError,
    kind_of_number,
    kinds_sold_in,
    regulation_of,
)

EMPTY_AREA_CODES = ("533",)
"""Twilio's magic test area code without numbers."""


@dataclass
class BehaviorSwitches:
    """Behavior where Twilio's is not documented or varies."""

    rebuy: str = "update"
    """Buying a number that the account has: "update" (201) or "refuse" (21422)."""
    list_lag: int = 0
    """Number of list requests that omit numbers bought since this was set."""
    unbridged: str = "completed"
    """Status of a dial that was answered but not bridged: completed or no-answer."""
    calls: str = "created"
    """How creating a call is answered: "created", or "unknown" (503 once the call is over)."""
    account: str = "active"
    """The status of the account: active, suspended or closed."""
    query: str = "as given"
    """How a webhook's query is requested: "as given", or "sorted" and encoded anew. Signed is the
    URL as it was given (twilio/twilio-php#790, twilio/twilio-node#1079)."""


@dataclass
class TwilioAccount:
    """The account and everything in it."""

    sid: str
    token: str
    state_file: Path | None = None
    switches: BehaviorSwitches = field(default_factory=BehaviorSwitches)
    numbers: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    recordings: dict[str, bytes] = field(default_factory=dict)
    other_accounts_numbers: set[str] = field(default_factory=set)
    """Numbers of other accounts."""
    released_numbers: set[str] = field(default_factory=set)
    """Released numbers cannot be bought again for now."""
    purchased_numbers: list[str] = field(default_factory=list)
    """All charged purchases, in order."""
    lock: threading.RLock = field(default_factory=threading.RLock)
    _hidden_since: float = 0.0

    def __post_init__(self) -> None:
        self.register = Register(self.sid)
        if self.state_file and self.state_file.exists():
            state = json.loads(self.state_file.read_text())
            self.numbers, self.purchased_numbers = state["numbers"], state["bought"]
            self.released_numbers = set(state["released"])
            self.register.addresses, self.register.bundles = state.get("addresses", {}), state.get("bundles", {})

    def save(self) -> None:
        """Write the state that must survive a restart to the state file."""
        if self.state_file:
            state = {
                "numbers": self.numbers,
                "bought": self.purchased_numbers,
                "released": sorted(self.released_numbers),
                "addresses": self.register.addresses,
                "bundles": self.register.bundles,
            }
            partial_file = self.state_file.with_suffix(".part")
            partial_file.write_text(json.dumps(state))
            partial_file.rename(self.state_file)

    def to_resource(self) -> dict[str, Any]:
        """The account itself."""
        uri = f"/2010-04-01/Accounts/{self.sid}"
        created_at = format_datetime(datetime(2026, 1, 5, tzinfo=UTC))
        return {
            "sid": self.sid,
            "friendly_name": "Dutyline",
            "status": self.switches.account,
            "type": "Full",
            "owner_account_sid": self.sid,
            "auth_token": "hidden",
            "date_created": created_at,
            "date_updated": created_at,
            "uri": f"{uri}.json",
            "subresource_uris": {"calls": f"{uri}/Calls.json"},
        }

    def caller_id_resource(self, number: str) -> dict[str, Any]:
        """A number that is verified as a caller id."""
        sid = "PN" + "c0de" * 8
        verified_at = format_datetime(datetime(2026, 1, 5, tzinfo=UTC))
        return {
            "sid": sid,
            "account_sid": self.sid,
            "friendly_name": number,
            "phone_number": number,
            "date_created": verified_at,
            "date_updated": verified_at,
            "uri": f"/2010-04-01/Accounts/{self.sid}/OutgoingCallerIds/{sid}.json",
        }

    # --- numbers ----------------------------------------------------------------------------------
    def available_numbers(self, country: str, kind: str, query: dict[str, str]) -> list[dict[str, Any]]:
        """Numbers of a kind (`NUMBER_TYPES`) for sale; the same ones until they are bought."""
        if kind not in kinds_sold_in(country):
            raise missing_resource_error(f"AvailablePhoneNumbers/{country}/{kind}")
        area_code, contains = query.get("AreaCode", ""), query.get("Contains", "")
        if area_code and kind != "Local":
            raise TwilioError(400, 21457, "AreaCode is not supported for this kind of number.")
        if area_code and (not area_code.isdigit() or len(area_code) != 3):
            raise TwilioError(400, 21451, f"Invalid area code: {area_code}")
        requirement = regulation_of(country, kind).address
        excluded = query.get(f"Exclude{requirement.title()}AddressRequired", "false")
        excluded_all = query.get("ExcludeAllAddressRequired", "false") if requirement != "none" else "false"
        if area_code in EMPTY_AREA_CODES or "true" in (excluded, excluded_all):
            return []
        code = phonenumbers.country_code_for_region(country)
        prefix = f"+{code}{area_code}" if area_code else contains.replace("*", "") or f"+{code}"
        if not prefix.startswith(f"+{code}"):
            return []
        owned = {number["phone_number"] for number in self.numbers.values()}
        unavailable = owned | self.other_accounts_numbers | self.released_numbers
        return [
            _available_number(number, country, requirement)
            for number in _generate_valid_numbers(prefix, country, kind)
            if number not in unavailable
        ]

    def buy_number(self, form: dict[str, str]) -> dict[str, Any]:
        """Buy the given number, or one with the given area code."""
        number = form.get("PhoneNumber", "")
        if not number and form.get("AreaCode"):
            offers = self.available_numbers("US", "Local", {"AreaCode": form["AreaCode"]})
            if not offers:
                raise TwilioError(400, 21452, f"No numbers in area code {form['AreaCode']}.")
            number = offers[0]["phone_number"]
        parsed = _parse_number(number)
        if parsed is None or number == "+15005550001":
            raise TwilioError(400, 21421, f"PhoneNumber is invalid: {number}")
        owned = self.get_owned_number(number)
        if owned and self.switches.rebuy == "update":
            return self.update_number(owned["sid"], form)
        if owned or number in self.other_accounts_numbers | self.released_numbers or number == "+15005550000":
            raise TwilioError(400, 21422, f"PhoneNumber {number} is not available.")
        if not number.startswith("+1500555"):
            self.register.check_purchase(parsed, form)
        purchased = _owned_number(self.sid, number, parsed)
        self.numbers[purchased["sid"]] = purchased
        self.purchased_numbers.append(number)
        return self.update_number(purchased["sid"], form)

    def get_owned_number(self, number: str) -> dict[str, Any] | None:
        """The number, if the account owns it."""
        return next((n for n in self.numbers.values() if n["phone_number"] == number), None)

    def list_numbers(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """The account's numbers as listed, which may lag behind."""
        digits, name = query.get("PhoneNumber", "").strip("+ "), query.get("FriendlyName")
        visible = list(self.numbers.values())
        if self.switches.list_lag > 0:
            self.switches.list_lag -= 1
            visible = [number for number in visible if number["_made"] < self._hidden_since]
        return [
            number for number in visible if digits in number["phone_number"] and name in (None, number["friendly_name"])
        ]

    def set_list_lag(self, lists: int) -> None:
        """Omit numbers bought from now on from this many list requests."""
        self.switches.list_lag, self._hidden_since = lists, time.time()

    def get_number(self, sid: str) -> dict[str, Any]:
        """A number of the account by its SID."""
        if sid not in self.numbers:
            raise missing_resource_error(f"IncomingPhoneNumbers/{sid}")
        return self.numbers[sid]

    def update_number(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """Change the settings of a number."""
        number = self.get_number(sid)
        if len(form.get("FriendlyName", "")) > 64:
            raise TwilioError(400, 21475, "FriendlyName is too long.")
        for name in _UPDATE_FIELDS:
            if name in form:
                number[_to_snake_case(name)] = form[name] or (None if name.endswith("Sid") else "")
        number["date_updated"] = format_now()
        self.save()
        return number

    def release_number(self, sid: str) -> None:
        """Release a number."""
        self.released_numbers.add(self.get_number(sid)["phone_number"])
        del self.numbers[sid]
        self.save()

    # --- calls ------------------------------------------------------------------------------------
    def create_outbound_call(self, form: dict[str, str]) -> dict[str, Any]:
        """Place a call from one of the account's numbers."""
        to, caller = form.get("To", ""), form.get("From", "")
        if _parse_number(to) is None:
            raise TwilioError(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if self.get_owned_number(caller) is None and not caller.startswith("+1500555"):
            raise TwilioError(400, 21210, f"The 'From' number {caller} is not yours.")
        if not form.get("Url", "").startswith(("http://", "https://")):
            raise TwilioError(400, 21205, "Url is not a valid URL.")
        return self.create_call(to=to, caller=caller, direction="outbound-api", form=form)

    def create_call(
        self, *, to: str, caller: str, direction: str, form: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """Store an inbound or outbound call."""
        call = {
            "sid": new_sid("CA"),
            "account_sid": self.sid,
            "to": to,
            "from": caller,
            "status": "queued",
            "direction": direction,
            "date_created": format_now(),
            "date_updated": format_now(),
            "start_time": None,
            "end_time": None,
            "duration": None,
            "price": None,
            "api_version": "2010-04-01",
            "parent_call_sid": None,
            "answered_by": None,
            "caller_name": None,
            "_given": dict(form or {}),
        }
        self.calls[str(call["sid"])] = call
        return call

    def update_call(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """End a call."""
        if sid not in self.calls:
            raise missing_resource_error(f"Calls/{sid}")
        call = self.calls[sid]
        if call["status"] in ("completed", "no-answer", "busy", "failed", "canceled"):
            raise TwilioError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if form.get("Status") == "completed":
            call["status"] = "completed" if call["status"] == "in-progress" else "canceled"
        return call


def missing_resource_error(resource: str) -> TwilioError:
    """Twilio's 404."""
    return TwilioError(404, 20404, f"The requested resource /2010-04-01/{resource} was not found")


def new_sid(kind: str) -> str:
    """A new identifier in Twilio's format."""
    return kind + secrets.token_hex(16)


def format_now() -> str:
    """The current time in Twilio's format."""
    return format_datetime(datetime.now(UTC))


_UPDATE_FIELDS = (
    *("FriendlyName", "VoiceUrl", "VoiceMethod", "VoiceFallbackUrl", "VoiceFallbackMethod"),
    *("StatusCallback", "StatusCallbackMethod", "SmsUrl", "SmsMethod", "VoiceReceiveMode"),
    *("AddressSid", "BundleSid", "VoiceApplicationSid", "TrunkSid"),
)


def _to_snake_case(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def _parse_number(number: str) -> Any:
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
    return parsed if phonenumbers.is_possible_number(parsed) else None


def _generate_valid_numbers(prefix: str, country: str, kind: str, count: int = 30) -> Iterator[str]:
    """Some valid numbers of a kind with a prefix; always the same."""
    generator = random.Random(prefix + country)
    example = phonenumbers.example_number_for_type(country, NUMBER_TYPES[kind]) or phonenumbers.PhoneNumber()
    code = phonenumbers.country_code_for_region(country)
    length = 1 + len(str(code)) + len(str(example.national_number))
    seen: set[str] = set()
    for _ in range(count * 20):
        missing = max(0, length - len(prefix))
        number = prefix + "".join(generator.choice("0123456789") for _ in range(missing))
        parsed = _parse_number(number)
        if number in seen or parsed is None or not phonenumbers.is_valid_number(parsed):
            continue
        is_of_country = phonenumbers.region_code_for_number(parsed) == country
        if kind_of_number(parsed) == kind and (is_of_country or (country, kind) == ("CA", "TollFree")):
            seen.add(number)
            yield number
        if len(seen) == count:
            return


def _locality(number: str, country: str) -> tuple[str, str | None]:
    from phonenumbers import geocoder  # loads for 0.4 s of CPU, which tests do not need

    description = geocoder.description_for_number(phonenumbers.parse(number), "en")
    locality, _, region = description.partition(", ")
    return locality or country, region or None


def _available_number(number: str, country: str, address_requirement: str) -> dict[str, Any]:
    parsed = phonenumbers.parse(number)
    locality, region = _locality(number, country)
    is_north_american = country in ("US", "CA")
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return {
        "friendly_name": national,
        "phone_number": number,
        "lata": "722" if is_north_american else None,
        "locality": locality,
        "rate_center": locality[:10].upper() if is_north_american else None,
        "latitude": 37.7775 if is_north_american else None,
        "longitude": -122.4115 if is_north_american else None,
        "region": region,
        "postal_code": None,
        "iso_country": country,
        "address_requirements": address_requirement,
        "beta": False,
        "capabilities": {"voice": True, "sms": is_north_american, "mms": is_north_american, "fax": False},
    }


def _owned_number(account: str, number: str, parsed: Any) -> dict[str, Any]:
    sid, kind = new_sid("PN"), kind_of_number(parsed)
    return {
        "_made": time.time(),
        "account_sid": account,
        "address_sid": None,
        "address_requirements": regulation_of(phonenumbers.region_code_for_number(parsed) or "US", kind).address,
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": True, "fax": False},
        "date_created": format_now(),
        "date_updated": format_now(),
        "friendly_name": phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL),
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
        "type": {"TollFree": "toll-free"}.get(kind, kind.lower()),
    }
