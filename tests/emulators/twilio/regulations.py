"""Which kinds of numbers Twilio sells in a country, and what it demands before it sells one.

Refusals carry Twilio's codes: 21631 without the address that a number requires, 21615 for one of
another country, 21649 without an approved bundle, 21651 for an address that the bundle does not
contain, 21628 for an address that does not exist. Which country demands what differs by kind of
number and changes; the table below stands for the cases, it is not Twilio's.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from secrets import token_hex
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

COUNTRIES = ("US", "CA", "GB", "DE", "ES", "FR", "NL", "AT", "CH", "IE", "IT")
NUMBER_TYPES = {
    "Local": PhoneNumberType.FIXED_LINE,
    "Mobile": PhoneNumberType.MOBILE,
    "TollFree": PhoneNumberType.TOLL_FREE,
}
"""The kinds of numbers that can be searched for, each by its own resource."""
UNKNOWN_ADDRESS = "Nowhere"
"""A street that exists in no country."""
_REQUIRED_OF_ADDRESSES = ("CustomerName", "Street", "City", "Region", "PostalCode", "IsoCountry")
_REGULATION_PREFIX = "RN" + "0" * 28
_LINKS_OF_BUNDLES = {
    "evaluations": "Evaluations",
    "item_assignments": "ItemAssignments",
    "bundle_copies": "Copies",
    "replace_items": "ReplaceItems",
}


class TwilioError(Exception):
    """An error response of Twilio."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Regulation:
    """What a country demands for a number."""

    address: str = "none"
    """none, any, local or foreign, as `address_requirements` of Twilio."""
    needs_bundle: bool = False


def regulation_of(country: str, kind: str) -> Regulation:
    """What the numbers of a kind need in a country."""
    if country in ("US", "CA"):
        return Regulation()
    if country == "GB":
        return Regulation("any", needs_bundle=True)
    return Regulation("local", needs_bundle=country not in ("AT", "CH") or kind != "Local")


def kinds_sold_in(country: str) -> tuple[str, ...]:
    """The kinds of a country's numbers; where landline and mobile are alike, only Local."""
    if country not in COUNTRIES:
        return ()
    return ("Local", "TollFree") if country in ("US", "CA") else tuple(NUMBER_TYPES)


def kind_of_number(parsed: phonenumbers.PhoneNumber) -> str:
    """The kind under which Twilio sells a number."""
    number_type = phonenumbers.number_type(parsed)
    return next((kind for kind, sold_type in NUMBER_TYPES.items() if sold_type == number_type), "Local")


@dataclass
class Register:
    """The addresses and the regulatory bundles of an account."""

    account_sid: str
    addresses: dict[str, dict[str, Any]] = field(default_factory=dict)
    bundles: dict[str, dict[str, Any]] = field(default_factory=dict)

    def check_purchase(self, parsed: phonenumbers.PhoneNumber, form: dict[str, str]) -> None:
        """Refuse what Twilio refuses. Raises `TwilioError`."""
        country = phonenumbers.region_code_for_number(parsed) or ""
        regulation = regulation_of(country, kind_of_number(parsed))
        bundle = self.bundles.get(form.get("BundleSid", ""))
        if regulation.needs_bundle:
            if not form.get("BundleSid"):
                raise TwilioError(400, 21649, "Bundle required and not provided for this number.")
            if bundle is None or bundle["status"] != "twilio-approved" or bundle["country"] != country:
                raise TwilioError(400, 21649, f"Bundle {form['BundleSid']} status is not twilio-approved.")
        if regulation.address == "none":
            return
        if not form.get("AddressSid"):
            raise TwilioError(400, 21631, "Phone Number Requires an Address.")
        address = self.addresses.get(form["AddressSid"])
        if address is None or (regulation.address == "local" and address["iso_country"] != country):
            raise TwilioError(
                400, 21615, f"Could not find Address with sid {form['AddressSid']} to satisfy the requirement."
            )
        if bundle and bundle["addresses"] and address["sid"] not in bundle["addresses"]:
            raise TwilioError(400, 21651, f"Address {address['sid']} is not contained in bundle {bundle['sid']}.")

    def create_address(self, form: dict[str, str]) -> dict[str, Any]:
        """Store an address; two requests store two."""
        if missing := [name for name in _REQUIRED_OF_ADDRESSES if not form.get(name)]:
            raise TwilioError(400, 20001, f"Missing required parameter {missing[0]} in the post body.")
        sid = "AD" + token_hex(16)
        address = {
            "account_sid": self.account_sid,
            "sid": sid,
            "date_created": _now(),
            "iso_country": form["IsoCountry"],
            "emergency_enabled": False,
            "validated": False,
            "verified": False,
            "friendly_name": "",
            "street_secondary": None,
            "uri": f"/2010-04-01/Accounts/{self.account_sid}/Addresses/{sid}.json",
        }
        return self._change_address(address, form)

    def update_address(self, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """Change an address; its country cannot change."""
        return self._change_address(self.get_address(sid), form)

    def _change_address(self, address: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
        if UNKNOWN_ADDRESS in form.get("Street", ""):
            raise TwilioError(400, 21628, "The address you have provided cannot be validated.")
        names = ("CustomerName", "Street", "StreetSecondary", "City", "Region", "PostalCode", "FriendlyName")
        changes = {re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower(): form[name] for name in names if name in form}
        self.addresses[address["sid"]] = {**address, **changes, "date_updated": _now()}
        return self.addresses[address["sid"]]

    def get_address(self, sid: str) -> dict[str, Any]:
        """An address of the account."""
        if sid not in self.addresses:
            raise TwilioError(404, 20404, f"The requested resource /2010-04-01/Addresses/{sid} was not found")
        return self.addresses[sid]

    def list_addresses(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """The addresses with this friendly name and country."""
        filters = {"friendly_name": query.get("FriendlyName"), "iso_country": query.get("IsoCountry")}
        return [
            address
            for address in self.addresses.values()
            if all(value in (None, address[name]) for name, value in filters.items())
        ]

    def create_bundle(self, country: str, addresses: list[str], status: str) -> dict[str, Any]:
        """A bundle as people get it in Twilio's console, after its documents were examined."""
        sid = "BU" + token_hex(16)
        self.bundles[sid] = {"sid": sid, "country": country, "addresses": addresses, "status": status}
        return self.bundles[sid]

    def bundle_resource(self, sid: str) -> dict[str, Any]:
        """A bundle as Twilio's API for regulatory compliance returns it."""
        if sid not in self.bundles:
            raise TwilioError(404, 20404, f"The requested resource /RegulatoryCompliance/Bundles/{sid} was not found")
        country, url = self.bundles[sid]["country"], f"https://numbers.twilio.com/v2/RegulatoryCompliance/Bundles/{sid}"
        return {
            "sid": sid,
            "account_sid": self.account_sid,
            "regulation_sid": _REGULATION_PREFIX + country.encode().hex(),
            "friendly_name": f"{country}: Local - Business",
            "status": self.bundles[sid]["status"],
            "valid_until": None,
            "email": "compliance@dutyline.example",
            "status_callback": None,
            "date_created": "2026-01-05T09:00:00Z",
            "date_updated": "2026-01-05T09:00:00Z",
            "url": url,
            "links": {name: f"{url}/{path}" for name, path in _LINKS_OF_BUNDLES.items()},
        }


def regulation_resource(sid: str) -> dict[str, Any]:
    """The regulation of a bundle; its country is in the sid."""
    country = bytes.fromhex(sid.removeprefix(_REGULATION_PREFIX)).decode()
    return {
        "sid": sid,
        "friendly_name": f"{country}: Local - Business",
        "iso_country": country,
        "number_type": "local",
        "end_user_type": "business",
        "requirements": {"end_user": [], "supporting_document": []},
        "url": f"https://numbers.twilio.com/v2/RegulatoryCompliance/Regulations/{sid}",
    }


def _now() -> str:
    return format_datetime(datetime.now(UTC))
