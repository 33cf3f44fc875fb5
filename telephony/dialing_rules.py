"""Numbers that calls may go to: ordinary ones in the location's own country. Pure.

Number types are libphonenumber's; the country of a time zone is that of `config.zone_names`.
"""

import phonenumbers
from phonenumbers import PhoneNumberType

from config import zone_names

ALLOWED_NUMBER_TYPES = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
NORTH_AMERICA = ("US", "CA")
"""Where Twilio knows area codes."""


def country_of_number(number: str) -> str | None:
    """The country (ISO 3166, two letters) of a number in E.164; None if it has none."""
    parsed_number = _parse_number(number)
    return phonenumbers.region_code_for_number(parsed_number) if parsed_number else None


def country_of_location(time_zone: str, number: str | None = None) -> str | None:
    """The country of a location: that of its time zone, else that of its number."""
    return zone_names.country_of_zone(time_zone) or (country_of_number(number) if number else None)


def rejection_reason(number: str, country: str | None) -> str:
    """Why a number may not be called from a country; empty if it may.

    Otherwise no_number, other_country or kind_of_number.
    """
    parsed_number = _parse_number(number)
    if parsed_number is None or not phonenumbers.is_valid_number(parsed_number):
        return "no_number"
    if country is None or phonenumbers.region_code_for_number(parsed_number) != country:
        return "other_country"
    return "" if phonenumbers.number_type(parsed_number) in ALLOWED_NUMBER_TYPES else "kind_of_number"


def normalize_number(number: str) -> str | None:
    """A valid number in E.164; None if it is not valid."""
    parsed_number = _parse_number(number)
    if parsed_number is None or not phonenumbers.is_valid_number(parsed_number):
        return None
    return phonenumbers.format_number(parsed_number, phonenumbers.PhoneNumberFormat.E164)


def calling_code(country: str) -> int | None:
    """The calling code of a country (ISO 3166); None if there is no such country."""
    return phonenumbers.country_code_for_region(country) or None


def _parse_number(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return None
