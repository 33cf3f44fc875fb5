"""What a user hears about the caller whom they call back. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from telephony.ivr.phrases import get_phrase

DIGITS = 4
"""Of the caller's number, which are said one by one."""


def announce(caller: str, called_at: datetime, at: datetime, *, zone: str, language: str) -> str:
    """Whom the user calls back, and when they called: in the wall time of a zone.

    In English if there is no translation into a language such as ``de-AT``.
    """
    local_time, today = called_at.astimezone(ZoneInfo(zone)), at.astimezone(ZoneInfo(zone)).date()
    days = max(0, (today - local_time.date()).days)
    phrase = ("called_today", "called_yesterday")[days] if days < 2 else "called_days_ago"
    when = get_phrase(phrase, language).format(days=days, time=_say_time(local_time, language[:2]))
    return get_phrase("call_back_to", language).format(digits=" ".join(caller[-DIGITS:]), when=when)


def _say_time(local_time: datetime, language: str) -> str:
    minute = f"{local_time.minute:02}"
    if language == "de":
        return f"um {local_time.hour}:{minute} Uhr"
    if language == "es":
        return f"a {'la' if local_time.hour == 1 else 'las'} {local_time.hour}:{minute}"
    return f"at {local_time.hour % 12 or 12}:{minute} {'AM' if local_time.hour < 12 else 'PM'}"
