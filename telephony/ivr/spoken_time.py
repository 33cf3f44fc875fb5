"""Times as they are spoken to callers: "tomorrow at nine AM". Pure.

All numbers are words, so that every voice says them alike. English and Spanish have the hours of a
clock face, German those of the day.
"""

from datetime import date, datetime, timedelta

from staffing.recurrence import wall_clock
from telephony.ivr.number_words import to_day_of_month, to_number

AS_SOON_AS_POSSIBLE = {"en": "as soon as possible", "de": "so bald wie möglich", "es": "lo antes posible"}
"""What is said in place of a time that is not known, or that has come."""
_DAYS = {"en": ("today", "tomorrow"), "de": ("heute", "morgen"), "es": ("hoy", "mañana")}
_WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "es": ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
}
_MONTH_TEXTS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
}
_MONTHS = {language: text.split() for language, text in _MONTH_TEXTS.items()}
_SEASONS = {
    "en": (" daylight saving time", " standard time"),
    "de": (" Sommerzeit", " Winterzeit"),
    "es": (", horario de verano", ", horario de invierno"),
}
"""What tells apart the two times that a clock shows in the hour that occurs twice."""


def say_when(moment: datetime | None, at: datetime, *, zone: str, language: str) -> str:
    """A moment as it is said at ``at``, in the wall time of a zone and a language such as en-US.

    Nothing if there is no translation. A moment that is not known, or that has come, is as soon as
    possible. Seconds are rounded up.
    """
    if language[:2] not in AS_SOON_AS_POSSIBLE:
        return ""
    if moment is None or moment <= at:
        return AS_SOON_AS_POSSIBLE[language[:2]]
    moment += timedelta(seconds=-moment.second % 60, microseconds=-moment.microsecond)
    local, today = wall_clock.to_zoned_time(moment, zone), wall_clock.to_wall_time(at, zone).date()
    if (local.hour, local.minute) == (0, 0) and language[:2] in _MIDNIGHTS:
        return _MIDNIGHTS[language[:2]](local.date(), today, language)
    day = _say_day(local.date(), today, language)
    return f"{day} {_TIMES[language[:2]](local.hour, local.minute, language)}{_say_season(local, language)}"


def _say_day(day: date, today: date, language: str) -> str:
    """Within a week the weekday is enough; later, and on the same weekday, there is the date."""
    days_ahead = (day - today).days
    if days_ahead in (0, 1):
        return _DAYS[language[:2]][days_ahead]
    weekday, month = _WEEKDAYS[language[:2]][day.weekday()], _MONTHS[language[:2]][day.month - 1]
    is_near = 0 < days_ahead < 7
    month = "Jänner" if language == "de-AT" and day.month == 1 else month
    number = "uno" if language == "es-ES" and day.day == 1 else to_day_of_month(day.day, language[:2])
    if language.startswith("de"):
        return f"am {weekday}" if is_near else f"am {weekday}, dem {number} {month},"
    if language.startswith("es"):
        return f"el {weekday}" if is_near else f"el {weekday} {number} de {month}"
    if is_near:
        return f"on {weekday}"
    return f"on {weekday}, {month} {number}," if language == "en-US" else f"on {weekday} the {number} of {month}"


def _say_english_midnight(day: date, today: date, language: str) -> str:
    """Midnight belongs to the night before it, as "Monday at midnight" may mean either."""
    evening = day - timedelta(days=1)
    if evening <= today:
        return "tonight at midnight"
    night = _say_day(evening, today, language)
    return f"{night} night at midnight" if (evening - today).days < 7 else f"{night} at midnight that night"


def _say_english_time(hour: int, minute: int, language: str) -> str:
    if (hour, minute) == (12, 0):
        return "at noon"
    words = to_number(hour % 12 or 12, "en")
    if minute:
        words += f" oh {to_number(minute, 'en')}" if minute < 10 else f" {to_number(minute, 'en')}"
    return f"at {words} {'AM' if hour < 12 else 'PM'}"


def _say_german_time(hour: int, minute: int, language: str) -> str:
    words = "ein" if hour == 1 else to_number(hour, "de")
    return f"um {words} Uhr" + (f" {to_number(minute, 'de')}" if minute else "")


def _say_spanish_midnight(day: date, today: date, language: str) -> str:
    """Midnight is between two days, as "el lunes a medianoche" may mean either."""
    evening = day - timedelta(days=1)
    if evening <= today:
        return "esta noche a medianoche"
    if (evening - today).days == 1:
        return f"mañana {'por' if language == 'es-ES' else 'en'} la noche, a medianoche"
    first, second = (_say_day(part, today, language).removeprefix("el ") for part in (evening, day))
    return f"en la noche del {first} al {second}, a medianoche"


def _say_spanish_time(hour: int, minute: int, language: str) -> str:
    """In Spain the last quarter is that before the next hour."""
    if (hour, minute) == (12, 0):
        return "a las doce del mediodía"
    is_quarter_to = minute == 45 and language == "es-ES"
    said_hour = hour + is_quarter_to
    words = "una" if said_hour % 12 == 1 else to_number(said_hour % 12 or 12, "es")
    article = "la" if said_hour % 12 == 1 else "las"
    minutes = {0: "", 15: " y cuarto", 30: " y media"}.get(minute, f" y {to_number(minute, 'es')}")
    part = _say_part_of_day(hour if said_hour == 12 else said_hour, language)
    return f"a {article} {words}{' menos cuarto' if is_quarter_to else minutes} {part}"


def _say_part_of_day(hour: int, language: str) -> str:
    """In Spain the afternoon is longer than in America."""
    if hour < 6:
        return "de la madrugada"
    if hour < 12:
        return "de la mañana"
    return "de la tarde" if hour < (21 if language == "es-ES" else 19) else "de la noche"


_TIMES = {"en": _say_english_time, "de": _say_german_time, "es": _say_spanish_time}
_MIDNIGHTS = {"en": _say_english_midnight, "es": _say_spanish_midnight}
"""In German, midnight is null Uhr of the day that begins."""


def _say_season(local: datetime, language: str) -> str:
    """Which of two is meant, if the clock shows this time twice on this day."""
    first, second = (local.replace(fold=fold).utcoffset() for fold in (0, 1))
    if first is None or second is None or first <= second:
        return ""
    return _SEASONS[language[:2]][local.fold]
