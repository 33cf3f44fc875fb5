"""Numbers from 0 to 59, and days of a month, as words. Pure."""

_TEXTS = {
    "en": """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen twenty""",
    "de": """null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn
        sechzehn siebzehn achtzehn neunzehn zwanzig""",
    "es": """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince
        dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro
        veinticinco veintiséis veintisiete veintiocho veintinueve""",
}
_WORDS = {language: text.split() for language, text in _TEXTS.items()}
_TENS = {
    "en": ("", "", "twenty", "thirty", "forty", "fifty"),
    "de": ("", "", "zwanzig", "dreißig", "vierzig", "fünfzig"),
    "es": ("", "", "veinte", "treinta", "cuarenta", "cincuenta"),
}
_ENGLISH_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
    "twenty": "twentieth",
    "thirty": "thirtieth",
}
_GERMAN_ORDINALS = {1: "ersten", 3: "dritten", 7: "siebten", 8: "achten"}


def to_number(number: int, language: str) -> str:
    """A number below 60 in en, de or es."""
    words = _WORDS[language]
    if number < len(words):
        return words[number]
    tens, ones = _TENS[language][number // 10], number % 10
    if not ones:
        return tens
    if language == "de":
        return f"{'ein' if ones == 1 else words[ones]}und{tens}"
    return f"{tens} y {words[ones]}" if language == "es" else f"{tens}-{words[ones]}"


def to_day_of_month(day: int, language: str) -> str:
    """A day of a month: seventh, siebten (after "dem"), siete."""
    if language == "es":
        return "primero" if day == 1 else to_number(day, "es")
    if language == "de":
        return _GERMAN_ORDINALS.get(day) or f"{to_number(day, 'de')}{'ten' if day < 20 else 'sten'}"
    *tens, last = to_number(day, "en").split("-")
    return "-".join([*tens, _ENGLISH_ORDINALS.get(last, f"{last}th")])
