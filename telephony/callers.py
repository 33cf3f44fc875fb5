"""Who calls: what Twilio delivers is kept as it is delivered, and found in any form. Pure.

Docs: https://www.twilio.com/docs/voice/twiml#request-parameters
"""

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from config import phone_numbers

MAX_LENGTH = 255
"""Characters of an address."""
ADDRESS_SCHEMES = ("sip", "sips", "client", "sim", "wireless")
WITHHELD_WORDS = frozenset(
    {"anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld", "nocallerid"}
)
"""What carriers send in place of a number, in letters or as the keys of a phone that have them."""
_KEYS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
_WITHHELD_DIGITS = {word.translate(_KEYS) for word in WITHHELD_WORDS} | {"464"}
_DIALED_NUMBER = re.compile(r"(?:tel:)?(\+?)([\d\s().\-/]+)(?:(?:;ext=|x|,+)(\d{1,9}))?", re.IGNORECASE | re.ASCII)
MIN_DIGITS, MAX_DIGITS = 3, 32
"""Of what counts as a number: short codes have three digits, E.164 numbers at most fifteen."""


def normalize_caller(text: str) -> str:
    """The caller as Twilio delivers it; empty if the number is withheld.

    Numbers of a country are in E.164, others are their digits. Addresses, such
    as ``sip:ann@example.com`` and ``client:ann``, lose what could hide or end a text.
    """
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_LENGTH]).strip()
    if bracketed := re.search(r"<(sips?:[^<>]+)>", text, re.IGNORECASE):
        text = bracketed[1]
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ADDRESS_SCHEMES:
        return "" if _is_withheld_address(rest) else _clean_address(text)
    return _normalize_number(text)


def _normalize_number(text: str) -> str:
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if digits in _WITHHELD_DIGITS or not digits.removeprefix("1").strip("0"):
        return ""
    number = phone_numbers.parse_number(text)
    if number and not number.extension and phone_numbers.is_known_or_plausible(number):
        return phone_numbers.to_e164(number)
    match = _DIALED_NUMBER.fullmatch(text)
    if match is None or not MIN_DIGITS <= len(digits) <= MAX_DIGITS:
        return ""
    plus, dialed, extension = match.groups()
    dialed_digits = re.sub(r"\D", "", dialed)
    return f"{plus}{dialed_digits};ext={extension}" if extension else plus + dialed_digits


def _is_withheld_address(rest: str) -> bool:
    user, _, host = unquote(rest).rpartition("@")
    name = re.split(r"[;:?]", user or ("" if "@" in rest else host))[0]
    host_name = re.split(r"[;:?>]", host)[0].lower()
    letters, digits = re.sub(r"[\W_]", "", name).casefold(), name.lstrip("+")
    return not letters or letters in WITHHELD_WORDS or digits in _WITHHELD_DIGITS or host_name.endswith(".invalid")


def _clean_address(text: str) -> str:
    return "".join(character for character in text if character.isprintable() and character not in " <>\"'\\")[
        :MAX_LENGTH
    ]


def is_phone_number(caller: str) -> bool:
    """Whether a normalized caller is a number of a country: others are too easily made up."""
    number = phone_numbers.parse_number(caller) if caller.startswith("+") else None
    return bool(number and not number.extension and phone_numbers.is_known_or_plausible(number))


@dataclass(frozen=True)
class CallerFilter:
    """Which callers a search finds."""

    exact: tuple[str, ...] = ()
    """The caller is one of these; empty: the number was withheld."""
    part: str = ""
    """Or the caller contains this, if ``exact`` is empty."""

    def matches(self, caller: str) -> bool:
        """Whether it finds this caller."""
        return caller in self.exact if self.exact else self.part in caller


def parse_search(text: str, country: str | None) -> CallerFilter:
    """The filter of a search by a number in any form, an address, or a word such as "anonymous".

    ``country`` is that of numbers without a country code. Three digits or more that are no complete
    number find numbers that contain them. Raises ValueError with what to do.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if re.sub(r"[\W_]", "", text).casefold() in WITHHELD_WORDS:
        return CallerFilter(("",))
    if text.partition(":")[0].lower() in ADDRESS_SCHEMES:
        return CallerFilter((normalize_caller(text),))
    number = phone_numbers.parse_number(text, country)
    if number and number.extension:
        raise ValueError(phone_numbers.NO_EXTENSION)
    if number and phone_numbers.is_complete(number):
        e164 = phone_numbers.to_e164(number)
        national = e164[1 + len(str(number.country_code)) :]
        return CallerFilter(tuple(dict.fromkeys((e164, e164[1:], national, digits, f"+{digits}"))))
    if len(digits) < MIN_DIGITS or not _DIALED_NUMBER.fullmatch(text):
        raise ValueError(
            "Must be a phone number or at least three digits of one, an address such as sip:…, or `anonymous`."
        )
    return CallerFilter(part="+" + digits if text.startswith("+") else digits.lstrip("0") or digits)
