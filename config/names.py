"""Names of people, businesses and locations that appear in e-mails to anybody. Pure.

A name with a web address would be a link there, in Dutyline's name. So new names must have none,
and what is written into an e-mail is made harmless too: stored names may be older than the rule.
"""

import re
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

import unicodedata2 as unicodedata

from config import errors

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_LENGTH_IN_MAIL = 80
_MAX_READ = 400
_DOTS = ".\u2024\u3002\uff0e\uff61"
"""Characters that browsers read as the dot of a domain."""
_TO_DOT = str.maketrans(dict.fromkeys(_DOTS, "."))
_WEB_ADDRESS = re.compile(r"://|\bwww\.|\b\d{1,3}(?:\.\d{1,3}){3}\b|\b\w\.\w{2}[/:]", re.IGNORECASE)
"""The last is such as t.co/x."""
_DOT_WITHOUT_BLANK = re.compile(r"(?<!\d)\.(?=\w)|\.(?=[^\W\d])")
_OF_A_DOMAIN = re.compile(r"[\w.\-]+")
_ABBREVIATIONS = frozenset(
    {
        *("co", "ddr", "dipl", "doz", "dr", "dra", "dres", "habil", "hon", "hr", "ing", "jr", "jun", "jur", "lic"),
        *("mag", "med", "mmag", "mr", "mrs", "ms", "nat", "nr", "oec", "pharm", "phil", "priv", "prof", "rer", "rev"),
        *("sen", "sr", "st", "tech", "theol", "univ", "vet"),
    }
)
"""Often followed by a dot without a blank: “Dr.med.vet.”, “Co.KG”, “Jr.MD”."""
_PARTICLES = frozenset({"da", "de", "di", "do", "la"})
"""They begin surnames, and are top-level domains too: “Jan.de Vries”."""
_JOINERS = "\u200c\u200d"
"""Invisible, but needed in some scripts."""
WEB_ADDRESS_IN_NAME = errors.define_field_code("web_address_in_name", "A name must not contain a web address.")
WEB_ADDRESS_DETAIL = "Must be a name without a web address: no “://”, no “www.”, and a blank after a dot."


def check_change(pointer: str, before: str | None, after: str | None) -> None:
    """Raise `errors.InvalidRequest` for a new name with a web address.

    A stored name may be older than the rule: whoever sends it back unchanged is not refused.
    """
    if after and after != before and contains_web_address(after):
        field_error = errors.FieldError(pointer, WEB_ADDRESS_IN_NAME, WEB_ADDRESS_DETAIL)
        raise errors.InvalidRequest(WEB_ADDRESS_DETAIL, field_errors=[field_error])


def contains_web_address(name: str) -> bool:
    """Whether e-mail programs could make a link of a part of this name.

    Words with capitals, as in “Jos.Li”, are names without the blank, unless a path follows;
    `for_mail` adds the blank.
    """
    text = unicodedata.normalize("NFKC", name[:_MAX_READ]).translate(_TO_DOT)
    return bool(_WEB_ADDRESS.search(text)) or any(
        "." in part[0] and _ends_like_domain(part[0], text[: part.start()], text[part.end() :])
        for part in _OF_A_DOMAIN.finditer(text)
    )


def _ends_like_domain(part: str, text_before: str, text_after: str) -> bool:
    """Whether a dot is followed by the name of a top-level domain.

    Of initials, as in “M.Sc.”, only those before a longer one count.
    """
    is_address = text_before.endswith("@") or text_after.startswith(("/", ":"))
    for before, after in pairwise(part.split(".")):
        has_domain = len(before) > 1 or len(after) > 2
        if not (before and after and has_domain) or before.casefold() in _ABBREVIATIONS:
            continue
        is_particle = after in _PARTICLES and part.endswith(f".{after}") and re.match(r"\s+[^\W\d]", text_after)
        is_name = before[0].isupper() and (after.istitle() or is_particle)
        if (is_address or not is_name) and _is_top_level_domain(after.casefold()):
            return True
    return False


def _is_top_level_domain(label: str) -> bool:
    return _public_suffixes().publicsuffix(f"x.{label}") is not None


@cache
def _public_suffixes() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False, only_icann=True)


def for_mail(name: str) -> str:
    """A name as an e-mail shows it: of at most 80 characters, none of which make a link."""
    visible = (
        character
        for character in name[:_MAX_READ]
        if character in _JOINERS or unicodedata.category(character) not in ("Cc", "Cf")
    )
    text = "".join(visible).translate(_TO_DOT).replace("\uff1a", ":").replace("\uff0f", "/")
    text = text.replace("://", " ").replace("@", " @ ")
    text = " ".join(_DOT_WITHOUT_BLANK.sub(". ", text).split())
    return text if len(text) <= MAX_LENGTH_IN_MAIL else text[: MAX_LENGTH_IN_MAIL - 1].rstrip() + "…"
