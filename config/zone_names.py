"""Names of time zones: which there are, what clients call them, and the country of each. Pure.

One database tells all of it, the locked ``tzdata``, never the machine. Names of Windows are from
CLDR, by way of ``tzlocal``. A canonical name is a row of ``zone.tab``: one place in one country.
Links, which browsers and older systems send (`US/Eastern`), stand for the place that they name.
"""

from datetime import datetime, timedelta
from functools import cache, lru_cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from tzlocal.windows_tz import win_tz

from config import errors

UNKNOWN_TIME_ZONE = errors.define_field_code("unknown_time_zone", "Not the name of an IANA time zone.")
TIME_ZONE_WITHOUT_PLACE = errors.define_field_code(
    "time_zone_without_place", "The time zone is not that of a place, such as UTC; a location needs one."
)
UTC_NAME = "UTC"
MAX_LENGTH = 64
"""Characters of a name; longer texts are not looked at."""
_ABBREVIATIONS = frozenset(
    {"EST", "MST", "HST", "CET", "MET", "EET", "WET", "EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT"}
)
"""Times that several countries keep. The database links them to a place of one of the countries."""
_FILE_NAMES = frozenset({"Factory", "localtime", "posixrules"})
_FILE_PREFIXES = ("posix/", "right/")
"""What machines keep beside the zones."""
_PLACES_OF_LINKS = {
    "Africa/Asmera": "Africa/Asmara",
    "Africa/Timbuktu": "Africa/Bamako",
    "America/Coral_Harbour": "America/Atikokan",
    "America/Virgin": "America/St_Thomas",
    "Antarctica/South_Pole": "Antarctica/McMurdo",
    "Atlantic/Jan_Mayen": "Arctic/Longyearbyen",
    "Iceland": "Atlantic/Reykjavik",
    "Pacific/Ponape": "Pacific/Pohnpei",
    "Pacific/Truk": "Pacific/Chuuk",
    "Pacific/Yap": "Pacific/Chuuk",
}
"""Links to a zone of another country with the same clock: the place of the same country. Only
comments of the database's ``backward`` and ``backzone`` tell it, which ``tzdata`` leaves out."""
_PROPOSALS = {
    -11: "Pacific/Pago_Pago",
    -10: "Pacific/Honolulu",
    -9: "America/Anchorage",
    -8: "America/Los_Angeles",
    -7: "America/Denver or America/Phoenix",
    -6: "America/Chicago or America/Mexico_City",
    -5: "America/New_York or America/Toronto",
    -4: "America/Halifax",
    -3: "America/Sao_Paulo",
    -2: "America/Noronha",
    -1: "Atlantic/Azores",
    0: "Europe/London or Europe/Lisbon",
    1: "Europe/Berlin or Europe/Paris",
    2: "Europe/Athens or Africa/Johannesburg",
    3: "Europe/Istanbul",
    4: "Asia/Dubai",
    5: "Asia/Karachi",
    6: "Asia/Dhaka",
    7: "Asia/Bangkok",
    8: "Asia/Singapore",
    9: "Asia/Tokyo",
    10: "Australia/Sydney",
    11: "Pacific/Noumea",
    12: "Pacific/Auckland",
    13: "Pacific/Apia",
    14: "Pacific/Kiritimati",
}
"""Places by the hours that their standard time is ahead of UTC."""
PLACES_OF_ABBREVIATIONS = {
    "ACDT": ["Australia/Adelaide"],
    "ACST": ["Australia/Adelaide", "Australia/Darwin"],
    "ADT": ["America/Halifax"],
    "AEDT": ["Australia/Sydney", "Australia/Melbourne"],
    "AEST": ["Australia/Sydney", "Australia/Brisbane"],
    "AKDT": ["America/Anchorage"],
    "AKST": ["America/Anchorage"],
    "AST": ["America/Halifax", "America/Puerto_Rico"],
    "AWST": ["Australia/Perth"],
    "BST": ["Europe/London"],
    "CAT": ["Africa/Harare", "Africa/Maputo"],
    "CDT": ["America/Chicago"],
    "CEST": ["Europe/Berlin", "Europe/Paris"],
    "CST": ["America/Chicago", "America/Mexico_City", "Asia/Shanghai"],
    "EAT": ["Africa/Nairobi"],
    "EDT": ["America/New_York", "America/Toronto"],
    "EEST": ["Europe/Athens", "Europe/Helsinki"],
    "HDT": ["America/Adak"],
    "HKT": ["Asia/Hong_Kong"],
    "IDT": ["Asia/Jerusalem"],
    "IST": ["Asia/Kolkata", "Europe/Dublin", "Asia/Jerusalem"],
    "JST": ["Asia/Tokyo"],
    "KST": ["Asia/Seoul"],
    "MDT": ["America/Denver"],
    "MSK": ["Europe/Moscow"],
    "NDT": ["America/St_Johns"],
    "NST": ["America/St_Johns"],
    "NZDT": ["Pacific/Auckland"],
    "NZST": ["Pacific/Auckland"],
    "PDT": ["America/Los_Angeles", "America/Tijuana"],
    "PKT": ["Asia/Karachi"],
    "PST": ["America/Los_Angeles", "America/Tijuana", "Asia/Manila"],
    "SAST": ["Africa/Johannesburg"],
    "SST": ["Pacific/Pago_Pago"],
    "WAT": ["Africa/Lagos"],
    "WEST": ["Europe/Lisbon"],
    "WIB": ["Asia/Jakarta"],
    "WIT": ["Asia/Jayapura"],
    "WITA": ["Asia/Makassar"],
}
"""Places whose clocks show an abbreviation that is not the name of a zone."""
_MAX_ABBREVIATION_LENGTH = 5


def find_canonical_name(text: str) -> str | None:
    """The canonical name of what a client calls a time zone; None if there is none.

    Takes IANA names and those of Windows, in any case, with blanks for underscores. Of a zone that
    is not a place it is the name itself, of every name of UTC `UTC_NAME`.
    """
    return _names_by_folded().get(_fold(text)) if len(text) <= MAX_LENGTH else None


def complete_city(text: str) -> str:
    """The name of the zone whose city a text names, in whole or in part; else the text itself.

    ``Chicago`` is America/Chicago, ``vancou`` America/Vancouver; ``san`` fits several, so stays.
    """
    part = _fold(text) if len(text) <= MAX_LENGTH else ""
    if not part or find_canonical_name(text):
        return text
    cities = {name: _fold(name.rpartition("/")[2]) for name in list_places()}
    for fits in (str.__eq__, str.startswith, str.__contains__):
        places = [name for name, city in cities.items() if fits(city, part)]
        if places:
            return places[0] if len(places) == 1 else text
    return text


def parse_name(text: str, *, pointer: str) -> str:
    """The canonical name of a zone. Raises `errors.InvalidRequest` (`UNKNOWN_TIME_ZONE`)."""
    name = find_canonical_name(text)
    if name is None:
        raise _invalid(pointer, UNKNOWN_TIME_ZONE, describe_unknown(text))
    return name


def parse_place(text: str, *, pointer: str) -> str:
    """The canonical name of the zone of a place.

    Raises `errors.InvalidRequest` (`UNKNOWN_TIME_ZONE`, `TIME_ZONE_WITHOUT_PLACE`).
    """
    name = parse_name(text, pointer=pointer)
    if country_of_zone(name) is None:
        proposal = _propose_places(name)
        detail = f"`{name}` is not the time zone of a place; send that of the location, such as {proposal}."
        raise _invalid(pointer, TIME_ZONE_WITHOUT_PLACE, detail)
    return name


def describe_unknown(text: str) -> str:
    """The sentence about a name that stands for no zone, with the one that may be meant."""
    sentence = "Must be an IANA time zone, such as Europe/Berlin"
    text = text.strip() if len(text) <= MAX_LENGTH else ""
    for prefix in _FILE_PREFIXES:
        if text.casefold().startswith(prefix) and (name := find_canonical_name(text[len(prefix) :])):
            return f"{sentence}; did you mean `{name}`?"
    if places := PLACES_OF_ABBREVIATIONS.get(text.upper()):
        return f"{sentence}; did you mean {' or '.join(f'`{place}`' for place in places)}?"
    if text.isupper() and len(text) <= _MAX_ABBREVIATION_LENGTH:
        return f"{sentence}."  # of abbreviations, similar ones are hours away
    return sentence + errors.did_you_mean("_".join(text.split()), list_names())


@lru_cache(maxsize=2_048)
def recover_name(stored: str) -> str | None:
    """The canonical name of a stored one, which may be older than these rules."""
    for prefix in _FILE_PREFIXES:
        stored = stored.removeprefix(prefix)
    return find_canonical_name(stored)


def country_of_zone(name: str) -> str | None:
    """The country (ISO 3166, two letters) of a zone by any of its names; None if it is no place."""
    return _countries().get(find_canonical_name(name) or "")


@cache
def list_names() -> frozenset[str]:
    """Every IANA name of a zone, links included."""
    zones, links = _read_zones_and_links()
    return frozenset({*zones, *links} - _FILE_NAMES)


@cache
def list_places() -> tuple[str, ...]:
    """The canonical names of the zones of places, sorted: what people choose from."""
    return tuple(sorted(_countries()))


@cache
def country_names() -> dict[str, str]:
    """The English names of countries by code (ISO 3166, two letters), by name."""
    rows = (line.split("\t") for line in _read("iso3166.tab").splitlines() if not line.startswith("#"))
    return {row[0]: row[1] for row in sorted(rows, key=lambda row: row[1])}


def _invalid(pointer: str, code: str, detail: str) -> errors.InvalidRequest:
    return errors.InvalidRequest(detail, field_errors=[errors.FieldError(pointer, code, detail)])


@lru_cache(maxsize=64)
def _propose_places(zone: str) -> str:
    """Places of the same standard time, for a sentence."""
    zone_info = ZoneInfo(zone)
    offsets = {datetime(2000, month, 1, tzinfo=zone_info).utcoffset() or timedelta() for month in (1, 7)}
    return _PROPOSALS.get(min(offsets) // timedelta(hours=1), "America/New_York")


@cache
def _names_by_folded() -> dict[str, str]:
    names = {_fold(name): _resolve_link(name) for name in list_names()}
    return {**{_fold(windows): names[_fold(name)] for windows, name in win_tz.items()}, **names}


def _fold(text: str) -> str:
    return " ".join(text.replace("_", " ").casefold().split()).replace(" / ", "/")


def _resolve_link(name: str) -> str:
    """The canonical name of an IANA name."""
    _, links = _read_zones_and_links()
    if name in _countries() or name in _ABBREVIATIONS:
        return name
    if name in _PLACES_OF_LINKS:
        return _PLACES_OF_LINKS[name]
    target = links.get(name, name)
    if target != name:
        return _resolve_link(target)
    return UTC_NAME if name == "Etc/UTC" else name


@cache
def _countries() -> dict[str, str]:
    """The country by canonical name."""
    rows = (line.split("\t") for line in _read("zone.tab").splitlines() if not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


@cache
def _read_zones_and_links() -> tuple[frozenset[str], dict[str, str]]:
    """The names of zones, and the target of each link."""
    lines = [line.split() for line in _read("tzdata.zi").splitlines() if line.startswith(("Z ", "L "))]
    zones = frozenset(words[1] for words in lines if words[0] == "Z")
    return zones, {words[2]: words[1] for words in lines if words[0] == "L"}


def _read(name: str) -> str:
    return files("tzdata").joinpath("zoneinfo", name).read_text(encoding="utf-8")
