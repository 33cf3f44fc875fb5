"""Changes of the audit are shown in words: labels, local times, rules, names."""

from typing import Any

import pytest

from config.admin import audit_text
from staffing.admin.audit_words import describe_rrule
from staffing.admin.rota.rows import choose_hues

SAM = "usr_01J00000000000000000000000"


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("staffId", "Person"),
        ("location_id", "Location"),
        ("phoneNumber", "Phone number"),
        ("id", "Id"),
        ("shift/2026-11-16T18:00:00", "Shift, Mon 16 Nov 2026, 18:00"),
        ("rest/startTime", "From then on, start"),
        ("", "Value"),
    ],
)
def test_fields_have_labels(field: str, label: str) -> None:
    assert audit_text.label_of(field) == label


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (SAM, "Sam Reed"),
        ("2026-11-16T18:00:00", "Mon 16 Nov 2026, 18:00"),
        ("2026-11-16T18:00:00 America/New_York", "Mon 16 Nov 2026, 18:00 America/New_York"),
        ("2026-99-16T18:00:00", "2026-99-16T18:00:00"),
        ("2026-12-24", "Thu 24 Dec 2026"),
        ("2026-13-24", "2026-13-24"),
        (["*"], "all"),
        ({"staffId": SAM, "rrule": "FREQ=DAILY"}, "person Sam Reed; repeats daily"),
        (False, "no"),
        (None, "nothing"),
    ],
)
def test_values_are_words(value: Any, words: str) -> None:
    assert audit_text.to_words(value, {SAM: "Sam Reed"}) == words


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "weekly on Mon, Tue, Wed, Thu, Fri"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU", "every day"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=SA;COUNT=10", "every 2 weeks on Sat, 10 times"),
        ("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20270630T220000Z", "monthly on the last Fri, until 30 Jun 2027"),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1", "monthly on the 1st, last of the month"),
        ("FREQ=HOURLY;INTERVAL=3", "FREQ=HOURLY;INTERVAL=3"),
        ("no rule", "no rule"),
        ("FREQ=YEARLY;BYMONTH=99", "FREQ=YEARLY;BYMONTH=99"),
    ],
)
def test_rules_are_words(rule: str, words: str) -> None:
    assert describe_rrule(rule) == words


def test_people_of_one_rota_have_colors_that_differ() -> None:
    ids = [f"usr_{number:026}" for number in range(6)]
    hues = choose_hues(ids)

    distances = [abs(hues[one] - hues[other]) for one in ids for other in ids if one < other]
    assert min(min(distance, 360 - distance) for distance in distances) >= 15
    assert choose_hues(reversed(ids)) == hues, "whatever the order"
    assert len(set(choose_hues([f"usr_{number:026}" for number in range(24)]).values())) == 24
    assert len(choose_hues([f"usr_{number:026}" for number in range(40)])) == 40
