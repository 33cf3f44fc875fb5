"""Which voices of the phone service speak which language. Pure.

A call with another voice is silent: Twilio refuses the instruction (error 13520). From Twilio's
list of voices (docs: /docs/voice/twiml/say/text-speech) and Amazon's of Polly. Google has letters
and names of voices by the dozen, which change: of those the language and the kind are checked.
"""

import re

_POLLY = """
ar-AE Hala-n Zayed-n
ca-ES Arlet-n
cs-CZ Jitka-n
cy-GB Gwyneth-s
da-DK Naja-s Mads-s Sofie-n
de-AT Hannah-n
de-CH Sabrina-n
de-DE Marlene-s Vicki-sng Hans-s Daniel-ng
en-AU Nicole-s Russell-s Olivia-ng
en-GB Amy-sng Emma-sn Brian-sn Arthur-n
en-IE Niamh-n
en-IN Aditi-s Raveena-s Kajal-ng
en-NZ Aria-n
en-SG Jasmine-n
en-US Joanna-sng Kendra-sn Kimberly-sn Salli-sn Ivy-sn Ruth-ng Danielle-ng Joey-sn Justin-sn Kevin-n Matthew-sng
en-US Gregory-n Stephen-ng
en-ZA Ayanda-ng
es-ES Conchita-s Lucia-sng Enrique-s Sergio-ng
es-MX Mia-sng Andres-ng
es-US Lupe-sng Penelope-s Miguel-s Pedro-ng
fi-FI Suvi-n
fr-BE Isabelle-n
fr-CA Chantal-s Gabrielle-n Liam-n
fr-FR Celine-s Lea-sng Mathieu-s Remi-ng
hi-IN Aditi-s Kajal-n
is-IS Dora-s Karl-s
it-IT Carla-s Bianca-sng Giorgio-s Adriano-n
ja-JP Mizuki-s Takumi-sn Kazuha-n Tomoko-n
ko-KR Seoyeon-sng Jihye-n
nb-NO Liv-s Ida-n
nl-BE Lisa-n
nl-NL Lotte-s Ruben-s Laura-n
pl-PL Ewa-s Maja-s Jacek-s Jan-s Ola-ng
pt-BR Camila-sng Vitoria-sn Ricardo-s Thiago-n
pt-PT Ines-sn Cristiano-s
ro-RO Carmen-s
ru-RU Tatyana-s Maxim-s
sv-SE Astrid-s Elin-n
tr-TR Filiz-s Burcu-n
zh-CN Zhiyu-sn
"""
"""By language the names of Amazon's voices: standard, neural, generative."""
_SUFFIXES = {"s": "", "n": "-Neural", "g": "-Generative"}
_GOOGLE_TEXT = """
af-ZA ar-XA bg-BG bn-IN ca-ES cs-CZ da-DK de-DE el-GR en-AU en-GB en-IN en-US es-ES es-US eu-ES fi-FI fr-CA
fr-FR gl-ES gu-IN he-IL hi-IN hu-HU id-ID is-IS it-IT ja-JP kn-IN ko-KR lt-LT lv-LV ml-IN mr-IN ms-MY nb-NO
nl-BE nl-NL pa-IN pl-PL pt-BR pt-PT ro-RO ru-RU sk-SK sr-RS sv-SE ta-IN te-IN th-TH tr-TR uk-UA vi-VN
"""
_GOOGLE = frozenset(_GOOGLE_TEXT.split())
_GOOGLE_KIND = re.compile(r"(?:Standard|Wavenet|Neural2|News|Studio|Polyglot)-[A-Z]|Chirp-HD-[A-Z]|Chirp3-HD-[A-Za-z]+")
_BASIC_TEXT = """
ca-ES da-DK de-DE en-AU en-CA en-GB en-IN en-US es-ES es-MX fi-FI fr-CA fr-FR it-IT ja-JP ko-KR nb-NO nl-NL
pl-PL pt-BR pt-PT ru-RU sv-SE zh-CN zh-HK zh-TW
"""
_BASIC = frozenset(_BASIC_TEXT.split())
"""Languages of the voice ``alice``."""
_MAN_AND_WOMAN = frozenset({"de-DE", "en-GB", "en-US", "es-ES", "es-MX", "fr-FR", "it-IT"})


def _parse_polly() -> dict[str, list[str]]:
    voices: dict[str, list[str]] = {}
    for row in _POLLY.split("\n"):
        language, *names = row.split() or [""]
        for name, _, kinds in (text.partition("-") for text in names):
            voices.setdefault(language, []).extend(f"Polly.{name}{_SUFFIXES[kind]}" for kind in kinds)
    return voices


_POLLY_VOICES = _parse_polly()
LANGUAGES = tuple(sorted({*_POLLY_VOICES, *_GOOGLE, *_BASIC}))
"""Languages that can be spoken."""


def can_speak(voice: str, language: str) -> bool:
    """Whether a voice speaks a language."""
    if voice.startswith("Google."):
        kind = voice.removeprefix(f"Google.{language}-")
        return language in _GOOGLE and kind != voice and _GOOGLE_KIND.fullmatch(kind) is not None
    return voice in list_voices(language)


def describe_voices(language: str) -> str:
    """The voices that speak a language, for a client's developer."""
    google = [f"Google.{language}-Standard-A and others of Google's"] if language in _GOOGLE else []
    return ", ".join([*list_voices(language), *google])


def list_voices(language: str) -> list[str]:
    """The voices of a language by name; of Google's there are others."""
    basic = ["man", "woman"] if language in _MAN_AND_WOMAN else []
    return [*_POLLY_VOICES.get(language, ()), *basic, *(["alice"] if language in _BASIC else [])]
