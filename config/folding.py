"""Text as searches compare it: without accents, case and differences of Unicode form."""

import unicodedata

_IGNORED_CATEGORIES = ("Mn", "Me", "Cf")
"""Marks on letters, and characters without a shape of their own."""
_SUBSTITUTES = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe", "þ": "th"}
    | dict.fromkeys("’‘ʼ`", "'")
    | dict.fromkeys("‐‑‒–—−", "-")
)
"""What people type where a keyboard lacks the character; Unicode does not decompose these."""


def fold_text(text: str) -> str:
    """The text decomposed (NFKD), without marks, case folded, with single spaces.

    ``Ł`` becomes ``l`` and ``ß`` ``ss``; with and without a dot, the Turkish letters I are equal.
    """
    folded = _decompose(_decompose(text).casefold()).translate(_SUBSTITUTES)
    return " ".join(folded.split())


def _decompose(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if unicodedata.category(char) not in _IGNORED_CATEGORIES)
