"""The names of languages that can be spoken, in English: "Spanish (United States)". Pure."""

from collections import Counter

from telephony.ivr import voices

_LANGUAGE_TEXT = """af Afrikaans, ar Arabic, bg Bulgarian, bn Bengali, ca Catalan, cs Czech, cy Welsh, da Danish,
de German, el Greek, en English, es Spanish, eu Basque, fi Finnish, fr French, gl Galician, gu Gujarati, he Hebrew,
hi Hindi, hu Hungarian, id Indonesian, is Icelandic, it Italian, ja Japanese, kn Kannada, ko Korean, lt Lithuanian,
lv Latvian, ml Malayalam, mr Marathi, ms Malay, nb Norwegian, nl Dutch, pa Punjabi, pl Polish, pt Portuguese,
ro Romanian, ru Russian, sk Slovak, sr Serbian, sv Swedish, ta Tamil, te Telugu, th Thai, tr Turkish, uk Ukrainian,
vi Vietnamese, zh Chinese"""
_REGION_TEXT = """AE Emirates, AT Austria, AU Australia, BE Belgium, BR Brazil, CA Canada, CH Switzerland, CN China,
DE Germany, ES Spain, FR France, GB United Kingdom, HK Hong Kong, IE Ireland, IN India, MX Mexico, NL Netherlands,
NZ New Zealand, PT Portugal, SG Singapore, TW Taiwan, US United States, XA standard, ZA South Africa"""


def _parse(text: str) -> dict[str, str]:
    pairs = (entry.split(maxsplit=1) for entry in text.replace("\n", " ").split(","))
    return dict(pairs)


_LANGUAGES, _REGIONS = _parse(_LANGUAGE_TEXT), _parse(_REGION_TEXT)
_VARIANTS = Counter(code[:2] for code in voices.LANGUAGES)


def describe_language(code: str) -> str:
    """The name of a language such as es-US; the code itself if it is none that is known."""
    language, _, region = code.partition("-")
    name = _LANGUAGES.get(language)
    if name is None or region not in _REGIONS or _VARIANTS[language] < 2:
        return name or code
    return f"{name} ({_REGIONS[region]})"
