"""Who calls: what Twilio delivers is stored as it is delivered, and found in any form. Pure.

Docs: https://www.twilio.com/docs/voice/twiml#request-parameters
"""

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote

from config import phone_numbers

MAX_LENGTH = 255
"""Characters of an address."""
ADDRESS_SCHEMES = ("sip", "sips", "client", "sim", "wireless")
SIP_SCHEMES = ("sip", "sips")
WITHHELD_WORDS = frozenset(
    {"anonymous", "blocked", "private", "restricted", "unavailable", "unknown", "withheld", "nocallerid"}
)
"""What carriers send in place of a number."""
WITHHELD_NUMBERS = frozenset({"266696687", "2562533", "7378742833", "86282452253", "8656696", "464"})
"""ANONYMOUS, BLOCKED, RESTRICTED, UNAVAILABLE and UNKNOWN as the keys of a phone, and another one:
what Twilio says that carriers send. Without ``+``, short ones are extensions and local numbers."""
MAX_LOCAL_DIGITS = 8
_DIALED_NUMBER = re.compile(r"(?:tel:)?(\+?)([\d\s().\-/]+)(?:(?:;ext=|x|,+)(\d{1,9}))?", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"(?P<user>[^?]*@)?(?P<host>\[[^\]]*\]|[^:;?]*)(?P<rest>.*)", re.DOTALL)
"""User with its ``@``, host, and port, parameters and headers; in ``sip:…`` after the scheme."""
_ADDRESS_ENDS = (":", ";", "?")
_DIGITS = re.compile(r"\+?\d+", re.ASCII)
_UNESCAPED = "-_.!~*'()&=+$,?/"
"""What the user of a SIP address may contain as it is: RFC 3261, 25.1."""
MIN_DIGITS, MAX_DIGITS = 3, 32
"""Of what counts as a number: short codes have three digits, E.164 numbers at most fifteen."""


def normalize_caller(text: str) -> str:
    """The caller as Twilio delivers it; empty if the number is withheld.

    Numbers of a country are in E.164, others are their digits. Addresses, such
    as ``sip:ann@example.com`` and ``client:ann``, lose what could hide or end a text; their scheme
    and host are in lower case.
    """
    text = unicodedata.normalize("NFKC", text[: 4 * MAX_LENGTH]).strip()
    if bracketed := re.search(r"<(sips?:[^<>]+)>", text, re.IGNORECASE):
        text = bracketed[1]
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in ADDRESS_SCHEMES:
        return _normalize_number(text)
    rest = "".join(character for character in rest if character.isprintable() and character not in " <>\"'\\")
    is_anonymous = _is_empty(rest) or _is_withheld_address(scheme.lower(), rest)
    return "" if is_anonymous else _join_address(scheme.lower(), rest)[:MAX_LENGTH]


def _normalize_number(text: str) -> str:
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if _is_withheld_number(digits, has_plus="+" in text) or not digits.removeprefix("1").strip("0"):
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


def _is_withheld_number(digits: str, *, has_plus: bool) -> bool:
    return digits in WITHHELD_NUMBERS and (has_plus or len(digits) > MAX_LOCAL_DIGITS)


def _is_empty(rest: str) -> bool:
    """Whether an address names nobody, such as ``sip:@example.com``."""
    return not rest or rest[0] in "@:;?"


def _is_withheld_address(scheme: str, rest: str) -> bool:
    """Whether an address stands for somebody unknown.

    That is the user or the host of RFC 3323 (``anonymous@anonymous.invalid``), what Twilio sends
    for apps without a name, or what a carrier's gateway, which has no name, sends for a number. Who
    is called `private` or has the extension 464 at a named host is a caller as any other.
    """
    if scheme not in SIP_SCHEMES:
        return scheme == "client" and rest.casefold() == "anonymous"
    user, host, _ = _split_address(rest)
    user = unquote(user or host).rstrip("@")
    name = re.split(r"[;:]", user)[0]
    word, digits = re.sub(r"[\W_]", "", name).casefold(), name.removeprefix("+")
    if word == "anonymous" or host.lower().endswith(".invalid"):
        return True
    if host != name and not _is_ip_address(host):
        return name != digits and digits in WITHHELD_NUMBERS
    return word in WITHHELD_WORDS or _is_withheld_number(digits, has_plus=name != digits)


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def _split_address(rest: str) -> tuple[str, str, str]:
    """User with its ``@``, host, and what follows it."""
    match = _ADDRESS.fullmatch(rest)
    return (match["user"] or "", match["host"], match["rest"]) if match else ("", rest, "")


def _join_address(scheme: str, rest: str) -> str:
    if scheme not in SIP_SCHEMES:
        return f"{scheme}:{rest}"
    user, host, end = _split_address(rest)
    return f"{scheme}:{user}{host.lower() if user else host}{end}"


def is_phone_number(caller: str) -> bool:
    """Whether a normalized caller is a number of a country: others are too easily made up."""
    number = phone_numbers.parse_number(caller) if caller.startswith("+") else None
    return bool(number and not number.extension and phone_numbers.is_known_or_plausible(number))


def parse_blockable(text: str, country: str | None) -> str:
    """What a caller in any form is blocked as: a number in E.164, or an address.

    ``country`` is that of numbers without a country code. Numbers that no country has, and short
    codes, stay as carriers deliver them. An address is blocked as an address, without port and
    parameters: anybody can call from one with somebody else's number as its user. Raises ValueError
    with what to do.
    """
    if re.sub(r"[\W_]", "", text[:MAX_LENGTH]).casefold() in WITHHELD_WORDS:
        raise ValueError("Callers who withhold their number cannot be blocked.")
    caller = normalize_caller(text)
    identities = list_identities(caller, country)
    identity = identities[0 if ":" in caller else -1] if identities else ""
    if not identity or not (country or re.match(r"\+|\w+:", identity)):
        raise ValueError("Must be a phone number with + and country code, or an address such as sip:ann@example.com.")
    return identity


def list_identities(caller: str, country: str | None) -> list[str]:
    """What blocks a caller: their address or what their carrier delivers, then the number in E.164.

    ``country`` is that of the called number: numbers without country code are of it.
    """
    if not caller:
        return []
    scheme, colon, _ = caller.partition(":")
    if not colon:
        dialed = caller.partition(";ext=")[0]
        identities = [dialed]
    elif scheme in SIP_SCHEMES:
        dialed, host = _split_user(caller)
        identities = [f"sip:{quote(dialed, safe=_UNESCAPED)}@{host}" if dialed else f"sip:{host}"]
    else:
        dialed, identities = "", [caller]
    return list(dict.fromkeys([*identities, *_list_numbers(dialed, country)]))


def _split_user(address: str) -> tuple[str, str]:
    """The user of a SIP address, without what does not identify it, and the host.

    Without escapes, password and parameters; numbers without visual separators (RFC 3966).
    """
    user, host, _ = _split_address(address.partition(":")[2])
    name = unquote(re.sub(r"^tel:", "", user.removesuffix("@"), flags=re.IGNORECASE).partition(":")[0])
    name = name.partition(";")[0]
    bare = re.sub(r"[\s().\-/]", "", name)
    return (bare if _DIGITS.fullmatch(bare) else name), host.lower() if user else host


def _list_numbers(dialed: str, country: str | None) -> list[str]:
    """The number that digits are, in E.164, if they are one: of the country, or from abroad."""
    if not _DIGITS.fullmatch(dialed):
        return []
    international = [f"+{dialed.removeprefix(prefix)}" for prefix in ("011", "00") if dialed.startswith(prefix)]
    for text in (dialed, *international):
        number = phone_numbers.parse_number(text, country)
        if number and phone_numbers.is_known_or_plausible(number):
            return [phone_numbers.to_e164(number)]
    return []


@dataclass(frozen=True)
class CallerFilter:
    """Which callers a search finds: those to which one of these applies."""

    exact: tuple[str, ...] = ()
    """The caller is this; empty: the number was withheld."""
    beginnings: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    number: str = ""
    """In E.164: also whoever calls from it, however it is written; lists of calls do not use it."""

    def matches(self, caller: str) -> bool:
        """Whether it finds this caller."""
        if caller in self.exact or caller.startswith(self.beginnings) or any(part in caller for part in self.parts):
            return True
        return bool(self.number) and self.number in list_identities(caller, None)


def parse_search(text: str, country: str | None) -> CallerFilter:
    """The filter of a search by a number in any form, an address, or a word such as "anonymous".

    ``country`` is that of numbers without a country code. A complete number is found as it is
    dialed from anywhere, and as the user of an address. Three digits or more that are no complete
    number find numbers that contain them. Raises ValueError with what to do.
    """
    text = unicodedata.normalize("NFKC", text).strip()
    if re.sub(r"[\W_]", "", text).casefold() in WITHHELD_WORDS:
        return CallerFilter(exact=("",))
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() in ADDRESS_SCHEMES:
        return _parse_address_search(text, rest)
    match = _DIALED_NUMBER.fullmatch(text)
    digits = re.sub(r"\D", "", match[2]) if match else ""
    number = phone_numbers.parse_number(text, country)
    if number and phone_numbers.is_complete(number):
        typed = (digits, f"+{digits}") if digits else ()
        forms = tuple(dict.fromkeys((*phone_numbers.list_dialed_forms(number), *typed)))
        return _filter_numbers(forms, number.extension or "")
    if match is None or len(digits) < MIN_DIGITS:
        raise ValueError(
            "Must be a phone number or at least three digits of one, an address such as sip:…, or `anonymous`."
        )
    if extension := match[3]:
        return _filter_numbers((digits, f"+{digits}"), extension)
    return CallerFilter(parts=("+" + digits if match[1] else digits.lstrip("0") or digits,))


def _filter_numbers(forms: tuple[str, ...], extension: str) -> CallerFilter:
    if extension:
        return CallerFilter(exact=tuple(f"{form};ext={extension}" for form in forms))
    ends = [f":{form}{end}" for form in forms for end in ("@", ";")]  # of a user, see RFC 3261, 19.1.1
    return CallerFilter(exact=forms, beginnings=tuple(f"{form};ext=" for form in forms), parts=tuple(ends))


def _parse_address_search(text: str, rest: str) -> CallerFilter:
    """The filter of an address: of SIP also with another port and other parameters."""
    if _is_empty(rest.strip()):
        raise ValueError("Must be a whole address, such as sip:ann@example.com or client:ann.")
    caller = normalize_caller(text)
    scheme, _, rest = caller.partition(":")
    if scheme not in SIP_SCHEMES:
        return CallerFilter(exact=(caller,))
    user, host, _ = _split_address(rest)
    addresses = tuple(f"{scheme}:{user}{host}" for scheme in SIP_SCHEMES)
    ends = _ADDRESS_ENDS if user else (*_ADDRESS_ENDS, "@")
    return CallerFilter(exact=addresses, beginnings=tuple(address + end for address in addresses for end in ends))
