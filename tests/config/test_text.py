"""Which texts are accepted: what people write, and nothing that hides."""

import pytest
import unicodedata2 as unicodedata

from config.text import TextTooLong, clean_text

ACCEPTED = {
    "Latin": "Zoë Müller-O’Neill",
    "Persian with a non-joiner": "می\u200cخواهم",
    "Sorani with a non-joiner at the end": "ه\u200c",
    "Sinhala with a joiner": "ක්\u200dෂ",
    "Bengali with a joiner before the virama": "র\u200d্যাব",
    "Malayalam chillu": "ന്\u200d",
    "Hebrew with a mark and digits": "דוד\u200e 7",
    "Hangul": "한국어",
    "family": "👨\u200d👩\u200d👧",
    "physician with a skin color": "👩🏽\u200d⚕️",
    "couple with a heart": "👩\u200d❤️\u200d👨",
    "shaking head": "🙂\u200d↔️",
    "rainbow flag": "🏳️\u200d🌈",
    "flag of Scotland": "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
    "keycap": "1️⃣",
    "emoji of Unicode 15": "\U0001fae8 ok",
    "braille": "⠓⠊⠀⠽⠕⠥",
    "Han of Unicode 15.1": "张\U0002ebf0",
    "Han of Unicode 17": "\U000323b0",
    "Han with a variation selector": "葛\U000e0100城",
    "Nag Mundari, of Unicode 15": "\U0001e4d0\U0001e4d1",
    "number sign over Arabic digits": "\u0600١٢",
    "empty": "",
}
REFUSED = {
    "control character": "a\x00b",
    "escape": "\x1b[2Jx",
    "line break": "a\nb",
    "line separator": "a\u2028b",
    "private use": "a\ue000",
    "noncharacter": "a\ufffe",
    "override": "Ann\u202egpj.exe",
    "embedding": "a\u202bb",
    "embedding at an end": "Ann\u202c",
    "shorthand format control": "a\U0001bca0b",
    "variation selectors only": "\ufe0f\U000e0100",
    "invisible mark only": "\u034f",
    "unassigned": "a\u0378",
    "joiner in Latin": "An\u200dn",
    "non-joiner after a Latin letter with a mark": "x\u0301\u200cy",
    "two joiners": "می\u200c\u200cخ",
    "joiner at the beginning": "\u200dن",
    "tags without a flag": "a\U000e0061",
    "Hangul filler": "\u3164",
    "braille blanks": "\u2800\u2800",
    "half-width filler and mark": "\uffa0\u0301",
    "joined filler": "\u3164\u200d",
    "marks only": "\u0301\u0302",
    "interlinear annotation": "a\ufff9b",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_people_write_is_accepted(name: str) -> None:
    assert clean_text(f" {ACCEPTED[name]}\t", max_length=50) == unicodedata.normalize("NFC", ACCEPTED[name])


@pytest.mark.parametrize("name", REFUSED)
def test_what_hides_is_refused(name: str) -> None:
    """LOW findings: names of U+3164 or U+2800 only, with U+202E or zero-width characters."""
    with pytest.raises(ValueError, match=r"U\+[0-9A-F]{4,6}|nothing"):
        clean_text(REFUSED[name], max_length=50)


def test_texts_of_several_lines_may_be_copied_from_elsewhere() -> None:
    assert (
        clean_text("a\r\nb\u2028c\u00ad\u200bd\ufeff", max_length=50, is_multiline=True) == "a\nb\nc\u00ad\u200bd\ufeff"
    )
    assert clean_text("a\n\u200eb", max_length=50, is_multiline=True) == "a\nb"
    with pytest.raises(ValueError, match=r"U\+202E"):
        clean_text("a\n\u202eb", max_length=50, is_multiline=True)


@pytest.mark.parametrize(
    "mark", ["\u00ad", "\u200b", "\u2060", "\ufeff", "\u200e", "\u200f", "\u061c", "\u2068", "\u034f", "\ufe0e"]
)
def test_marks_inside_a_line_are_dropped(mark: str) -> None:
    """A stored name that has one could not be sent back: the role could not be changed."""
    assert clean_text(f"Anne{mark}Marie", max_length=50) == "AnneMarie"
    assert clean_text(f"Zoe{mark}\u0308", max_length=50) == "Zo\u00eb", "in its normal form"
    with pytest.raises(ValueError, match=r"U\+202E"):
        clean_text(f"Ann\u202e{mark}gpj.exe", max_length=50)
    with pytest.raises(ValueError, match=r"U\+[0-9A-F]{4}|nothing"):
        clean_text(mark, max_length=50)


def test_marks_around_a_line_are_dropped() -> None:
    """Copied from contact lists and spreadsheets; refused, nobody sees why."""
    assert clean_text("\ufeff \u200eAnn Müller\u200b \u200e", max_length=50) == "Ann Müller"
    assert clean_text("\u2068محمد\u2069", max_length=50) == "محمد", "as programs isolate names"
    assert clean_text("\u2800Ann\u3164", max_length=50) == "Ann"
    assert clean_text("❤\ufe0f\ufe0f\ufe01", max_length=50) == "❤\ufe0f", "selectors can hide other texts"
    assert clean_text("דוד!\u200f", max_length=50) == "דוד!\u200f", "places the exclamation mark"


def test_the_length_counts_in_normal_form() -> None:
    vietnamese = unicodedata.normalize("NFD", "ế" * 50)
    assert len(clean_text(vietnamese, max_length=50)) == 50
    for text in ("a" * 51, vietnamese + "a", " " * 201, "\u0f71\u0f72" * 1_000_000):
        with pytest.raises(TextTooLong):
            clean_text(text, max_length=50)
