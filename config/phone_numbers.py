"""Phone numbers as people and carriers write them. Pure; the rules are libphonenumber's."""

from functools import lru_cache

import phonenumbers
from phonenumbers import FrozenPhoneNumber, ValidationResult

MAX_REMEMBERED = 2_048
"""Numbers whose parts are remembered: a call asks about the same ones several times, which took a
tenth of its CPU time."""
NO_EXTENSION = "Must be without an extension: calls reach the number only."


@lru_cache(maxsize=MAX_REMEMBERED)
def parse_number(text: str, country: str | None = None) -> FrozenPhoneNumber | None:
    """The number that a text is, with its extension if it has one; None if it is no number.

    ``country`` (ISO 3166) is that of numbers without a country code, which otherwise are none.
    """
    try:
        return FrozenPhoneNumber(phonenumbers.parse(text, country))
    except phonenumbers.NumberParseException:
        return None


@lru_cache(maxsize=MAX_REMEMBERED)
def is_known_or_plausible(number: FrozenPhoneNumber) -> bool:
    """Whether the number is in use as far as known; with +1, whether it has the right length.

    New area codes of North America come into use before a release of the library knows them
    (nyaruka/phonenumbers#212).
    """
    return phonenumbers.is_valid_number(number) or (number.country_code == 1 and is_complete(number))


def is_complete(number: phonenumbers.PhoneNumber) -> bool:
    """Whether the number has the length of those of its country, with the area code."""
    return bool(phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE)


def to_e164(number: phonenumbers.PhoneNumber) -> str:
    """The number in E.164, which has no extension."""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def list_dialed_forms(number: phonenumbers.PhoneNumber) -> list[str]:
    """The number without its extension as carriers write it, in E.164 first.

    With and without ``+``, the international prefix or the national one.
    """
    e164, national = to_e164(number), phonenumbers.national_significant_number(number)
    written = phonenumbers.format_number(_without_extension(number), phonenumbers.PhoneNumberFormat.NATIONAL)
    dialed = "".join(character for character in written if character.isdigit())
    return list(dict.fromkeys([e164, e164[1:], f"00{e164[1:]}", f"011{e164[1:]}", national, dialed]))


def _without_extension(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    bare = phonenumbers.PhoneNumber()
    bare.merge_from(number)
    bare.extension = None
    return bare


def to_readable(text: str) -> str:
    """A number in E.164 as people read it: ``+1 617-555-0142``; any other text as it is."""
    number = parse_number(text) if text.startswith("+") and text[1:].isdecimal() else None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL) if number else text
