"""Local times of queries: their instants, and clock changes."""

from datetime import UTC, datetime

import pytest

from config import local_time


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2027-03-01", "2027-03-01T05:00"),
        ("2027-06-01T09:00", "2027-06-01T13:00"),
        ("2027-03-14T02:30", "2027-03-14T07:30"),  # skipped: 03:30
        ("2027-11-07T01:30", "2027-11-07T05:30"),  # occurs twice: the first
        ("2027-06-01T09:00+02:00", "2027-06-01T07:00"),
    ],
)
def test_instant_of_a_local_time(local: str, instant: str) -> None:
    resolved = local_time.resolve_instant(datetime.fromisoformat(local), "America/New_York", pointer="?from")

    assert resolved == datetime.fromisoformat(instant).replace(tzinfo=UTC)
