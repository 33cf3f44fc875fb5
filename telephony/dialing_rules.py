"""Numbers that calls may go to: ordinary ones in the location's own country. Pure.

Number types are libphonenumber's; the country of a time zone is that of `config.zone_names`.
"""

from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

from config import phone_numbers, zone_names

ALLOWED_NUMBER_TYPES = {
    PhoneNumberType.FIXED_LINE,
    PhoneNumberType.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.VOIP,
}
NORTH_AMERICA = ("US", "CA")
"""Where Twilio knows area codes; toll-free numbers are of both."""
NUMBER_TYPES = {
    "local": "geographic",
    "mobile": "mobile, where landline and mobile numbers differ",
    "tollFree": "free for the caller",
}


@lru_cache(maxsize=phone_numbers.MAX_REMEMBERED)
def country_of_number(number: str) -> str | None:
    """The country (ISO 3166, two letters) of a number in E.164; None if it has none."""
    parsed_number = phone_numbers.parse_number(number)
    return phonenumbers.region_code_for_number(parsed_number) if parsed_number else None


def country_of_location(time_zone: str, number: str | None = None) -> str | None:
    """The country of a location: that of its time zone, else that of its number."""
    return zone_names.country_of_zone(time_zone) or (country_of_number(number) if number else None)


@lru_cache(maxsize=phone_numbers.MAX_REMEMBERED)
def rejection_reason(number: str, country: str | None) -> str:
    """Why a number may not be called from a country; empty if it may.

    Otherwise no_number, other_country or kind_of_number.
    """
    parsed_number = phone_numbers.parse_number(number)
    if parsed_number is None or parsed_number.extension or not phone_numbers.is_known_or_plausible(parsed_number):
        return "no_number"
    if not phonenumbers.is_valid_number(parsed_number):
        return _rejection_of_unknown(parsed_number, country)
    if country is None or phonenumbers.region_code_for_number(parsed_number) != country:
        return "other_country"
    return "" if phonenumbers.number_type(parsed_number) in ALLOWED_NUMBER_TYPES else "kind_of_number"


def _rejection_of_unknown(number: phonenumbers.PhoneNumber, country: str | None) -> str:
    """As `rejection_reason`, of a number with +1 that is not known.

    What is known of its area code decides. One that is not known at all may be a new one of the
    United States or Canada; the other countries with +1 have few area codes, all known.
    """
    area_code = str(number.national_number)[:3]
    if area_code[0] in "01" or area_code[1:] == "11":
        return "no_number"
    sample = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{area_code}2345678"))
    area_country = phonenumbers.region_code_for_number(number) or phonenumbers.region_code_for_number(sample)
    if country is None or (area_country != country if area_country else country not in NORTH_AMERICA):
        return "other_country"
    if not area_country and area_code[1] == area_code[2]:
        return "kind_of_number"  # such as 822 and 544: never of a place
    is_ordinary = phonenumbers.number_type(sample) in {*ALLOWED_NUMBER_TYPES, PhoneNumberType.UNKNOWN}
    return "" if is_ordinary else "kind_of_number"


def number_type(number: str) -> str | None:
    """local (VoIP included), mobile or tollFree; None for numbers of other kinds."""
    parsed_number = phone_numbers.parse_number(number)
    if parsed_number is None or not phonenumbers.is_valid_number(parsed_number):
        return None
    kind = phonenumbers.number_type(parsed_number)
    if kind == PhoneNumberType.TOLL_FREE:
        return "tollFree"
    if kind == PhoneNumberType.MOBILE:
        return "mobile"
    return "local" if kind in ALLOWED_NUMBER_TYPES else None


def normalize_number(number: str) -> str | None:
    """A number with country code in E.164; None if it is none, or has an extension."""
    parsed_number = phone_numbers.parse_number(number)
    if parsed_number is None or parsed_number.extension or not phone_numbers.is_known_or_plausible(parsed_number):
        return None
    return phone_numbers.to_e164(parsed_number)


def calling_code(country: str) -> int | None:
    """The calling code of a country (ISO 3166); None if there is no such country."""
    return phonenumbers.country_code_for_region(country) or None
