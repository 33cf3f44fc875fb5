"""Text that people write: one normal form, and nothing that hides or cannot be displayed. Pure."""

import re

import unicodedata2 as unicodedata  # of present Unicode: the interpreter's own is years older

RAW_LENGTH_FACTOR = 4
"""Characters of a text as it is sent, for each of its normal form: with blanks around it, and as
letters and marks that NFC composes. Putting marks in order takes quadratic time."""
_UNDISPLAYABLE_CATEGORIES = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")
_LINE_SEPARATORS = str.maketrans({"\u2028": "\n", "\u2029": "\n"})
_JOINERS = "\u200c\u200d"
_DIRECTION_MARKS = "\u061c\u200e\u200f"
"""Invisible letters of a direction, which texts of Hebrew or Arabic with numbers may need."""
_ISOLATES = "\u2066\u2067\u2068\u2069"
"""Programs put names between these. Overrides and embeddings are refused: they reverse letters."""
_BREAKING_HINTS = "\u00ad\u200b\u2060\ufeff"
"""Where lines may be broken: text that is copied from elsewhere has these."""
_INVISIBLE_MARKS = "\u034f\u17b4\u17b5"
"""Marks without a shape, which only make equal names differ."""
_VISIBLE_FORMATS = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Signs over the digits that follow (Prepended_Concatenation_Mark)."""
_VARIATION_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_REPEATED_SELECTORS = re.compile(f"(?<=[{_VARIATION_SELECTORS}])[{_VARIATION_SELECTORS}]+")
_SELECTORS = re.compile(f"(?<=(.))[{_VARIATION_SELECTORS}]|^[{_VARIATION_SELECTORS}]+", re.DOTALL)
_BLANKS = "".join(character for character in map(chr, range(0x3001)) if character.isspace())
_BLACK_FLAG, _TAGS = "\U0001f3f4", range(0xE0020, 0xE0080)
_OUTER_BLANK_LETTERS = "\u2800\u3164\uffa0"
"""At the ends of a text they are blanks."""
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols without a shape."""
_EMOJI_MODIFIERS = "\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
_EMOJI_BLOCKS = range(0x1F000, 0x1FB00)
"""Each year adds emoji here, of which the locked tables may not know yet."""


class TextTooLong(ValueError):
    """The text is too long, in its normal form or in any."""


def clean_text(text: str, *, max_length: int, is_multiline: bool = False) -> str:
    """Text in NFC without blanks around it; a text of several lines has ``\\n`` between them.

    Invisible marks that copying adds are dropped: isolates, marks of a direction unless the text
    has letters from right to left, variation selectors that select nothing, and in one line also
    hints where to break it.

    Raises TextTooLong before any work on a text that is too long. Raises ValueError for characters
    that cannot be displayed, that hide or reverse others, and for a text of which nothing shows.
    """
    if len(text) > max_length * RAW_LENGTH_FACTOR:
        raise TextTooLong(_describe_limit(max_length))
    lines = text.replace("\r\n", "\n").translate(_LINE_SEPARATORS) if is_multiline else text
    cleaned = str(unicodedata.normalize("NFC", lines.strip()))
    if len(cleaned) > max_length:
        raise TextTooLong(_describe_limit(max_length))
    if cleaned.isascii() and cleaned.isprintable():
        return cleaned
    marks = _DIRECTION_MARKS if _is_right_to_left(cleaned) else ""
    retained = marks + _BREAKING_HINTS if is_multiline else marks
    cleaned = _drop_marks(cleaned, retained=retained)
    allowed = f"\n{retained}" if is_multiline else retained
    for index, character in enumerate(cleaned):
        if character not in allowed and not _is_allowed(cleaned, index):
            raise ValueError(f"Contains U+{ord(character):04X}, a character that cannot be displayed here.")
    if cleaned and not any(map(_is_visible, cleaned)):
        raise ValueError("Contains nothing that can be displayed.")
    return cleaned


def _is_right_to_left(text: str) -> bool:
    letters = (character for character in text if character not in _DIRECTION_MARKS)
    return any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in letters)


def _drop_marks(text: str, *, retained: str) -> str:
    """The text without marks, but for the ``retained``, and blanks around it; never empty."""
    marks = _BREAKING_HINTS + _DIRECTION_MARKS + _ISOLATES + _INVISIBLE_MARKS
    dropped = str.maketrans("", "", "".join(mark for mark in marks if mark not in retained))
    visible = _SELECTORS.sub(_keep_selector, _REPEATED_SELECTORS.sub("", text.translate(dropped)))
    return str(unicodedata.normalize("NFC", visible)).strip(_BLANKS + _OUTER_BLANK_LETTERS) or text


def _keep_selector(match: re.Match[str]) -> str:
    """The selector of a variant, as of Han, emoji and keycaps; none after letters with capitals."""
    base = match[1] or " "
    is_selectable = _category(base)[0] in "NPS" or _category(base) == "Lo"
    return match[0] if is_selectable else ""


def _describe_limit(max_length: int) -> str:
    return f"Must have at most {max_length:,} characters."


def _category(character: str) -> str:
    category = str(unicodedata.category(character))
    return "So" if category == "Cn" and ord(character) in _EMOJI_BLOCKS else category


def _is_allowed(text: str, index: int) -> bool:
    character = text[index]
    category = _category(character)
    if category != "Cf":
        return category not in _UNDISPLAYABLE_CATEGORIES
    if character in _VISIBLE_FORMATS:
        return True
    if character in _JOINERS:
        return _joins(text, index)
    previous = text[index - 1] if index else " "
    return ord(character) in _TAGS and (previous == _BLACK_FLAG or ord(previous) in _TAGS)  # flags such as Scotland's


def _joins(text: str, index: int) -> bool:
    """Whether a joiner is between emoji, or follows a letter of a script without capitals.

    Persian, Hindi and Sinhala need it there; elsewhere it only makes equal names differ.
    """
    base = index - 1
    while base >= 0 and (text[base] in _EMOJI_MODIFIERS or _category(text[base])[0] == "M"):
        base -= 1
    if base < 0 or text[base] in _BLANK_LETTERS:
        return False
    next_category = _category(text[index + 1]) if index + 1 < len(text) else ""
    category = _category(text[base])
    return category == "Lo" or (category == "So" and next_category.startswith("S"))


def _is_visible(character: str) -> bool:
    return _category(character)[0] in "LNPS" and character not in _BLANK_LETTERS
