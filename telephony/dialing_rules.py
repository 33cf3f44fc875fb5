"""Where calls may go: the location's own country, and nothing that costs extra. Pure.

Kinds of number are libphonenumber's; countries of time zones are those of the IANA database.
"""

from functools import cache
from importlib.resources import files

import phonenumbers
from phonenumbers import PhoneNumberType

ORDINARY = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
NORTH_AMERICA = ("US", "CA")
"""Where Twilio knows area codes."""


def country_of_number(number: str) -> str | None:
    """The country of a number in E.164 (ISO 3166, two letters); None: of none, or no number."""
    found = _parsed(number)
    return phonenumbers.region_code_for_number(found) if found else None


def country(zone: str, number: str | None = None) -> str | None:
    """The country of a place: that of its time zone, else that of its number."""
    return _countries().get(zone) or (country_of_number(number) if number else None)


@cache
def _countries() -> dict[str, str]:
    table = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def why_not(number: str, country: str | None) -> str:
    """Why a number may not be called from a place in this country; empty: it may.

    no_number, other_country or kind_of_number
    """
    found = _parsed(number)
    if found is None or not phonenumbers.is_valid_number(found):
        return "no_number"
    if country is None or phonenumbers.region_code_for_number(found) != country:
        return "other_country"
    return "" if phonenumbers.number_type(found) in ORDINARY else "kind_of_number"


def normal(number: str) -> str | None:
    """A valid number in E.164; None where it is none."""
    found = _parsed(number)
    if found is None or not phonenumbers.is_valid_number(found):
        return None
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def calling_code(country: str) -> int | None:
    """The code that numbers of a country begin with; None: there is no such country."""
    return phonenumbers.country_code_for_region(country) or None


def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
