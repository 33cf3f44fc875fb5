"""Reads calendars with Debian's libical (3.0) and their own VTIMEZONEs: python libical.py < JSON.

Shifts of a series last as long as the first (RFC 5545, 3.8.5.3), whatever the clock does meanwhile.
Rules are expanded in wall time: with a zone, libical asks ICU, which knows older rules of its own.
"""

import ctypes
import json
import sys
from collections.abc import Iterator
from ctypes import Structure, c_char_p, c_int, c_long, c_short, c_void_p

WEEKS, YEAR_DAYS = 56, 386
WallTime = tuple[int, ...]
Shift = tuple[int, int]
Changed = dict[tuple[bytes, WallTime], int]


class Time(Structure):
    _fields_ = [
        *((name, c_int) for name in ("year", "month", "day", "hour", "minute", "second", "is_date", "is_daylight")),
        ("zone", c_void_p),
    ]

    def wall_time(self) -> WallTime:
        return self.year, self.month, self.day, self.hour, self.minute, self.second

    def seconds(self) -> int:
        return int(library.icaltime_as_timet_with_zone(self, self.zone))


class Rule(Structure):
    """``struct icalrecurrencetype`` of ical.h."""

    _fields_ = [
        ("frequency", c_int),
        ("until", Time),
        ("count", c_int),
        ("interval", c_short),
        ("week_start", c_int),
        ("by_second", c_short * 62),
        ("by_minute", c_short * 61),
        ("by_hour", c_short * 25),
        ("by_day", c_short * (7 * (WEEKS - 1) + 1)),
        ("by_month_day", c_short * 32),
        ("by_year_day", c_short * YEAR_DAYS),
        ("by_week_number", c_short * WEEKS),
        ("by_month", c_short * 14),
        ("by_set_position", c_short * YEAR_DAYS),
        ("rscale", c_char_p),
        ("skip", c_int),
    ]


library = ctypes.CDLL("libical.so.3")
for name, result, arguments in (
    ("icalparser_parse_string", c_void_p, [c_char_p]),
    ("icalrestriction_check", c_int, [c_void_p]),
    ("icalcomponent_count_errors", c_int, [c_void_p]),
    ("icalcomponent_string_to_kind", c_int, [c_char_p]),
    ("icalcomponent_get_first_component", c_void_p, [c_void_p, c_int]),
    ("icalcomponent_get_next_component", c_void_p, [c_void_p, c_int]),
    ("icalcomponent_get_uid", c_char_p, [c_void_p]),
    ("icalcomponent_get_dtstart", Time, [c_void_p]),
    ("icalcomponent_get_dtend", Time, [c_void_p]),
    ("icalcomponent_get_recurrenceid", Time, [c_void_p]),
    ("icalproperty_string_to_kind", c_int, [c_char_p]),
    ("icalcomponent_get_first_property", c_void_p, [c_void_p, c_int]),
    ("icalcomponent_get_next_property", c_void_p, [c_void_p, c_int]),
    ("icalproperty_get_exdate", Time, [c_void_p]),
    ("icalproperty_get_rrule", Rule, [c_void_p]),
    ("icalrecur_iterator_new", c_void_p, [Rule, Time]),
    ("icalrecur_iterator_next", Time, [c_void_p]),
    ("icalrecur_iterator_free", None, [c_void_p]),
    ("icaltime_convert_to_zone", Time, [Time, c_void_p]),
    ("icaltime_as_timet_with_zone", c_long, [Time, c_void_p]),
):
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments


def iter_children(parent: int, kind_name: bytes, of: str = "component") -> Iterator[int]:
    kind = getattr(library, f"ical{of}_string_to_kind")(kind_name)
    child = getattr(library, f"icalcomponent_get_first_{of}")(parent, kind)
    while child:
        yield child
        child = getattr(library, f"icalcomponent_get_next_{of}")(parent, kind)


def read(text: str, since: int, until: int) -> list[Shift]:
    calendar = library.icalparser_parse_string(text.encode())
    if not library.icalrestriction_check(calendar) or library.icalcomponent_count_errors(calendar):
        sys.exit("libical finds faults in the calendar")
    events = list(iter_children(calendar, b"VEVENT"))
    changed: Changed = {}
    shifts = []
    for event in events:
        recurrence_id = library.icalcomponent_get_recurrenceid(event)
        if recurrence_id.year:
            changed[library.icalcomponent_get_uid(event), recurrence_id.wall_time()] = event
            shifts.append(get_times(event))
    for event in events:
        if not library.icalcomponent_get_recurrenceid(event).year:
            shifts += expand(event, changed, until)
    return [(start, end) for start, end in shifts if start < until and end > since]


def get_times(event: int) -> Shift:
    return library.icalcomponent_get_dtstart(event).seconds(), library.icalcomponent_get_dtend(event).seconds()


def expand(event: int, changed: Changed, until: int) -> list[Shift]:
    start, end = get_times(event)
    rules = [library.icalproperty_get_rrule(item) for item in iter_children(event, b"RRULE", "property")]
    if not rules:
        return [(start, end)]
    first, uid, rule = library.icalcomponent_get_dtstart(event), library.icalcomponent_get_uid(event), rules[0]
    zone, first.zone = first.zone, None
    if rule.until.year:
        rule.until = library.icaltime_convert_to_zone(rule.until, zone)
        rule.until.zone = None
    excluded = {
        library.icalproperty_get_exdate(item).wall_time() for item in iter_children(event, b"EXDATE", "property")
    }
    shifts = []
    iterator = library.icalrecur_iterator_new(rule, first)
    at = library.icalrecur_iterator_next(iterator)
    while at.year and (seconds := library.icaltime_as_timet_with_zone(at, zone)) < until:
        if at.wall_time() not in excluded and (uid, at.wall_time()) not in changed:
            shifts.append((seconds, seconds + end - start))
        at = library.icalrecur_iterator_next(iterator)
    library.icalrecur_iterator_free(iterator)
    return shifts


if __name__ == "__main__":
    request = json.load(sys.stdin)
    print(json.dumps({name: read(text, *request["window"]) for name, text in request["calendars"].items()}))
