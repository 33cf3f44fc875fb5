"""Opening hours as periods of a calendar."""

from datetime import UTC, datetime
from typing import Any

import pytest

from staffing.recurrence import wall_clock
from telephony.ivr.open_periods import list_open_periods

BERLIN = "Europe/Berlin"
SINCE, UNTIL = datetime(2026, 12, 23, 23, tzinfo=UTC), datetime(2026, 12, 26, 23, tzinfo=UTC)
"""From Thursday, 24 December, until Saturday, in Berlin."""


MORNING_AND_AFTERNOON = [["08:00", "12:00"], ["13:00", "18:00"]]


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ({"mode": "schedule"}, None),
        ({"mode": "always"}, ["24 00:00 to 25 00:00", "25 00:00 to 26 00:00", "26 00:00 to 27 00:00"]),
        ({"mode": "always", "holidays": {"dates": ["2026-12-25"]}}, ["24 00:00 to 25 00:00", "26 00:00 to 27 00:00"]),
        ({"mode": "weekly", "weekly": {"th": MORNING_AND_AFTERNOON}}, ["24 08:00 to 24 12:00", "24 13:00 to 24 18:00"]),
        (
            {"mode": "weekly", "weekly": {"we": [["22:00", "06:00"]], "sa": [["18:00", "24:00"]]}},
            ["23 22:00 to 24 06:00", "26 18:00 to 27 00:00"],
        ),
        ({"mode": "weekly", "weekly": {"fr": [["08:00", "12:00"]]}, "holidays": {"country": "DE"}}, []),
        ({"mode": "weekly", "weekly": {}}, []),
    ],
)
def test_periods_of_a_configuration(hours: dict[str, Any], expected: list[str] | None) -> None:
    periods = list_open_periods({"hours": hours}, SINCE, UNTIL, time_zone=BERLIN)
    texts = None
    if periods is not None:
        walls = [[wall_clock.to_wall_time(at, BERLIN) for at in period] for period in periods]
        texts = [f"{start:%d %H:%M} to {end:%d %H:%M}" for start, end in walls]
    assert texts == expected
