"""Text as searches compare it: without accents, case and differences of Unicode form.

The rules, in this order:

1. Compatibility decomposition (NFKD): full-width letters, ligatures and precomposed letters become
   plain letters and marks.
2. Marks (accents, vowel points, viramas) and characters without a shape are dropped.
3. Full case folding: ``ß`` and ``ẞ`` become ``ss``, a final sigma a sigma.
4. Letters, quotes and dashes that keyboards lack become what people type instead (`_SUBSTITUTES`).
5. Blanks of any kind become one space.

A change of what text folds to needs a new `DIRECTORY_VERSION` and `manage.py directory`. Identity
never follows these rules: `accounts.users.email_address` says which mailboxes are the same.
"""

import unicodedata as interpreter

import unicodedata2 as unicodedata

_IGNORED_CATEGORIES = ("Mn", "Me", "Cf")
"""Marks on letters, and characters without a shape of their own."""
_LATIN = {
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ŧ": "t",
    "ƶ": "z",
    "ĸ": "k",
    "ŋ": "n",
    "ə": "e",
    "ɓ": "b",
    "ɗ": "d",
    "ƙ": "k",
    "ƴ": "y",
    "ɛ": "e",
    "ɔ": "o",
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
}
_ARABIC = {"ی": "ي", "ى": "ي", "ک": "ك", "ة": "ه", "ـ": ""}
"""Persian and Arabic keyboards write one letter differently; the last only stretches a word."""
_SUBSTITUTES = str.maketrans(_LATIN | _ARABIC | dict.fromkeys("’‘ʼʻ`", "'") | dict.fromkeys("‐‑‒–—−", "-"))
"""What people type where a keyboard lacks the character; Unicode does not decompose these."""


def fold_text(text: str) -> str:
    """The text as the rules above have it: ``Ł`` becomes ``l`` and ``ß`` ``ss``.

    With and without a dot, the Turkish letters I are equal.
    """
    folded = _decompose(_fold_case(_decompose(text))).translate(_SUBSTITUTES)
    return " ".join(folded.split())


def _decompose(text: str) -> str:
    if text.isascii():  # nothing to decompose or to drop
        return text
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if unicodedata.category(char) not in _IGNORED_CATEGORIES)


def _fold_case(text: str) -> str:
    """The text case folded, also letters that are newer than the interpreter."""
    if text.isascii():
        return text.lower()
    return "".join(map(_fold_new_letter, text.casefold()))


def _fold_new_letter(character: str) -> str:
    if interpreter.category(character) != "Cn" or unicodedata.category(character) != "Lu":
        return character
    try:
        return str(unicodedata.lookup(unicodedata.name(character).replace("CAPITAL LETTER", "SMALL LETTER")))
    except KeyError:  # it has no small form of this name
        return character
