"""Dates and times as people write them: one meaning, or a refusal."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from staffing.rota_import import zones
from staffing.rota_import.times import Moment, parse_moment

DAY = date(2027, 1, 4)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    [
        *("2027-01-04", "20270104", "2027/1/4", "4.1.2027", "04.01.27", "4. 1. 2027", "Mo, 04.01.2027"),
        *("4 Jan 2027", "4-Jan-27", "Jan 4, 2027", "January 4th, 2027", "Mon 4 Jan 2027", "4. Januar 2027"),
        *("Montag, 4. Januar 2027", "4 de enero de 2027", "lunes, 4 de enero de 2027", "4 ene 2027"),
    ],
)
def test_dates_of_several_countries(text: str) -> None:
    assert parse_moment(text) == Moment(DAY, None)
    assert parse_moment(f"{text} 9:00") == parse_moment(f"{text}, 9:00 am") == Moment(DAY, 9 * HOUR)


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        *(("9:00", 9), ("09:00:00", 9), ("9am", 9), ("9 a.m.", 9), ("9.30", 9.5), ("9h30", 9.5), ("9 Uhr", 9)),
        *(("12:00 am", 0), ("12 PM", 12), ("9:30 p.m.", 21.5), ("24:00", 24), ("0:00", 0), ("17:00 Uhr", 17)),
    ],
)
def test_times_of_day(text: str, hours: float) -> None:
    assert parse_moment(text) == Moment(None, hours * HOUR)


def test_a_date_that_could_be_two_days_is_refused_unless_the_order_is_said() -> None:
    for text in ("1/4/2027", "1-4-2027", "01/04/27 9:00"):
        with pytest.raises(ValueError, match="could be two days"):
            parse_moment(text)
    assert parse_moment("1/4/2027", "dmy").day == date(2027, 4, 1)
    assert parse_moment("1/4/2027", "mdy").day == DAY
    assert parse_moment("13/1/2027").day == parse_moment("1/13/2027").day == date(2027, 1, 13)
    assert parse_moment("5/5/2027").day == date(2027, 5, 5)
    with pytest.raises(ValueError, match="There is no day"):
        parse_moment("13/1/2027", "mdy")


@pytest.mark.parametrize("text", ["Tue 4 Jan 2027", "Di, 04.01.2027", "martes, 4 de enero de 2027", "Sun 2027-01-04"])
def test_a_weekday_that_is_not_that_of_the_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="4 January 2027 is a Monday"):
        parse_moment(text)


@pytest.mark.parametrize("day", ["1899-12-30", "1900-01-00", "30.12.1899", "12/30/1899", "1904-01-01", "1/0/1900"])
def test_a_time_cell_of_a_spreadsheet_has_no_day(day: str) -> None:
    assert parse_moment(f"{day} 09:00:00") == Moment(None, 9 * HOUR)


def test_marz_and_martes_are_not_confused() -> None:
    assert parse_moment("2. März 2027").day == parse_moment("martes 2 marzo 2027").day == date(2027, 3, 2)


def test_a_date_time_with_an_offset() -> None:
    eastern = timezone(timedelta(hours=-5))
    assert parse_moment("2027-01-04T09:00:00-05:00") == Moment(DAY, 9 * HOUR, eastern)
    assert parse_moment("2027-01-04 09:00Z") == Moment(DAY, 9 * HOUR, UTC)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "9",
            "0900",
            "46391",
            "46391.375",
            "25:00",
            "9:60",
            "13 pm",
            "9:00:30",
            "31.02.2027",
            "4 Foo 2027",
            "1899-12-30",
            "1969-12-31",
            "2200-01-01",
        ),
        *("tomorrow", "2027-13-01", "2027-01-04T09:00+99:00", "x" * 5_000, "9:00 to 17:00", "٤:٣٠", "-"),
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_moment(text)


@settings(max_examples=100, deadline=None)
@given(st.datetimes(datetime(1971, 1, 1), datetime(2149, 1, 1)))
def test_what_programs_write_is_read_back(moment: datetime) -> None:
    moment = moment.replace(second=0, microsecond=0)
    expected = Moment(moment.date(), timedelta(hours=moment.hour, minutes=moment.minute))
    for text in (moment.isoformat(), str(moment), f"{moment:%d.%m.%Y %H:%M}", f"{moment:%d %b %Y %I:%M %p}"):
        assert parse_moment(text) == expected, text
    assert parse_moment(f"{moment:%m/%d/%Y %I:%M %p}", "mdy") == expected
    assert parse_moment(f"{moment:%d/%m/%Y %H:%M:%S}", "dmy") == expected
    assert parse_moment(f"{moment:%H:%M}") == Moment(None, expected.time)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30) | st.from_regex(r"[0-9./: -]{1,20}( ?[apAP][mM])?"))
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = parse_moment(text)
    except ValueError as refusal:
        sentence = str(refusal)
    else:
        sentence = ""
        assert moment.day or moment.time is not None
    assert sentence or moment


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        ("Eastern Standard Time", "America/New_York"),
        ('"W. Europe Standard Time"', "Europe/Berlin"),
        ("/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("/freeassociation.sourceforge.net/Europe/London", "Europe/London"),
        ("Customized Time Zone", None),
        ("x" * 1_000_000, None),
    ],
)
def test_zone_names_of_calendar_programs(name: str, zone: str | None) -> None:
    assert zones.resolve_zone(name) == zone
