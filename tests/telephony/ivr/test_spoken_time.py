"""Times as they are spoken to callers."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staffing.recurrence.wall_clock import to_instant
from telephony.ivr import spoken_time
from telephony.ivr.number_words import to_day_of_month, to_number

ZONE_BY_LANGUAGE = {"en-US": "America/New_York", "en-GB": "Europe/London", "de-DE": "Europe/Berlin"}
EVENING = "2027-06-02T22:00"  # a Wednesday


def say(language: str, moment: str, at: str = EVENING) -> str:
    zone = ZONE_BY_LANGUAGE.get(language, "Europe/Madrid")
    instants = [to_instant(datetime.fromisoformat(text), zone) for text in (moment, at)]
    return spoken_time.say_when(*instants, zone=zone, language=language)


TIMES = """
2027-06-03T09:00 | tomorrow at nine AM | morgen um neun Uhr | mañana a las nueve de la mañana
2027-06-02T22:30 | today at ten thirty PM | heute um zweiundzwanzig Uhr dreißig | hoy a las diez y media de la noche
2027-06-03T01:05 | tomorrow at one oh five AM | morgen um ein Uhr fünf | mañana a la una y cinco de la madrugada
2027-06-03T12:00 | tomorrow at noon | morgen um zwölf Uhr | mañana a las doce del mediodía
2027-06-03T12:01 | tomorrow at twelve oh one PM | morgen um zwölf Uhr eins | mañana a las doce y uno de la tarde
2027-06-03T00:00 | tonight at midnight | morgen um null Uhr | esta noche a medianoche
2027-06-03T00:30
 | tomorrow at twelve thirty AM
 | morgen um null Uhr dreißig
 | mañana a las doce y media de la madrugada
2027-06-04T21:00 | on Friday at nine PM | am Freitag um einundzwanzig Uhr | el viernes a las nueve de la noche
2027-06-06T00:00
 | on Saturday night at midnight
 | am Sonntag um null Uhr
 | en la noche del sábado al domingo, a medianoche
2027-06-08T11:15
 | on Tuesday at eleven fifteen AM
 | am Dienstag um elf Uhr fünfzehn
 | el martes a las once y cuarto de la mañana
2027-06-02T22:00 | as soon as possible | so bald wie möglich | lo antes posible
2027-06-09T09:00
 | on Wednesday, June ninth, at nine AM
 | am Mittwoch, dem neunten Juni, um neun Uhr
 | el miércoles nueve de junio a las nueve de la mañana
2027-07-01T14:41
 | on Thursday, July first, at two forty-one PM
 | am Donnerstag, dem ersten Juli, um vierzehn Uhr einundvierzig
 | el jueves uno de julio a las dos y cuarenta y uno de la tarde
2027-07-01T00:00
 | on Wednesday, June thirtieth, at midnight that night
 | am Donnerstag, dem ersten Juli, um null Uhr
 | en la noche del miércoles treinta de junio al jueves uno de julio, a medianoche
""".replace("\n |", " |")


@pytest.mark.parametrize("line", TIMES.strip().splitlines())
def test_times_in_three_languages(line: str) -> None:
    moment, *expected = line.split(" | ")
    assert [say(language, moment) for language in ("en-US", "de-DE", "es-ES")] == expected


def test_other_locales_and_unknown_times() -> None:
    assert say("en-GB", "2027-06-09T09:00") == "on Wednesday the ninth of June at nine AM"
    assert say("de-AT", "2027-06-03T09:00") == "morgen um neun Uhr"
    assert say("de-AT", "2028-01-05T09:00") == "am Mittwoch, dem fünften Jänner, um neun Uhr"
    assert say("fr-FR", "2027-06-03T09:00") == ""
    at = to_instant(datetime.fromisoformat(EVENING), "Europe/Berlin")
    assert spoken_time.say_when(None, at, zone="Europe/Berlin", language="de-DE") == "so bald wie möglich"
    soon = at + timedelta(minutes=29, seconds=1)
    assert spoken_time.say_when(soon, at, zone="Europe/Berlin", language="en-GB") == "today at ten thirty PM"


@pytest.mark.parametrize(
    ("moment", "in_spain", "in_mexico"),
    [
        ("08T05:45", "a las seis menos cuarto de la mañana", "a las cinco y cuarenta y cinco de la madrugada"),
        ("08T11:45", "a las doce menos cuarto de la mañana", "a las once y cuarenta y cinco de la mañana"),
        ("08T12:45", "a la una menos cuarto de la tarde", "a las doce y cuarenta y cinco de la tarde"),
        ("08T19:00", "a las siete de la tarde", "a las siete de la noche"),
        ("08T23:45", "a las doce menos cuarto de la noche", "a las once y cuarenta y cinco de la noche"),
    ],
)
def test_spanish_of_two_continents(moment: str, in_spain: str, in_mexico: str) -> None:
    assert say("es-ES", f"2027-06-{moment}") == f"el martes {in_spain}"
    assert say("es-MX", f"2027-06-{moment}") == f"el martes {in_mexico}"
    assert say("es-ES", "2027-06-04T00:00") == "mañana por la noche, a medianoche"
    assert say("es-MX", "2027-07-01T09:00") == "el jueves primero de julio a las nueve de la mañana"


@pytest.mark.parametrize(
    ("language", "moment", "at", "expected"),
    [
        ("en-US", "2027-03-14T09:00", "2027-03-13T22:00", "tomorrow at nine AM"),
        ("en-US", "2027-03-14T03:00", "2027-03-14T01:59", "today at three AM"),
        ("en-US", "2027-11-07T09:00", "2027-11-06T22:00", "tomorrow at nine AM"),
        ("en-US", "2027-11-07T01:30", "2027-11-06T22:00", "tomorrow at one thirty AM daylight saving time"),
        ("de-DE", "2027-03-28T09:00", "2027-03-27T22:00", "morgen um neun Uhr"),
        ("de-DE", "2027-10-31T02:30", "2027-10-31T00:30", "heute um zwei Uhr dreißig Sommerzeit"),
        ("es-ES", "2027-10-31T09:00", "2027-10-30T22:00", "mañana a las nueve de la mañana"),
    ],
)
def test_clock_changes(language: str, moment: str, at: str, expected: str) -> None:
    assert say(language, moment, at) == expected


def test_the_second_of_two_equal_times_sounds_different() -> None:
    at = to_instant(datetime.fromisoformat("2027-10-31T01:00"), "Europe/Berlin")
    moment = to_instant(datetime.fromisoformat("2027-10-31T02:30"), "Europe/Berlin") + timedelta(hours=1)
    assert spoken_time.say_when(moment, at, zone="Europe/Berlin", language="de-DE").endswith("dreißig Winterzeit")


@settings(max_examples=30, deadline=None)
@given(
    day=st.integers(0, 364),
    minute=st.integers(0, 1439),
    language=st.sampled_from(["en-US", "en-GB", "de-AT", "es-ES", "es-MX"]),
)
def test_no_two_moments_of_the_next_month_sound_alike(day: int, minute: int, language: str) -> None:
    at = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(days=day, minutes=minute)
    moments = [at + timedelta(minutes=127 * number) for number in range(1, 351)]
    texts = {spoken_time.say_when(moment, at, zone="Europe/Berlin", language=language) for moment in moments}
    assert len(texts) == len(moments)


def test_numbers_are_spelled_as_people_write_them() -> None:
    assert [to_number(number, "de") for number in (21, 30, 55)] == ["einundzwanzig", "dreißig", "fünfundfünfzig"]
    assert [to_number(number, "es") for number in (21, 31, 50)] == ["veintiuno", "treinta y uno", "cincuenta"]
    assert [to_number(number, "en") for number in (21, 30, 59)] == ["twenty-one", "thirty", "fifty-nine"]
    days = (1, 2, 3, 12, 20, 21, 22, 31)
    assert [to_day_of_month(day, "en") for day in days] == (
        ["first", "second", "third", "twelfth", "twentieth", "twenty-first", "twenty-second", "thirty-first"]
    )
    assert [to_day_of_month(day, "de") for day in (2, 7, 16, 20, 31)] == (
        ["zweiten", "siebten", "sechzehnten", "zwanzigsten", "einunddreißigsten"]
    )
