"""Names of people, businesses and locations that appear in e-mails to strangers. Pure.

A name with a web address would be a link there, in Dutyline's name. So new names must have none,
and what is written into an e-mail is made harmless too: stored names may be older than the rule.
"""

import re
import unicodedata
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_LENGTH_IN_MAIL = 80
_MAX_READ = 400
_DOTS = ".\u2024\u3002\uff0e\uff61"
"""Characters that browsers read as the dot of a domain."""
_TO_DOT = str.maketrans(dict.fromkeys(_DOTS, "."))
_WEB_ADDRESS = re.compile(r"://|\bwww\.|\b\d{1,3}(?:\.\d{1,3}){3}\b")
_DOT_WITHOUT_BLANK = re.compile(r"(?<!\d)\.(?=\w)|\.(?=[^\W\d])")
_NOT_OF_A_DOMAIN = re.compile(r"[^\w.\-]+")
_ABBREVIATIONS = frozenset({"co", "dipl", "dr", "mag", "mr", "mrs", "ms", "prof", "st"})
"""Often followed by a dot without a blank: “Dr.med.”, “Co.KG”."""
_JOINERS = "\u200c\u200d"
"""Invisible, but needed in some scripts."""


def contains_web_address(name: str) -> bool:
    """Whether e-mail programs could make a link of a part of this name."""
    text = unicodedata.normalize("NFKC", name[:_MAX_READ]).translate(_TO_DOT).casefold()
    if _WEB_ADDRESS.search(text):
        return True
    return any(_ends_like_domain(part) for part in _NOT_OF_A_DOMAIN.split(text) if "." in part) or bool(
        re.search(r"\b\w\.\w{2}[/:]", text)  # such as t.co/x
    )


def _ends_like_domain(part: str) -> bool:
    """Whether a dot is followed by the name of a top-level domain.

    Of initials, as in “M.Sc.”, only those before a longer one count.
    """
    for before, after in pairwise(part.split(".")):
        has_domain = len(before) > 1 or len(after) > 2
        if before and after and has_domain and before not in _ABBREVIATIONS and _is_top_level_domain(after):
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
