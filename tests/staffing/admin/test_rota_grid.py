"""Where shifts are drawn: night shifts, clock changes, the night before the week, gaps."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from staffing.admin.rota import grid
from staffing.admin.rota.cover import find_cover
from staffing.admin.rota.grid import Span
from staffing.admin.rota.period import MONTH, WEEK, RotaPeriod

NEW_YORK = "America/New_York"
BEFORE = datetime(2026, 10, 1, tzinfo=UTC)


def instant(text: str, zone: str = NEW_YORK, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def span(start: str, end: str, zone: str = NEW_YORK) -> Span:
    return instant(start, zone), instant(end, zone)


def week_of(day: str, zone: str = NEW_YORK) -> list[grid.DaySpan]:
    return grid.build_days(RotaPeriod.of(date.fromisoformat(day), WEEK).list_dates(), zone)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        # day, left, width, begins here, ends here
        ("2026-11-30T08:00", "2026-11-30T18:00", [(0, 33.33, 41.67, True, True)]),
        ("2026-12-01T18:00", "2026-12-02T06:00", [(1, 75, 25, True, False), (2, 0, 25, False, True)]),
        ("2026-12-01T18:00", "2026-12-02T00:00", [(1, 75, 25, True, True)]),
        ("2026-11-29T08:00", "2026-11-30T08:00", [(0, 0, 33.33, False, True)]),
        ("2026-12-06T22:00", "2026-12-07T06:00", [(6, 91.67, 8.33, True, False)]),
        ("2026-11-20T09:00", "2026-12-20T09:00", [(n, 0, 100, False, False) for n in range(7)]),
        ("2026-11-28T08:00", "2026-11-30T00:00", []),
        ("2026-12-07T00:00", "2026-12-07T08:00", []),
    ],
)
def test_a_shift_is_drawn_on_each_of_its_days(
    start: str, end: str, expected: list[tuple[int, float, float, bool, bool]]
) -> None:
    """The last shift of Sunday is on Monday only until it ends, and begins before the page."""
    segments = grid.split_by_day(span(start, end), week_of("2026-11-30"))
    assert [(part.day_index, part.left, part.width, part.is_first, part.is_last) for part in segments] == expected


@pytest.mark.parametrize(
    ("day", "hours", "shift", "expected"),
    [
        ("2027-03-14", 23, span("2027-03-13T22:00", "2027-03-14T06:00"), (0, 21.74)),  # 5 of 23 hours
        ("2026-11-01", 25, span("2026-10-31T22:00", "2026-11-01T06:00"), (0, 28)),  # 7 of 25 hours
        ("2026-11-01", 25, (instant("2026-11-01T01:45"), instant("2026-11-01T01:15", fold=1)), (7, 2)),
    ],
)
def test_the_axis_of_a_day_with_a_clock_change_is_as_long_as_the_day(
    day: str, hours: float, shift: Span, expected: tuple[float, float]
) -> None:
    """Half an hour from the first 01:45 to the second 01:15 neither vanishes nor turns around."""
    (day_span,) = [item for item in week_of(day) if item.date.isoformat() == day]
    assert day_span.hours == hours
    (segment,) = grid.split_by_day(shift, [day_span])
    assert (segment.left, segment.width) == expected


def test_a_skipped_day_has_no_axis() -> None:
    """Samoa had no 30 December 2011."""
    days = week_of("2011-12-30", "Pacific/Apia")
    shift = instant("2011-12-29T20:00", "Pacific/Apia"), instant("2011-12-31T04:00", "Pacific/Apia")
    assert [days[part.day_index].date.day for part in grid.split_by_day(shift, days)] == [29, 31]


def test_overlapping_shifts_and_their_labels_have_own_lines() -> None:
    spans = [
        span(f"2026-11-30T{start}:00", f"2026-11-30T{end}:00")
        for start, end in (("08", "12"), ("10", "14"), ("12", "16"), ("13", "18"))
    ]
    assert grid.assign_lanes(spans) == [0, 1, 0, 2]
    assert grid.assign_lanes([]) == []
    end = instant("2026-12-07T00:00")
    wide, late = timedelta(hours=6), span("2026-12-06T20:00", "2026-12-06T22:00")
    assert grid.extent_of(spans[0], wide, end) == (spans[0][0], spans[0][0] + wide)
    assert grid.extent_of(late, wide, end)[0] == end - wide, "the label ends with the page"


@pytest.mark.parametrize(
    ("shifts", "open_periods", "expected"),
    [
        ([], None, "nobody"),
        ([], [], "closed"),
        ([("08:00", "18:00")], None, "covered 08:00–18:00"),
        ([("08:00", "18:00")], [("08:00", "20:00")], "covered 08:00–18:00 of 08:00–20:00; 18:00–20:00"),
        ([("08:00", "12:00"), ("11:00", "20:00")], [("08:00", "20:00")], "fully covered 08:00–20:00"),
        ([("06:00", "23:00")], [("08:00", "12:00"), ("13:00", "20:00")], "fully covered 08:00–12:00, 13:00–20:00"),
        ([("10:00", "11:00")], [("08:00", "12:00")], "covered 10:00–11:00 of 08:00–12:00; 08:00–10:00, 11:00–12:00"),
        ([("06:00", "07:00")], [("08:00", "12:00")], "nobody, open 08:00–12:00; 08:00–12:00"),
    ],
)
def test_the_cover_of_a_day_and_its_gaps(
    shifts: list[tuple[str, str]], open_periods: list[tuple[str, str]] | None, expected: str
) -> None:
    def of_monday(times: list[tuple[str, str]]) -> list[Span]:
        return [span(f"2026-11-30T{start}", f"2026-11-30T{end}") for start, end in times]

    cover = find_cover(
        week_of("2026-11-30"),
        NEW_YORK,
        of_monday(shifts),
        None if open_periods is None else of_monday(open_periods),
        now=BEFORE,
    )[0]
    assert cover.text + (f"; {cover.gap_text}" if cover.gaps else "") == expected


def test_cover_of_nights_and_clock_changes_is_per_day() -> None:
    nights = [span("2026-10-31T22:00", "2026-11-01T06:00"), span("2026-11-01T06:00", "2026-11-02T00:00")]
    covers = find_cover(
        week_of("2026-11-01"), NEW_YORK, nights, [span("2026-10-31T20:00", "2026-11-01T08:00")], now=BEFORE
    )
    assert [cover.text for cover in covers[-2:]] == ["covered 22:00–24:00 of 20:00–24:00", "fully covered 00:00–08:00"]
    assert covers[-2].gap_text == "20:00–22:00"
    assert find_cover(week_of("2026-11-01"), NEW_YORK, nights, None, now=BEFORE)[-1].text == "covered all day"


def test_periods_follow_each_other() -> None:
    week, month = (RotaPeriod.of(date(2026, 12, 31), name) for name in (WEEK, MONTH))
    assert (week.title, month.title) == ("Week of 28 Dec 2026 to 3 Jan 2027", "December 2026")
    assert (month.day_count, month.following().first_day, month.following().previous()) == (31, date(2027, 1, 1), month)
    assert week.previous().following() == week
    assert RotaPeriod.from_query({"show": "month", "day": "2027-02-10"}, date(2026, 1, 1)).day_count == 28


def test_only_gaps_to_come_count() -> None:
    """A month showed gaps on days before the customer existed."""
    hours = [span(f"2026-11-{day}T08:00", f"2026-11-{day}T18:00") for day in ("23", "24", "25")]
    shifts = [span("2026-11-24T10:00", "2026-11-24T12:00")]
    now = instant("2026-11-24T14:00")
    past, today, tomorrow = find_cover(week_of("2026-11-23"), NEW_YORK, shifts, hours, now=now)[:3]
    assert (past.text, past.gaps, past.past_gaps) == ("no shifts", [], [hours[0]])
    assert (today.text, today.gap_text) == ("covered 10:00–12:00 of 08:00–18:00", "14:00–18:00")
    assert (tomorrow.text, tomorrow.gap_text) == ("nobody, open 08:00–18:00", "08:00–18:00")
