"""`config.zone_names`: what a time zone may be called, and the country of each."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from tzlocal.windows_tz import win_tz

from config import errors, zone_names

ZONE_TABLE = files("tzdata").joinpath("zoneinfo/zone.tab").read_text(encoding="utf-8")
COUNTRIES = {row.split("\t")[2]: row.split("\t")[0] for row in ZONE_TABLE.splitlines() if not row.startswith("#")}
LINKS = [
    line.split()[1:3]
    for line in files("tzdata").joinpath("zoneinfo/tzdata.zi").read_text(encoding="utf-8").splitlines()
    if line.startswith("L ")
]
COUNTRIES_OF_SHARED_LINKS = {
    "Africa/Asmera": "ER",
    "Africa/Timbuktu": "ML",
    "America/Virgin": "VI",
    "Antarctica/South_Pole": "AQ",
    "Atlantic/Jan_Mayen": "SJ",
    "Iceland": "IS",
    "Pacific/Ponape": "FM",
    "Pacific/Truk": "FM",
    "Pacific/Yap": "FM",
    "Pacific/Samoa": "AS",
    "US/Samoa": "AS",
    "US/Arizona": "US",
    "NZ": "NZ",
    "Singapore": "SG",
    "Asia/Rangoon": "MM",
    **dict.fromkeys(("America/Montreal", "America/Nipigon", "America/Thunder_Bay", "Canada/Eastern"), "CA"),
    **dict.fromkeys(("Europe/Belfast", "GB", "GB-Eire"), "GB"),
    **dict.fromkeys(("CET", "MET", "EST", "MST")),
    "America/Coral_Harbour": "CA",
}


@pytest.mark.parametrize(
    ("text", "name", "country"),
    [
        ("US/Eastern", "America/New_York", "US"),
        ("America/Indianapolis", "America/Indiana/Indianapolis", "US"),
        ("Asia/Calcutta", "Asia/Kolkata", "IN"),
        ("america/new york", "America/New_York", "US"),
        ("  AMERICA / NEW_YORK ", "America/New_York", "US"),
        ("Eastern Standard Time", "America/New_York", "US"),
        ("w. europe  standard time", "Europe/Berlin", "DE"),
        ("Europe/Oslo", "Europe/Oslo", "NO"),
        ("Iceland", "Atlantic/Reykjavik", "IS"),
        ("Pacific/Truk", "Pacific/Chuuk", "FM"),
        ("America/Virgin", "America/St_Thomas", "VI"),
        ("Africa/Timbuktu", "Africa/Bamako", "ML"),
        ("GB", "Europe/London", "GB"),
        ("Zulu", "UTC", None),
        ("Etc/UTC", "UTC", None),
        ("Etc/GMT+5", "Etc/GMT+5", None),
        ("EST", "EST", None),
        ("Factory", None, None),
        ("localtime", None, None),
        ("posix/America/New_York", None, None),
        ("Mars/Olympus", None, None),
        ("x" * 100_000, None, None),
        ("", None, None),
    ],
)
def test_names_resolve_to_canonical_ones_and_their_country(text: str, name: str | None, country: str | None) -> None:
    assert zone_names.find_canonical_name(text) == name
    assert zone_names.country_of_zone(text) == country


def test_links_to_a_zone_of_several_countries_stay_in_theirs() -> None:
    """The database does not tell the country of these; whoever upgrades it looks up new ones."""
    shared_zones = {target for target, name in LINKS if name in COUNTRIES}
    names = [name for target, name in LINKS if target in shared_zones and name not in COUNTRIES]

    assert {name: zone_names.country_of_zone(name) for name in names} == COUNTRIES_OF_SHARED_LINKS


def test_a_name_has_the_clock_of_its_canonical_name() -> None:
    for name in zone_names.list_names():
        canonical = zone_names.find_canonical_name(name)
        assert canonical, name
        for at in (datetime(2027, 1, 15, tzinfo=UTC), datetime(2027, 7, 15, tzinfo=UTC)):
            offsets = {at.astimezone(ZoneInfo(zone)).utcoffset() for zone in (name, canonical)}
            assert len(offsets) == 1, name
        assert zone_names.find_canonical_name(canonical) == canonical


def test_names_of_windows_are_zones_with_or_without_a_place() -> None:
    without_place = {windows for windows in win_tz if zone_names.country_of_zone(windows) is None}
    assert all(zone_names.find_canonical_name(windows) for windows in win_tz)
    assert all(name.startswith("UTC") for name in without_place - {"Dateline Standard Time"})


@pytest.mark.parametrize(
    ("text", "code", "proposal"),
    [
        ("EST", zone_names.TIME_ZONE_WITHOUT_PLACE, "America/New_York"),
        ("MST", zone_names.TIME_ZONE_WITHOUT_PLACE, "America/Denver"),
        ("CET", zone_names.TIME_ZONE_WITHOUT_PLACE, "Europe/Berlin"),
        ("EST5EDT", zone_names.TIME_ZONE_WITHOUT_PLACE, "America/New_York"),
        ("UTC", zone_names.TIME_ZONE_WITHOUT_PLACE, "Europe/London"),
        ("Etc/GMT-9", zone_names.TIME_ZONE_WITHOUT_PLACE, "Asia/Tokyo"),
        ("Etc/GMT+12", zone_names.TIME_ZONE_WITHOUT_PLACE, "America/New_York"),
        ("Factory", zone_names.UNKNOWN_TIME_ZONE, "Europe/Berlin"),
        ("posix/US/Eastern", zone_names.UNKNOWN_TIME_ZONE, "`America/New_York`"),
        ("New York", zone_names.UNKNOWN_TIME_ZONE, "`America/New_York`"),
    ],
)
def test_zones_that_are_no_places_are_refused_with_a_proposal(text: str, code: str, proposal: str) -> None:
    with pytest.raises(errors.InvalidRequest) as refusal:
        zone_names.parse_place(text, pointer="/timeZone")

    [field_error] = refusal.value.field_errors
    assert (field_error.pointer, field_error.code) == ("/timeZone", code)
    assert proposal in field_error.detail


def test_proposed_places_have_the_standard_time_of_what_was_sent() -> None:
    for hours in range(-11, 15):
        with pytest.raises(errors.InvalidRequest) as refusal:
            zone_names.parse_place(f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT", pointer="/timeZone")
        sentence = refusal.value.detail.rpartition("such as ")[2].rstrip(".")
        for proposal in sentence.split(" or "):
            zone_info = ZoneInfo(proposal)
            offsets = {datetime(2027, month, 15, tzinfo=zone_info).utcoffset() for month in (1, 7)}
            assert timedelta(hours=hours) in offsets, proposal


def test_stored_names_are_recovered() -> None:
    assert zone_names.recover_name("posix/America/New_York") == "America/New_York"
    assert zone_names.recover_name("US/Eastern") == "America/New_York"
    assert zone_names.recover_name("localtime") is None
