"""Text that people write: one normal form, and nothing that cannot be displayed. Pure."""

import unicodedata

_INVISIBLE_CATEGORIES = ("Cc", "Cs", "Co", "Cn")


def clean_text(text: str, *, is_multiline: bool = False) -> str:
    """Text in NFC without blanks around it; a text of several lines has ``\\n`` between them.

    Raises ValueError for a character that cannot be displayed.
    """
    if is_multiline:
        text = text.replace("\r\n", "\n")
    cleaned = unicodedata.normalize("NFC", text.strip())
    visible = cleaned.replace("\n", "") if is_multiline else cleaned
    if any(unicodedata.category(character) in _INVISIBLE_CATEGORIES for character in visible):
        raise ValueError("Contains a character that cannot be displayed.")
    return cleaned
