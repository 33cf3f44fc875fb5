"""Changes of the audit are shown in words: labels, local times, rules, names."""

from typing import Any

import pytest

from config import audit
from config.admin import audit_text
from config.admin.audit_filters import actions_by_group
from config.audit.reader import DecryptedEntry
from staffing.admin.audit_words import describe_rrule
from staffing.admin.rota.rows import choose_hues
from tests.support.users import now

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


@pytest.mark.parametrize(
    ("action", "values", "sentence"),
    [
        ("list.exported", {"rows": 0}, "An operator downloaded a list as a file (0 rows)."),
        ("list.exported", {"rows": 1}, "An operator downloaded a list as a file (1 row)."),
        ("list.exported", {"rows": None}, "An operator downloaded a list as a file."),
        ("customer.records_erased", {"records": 25}, "Records of a deleted customer were erased (25 records)."),
    ],
)
def test_sentences_have_their_numbers(action: str, values: dict[str, Any], sentence: str) -> None:
    changes = [{"field": name, "before": None, "after": value} for name, value in values.items()]
    assert audit_text.sentence(entry_of(action, changes)) == sentence


def entry_of(action: str, changes: list[dict[str, Any]]) -> DecryptedEntry:
    """An entry about Boston."""
    subject: dict[str, str | None] = {"type": "location", "id": "loc_01J00000000000000000000000", "name": "Boston"}
    return DecryptedEntry("", 1, now(), action, {}, subject, "", changes, None, None, "", "", "")


def test_changes_of_an_ivr_read_as_its_revisions_do() -> None:
    closed = {"type": "voicemail", "maxSeconds": 115, "notify": {"onDuty": True, "managers": False}}
    changes = [
        {
            "field": "hours",
            "before": {"mode": "schedule"},
            "after": {"mode": "weekly", "weekly": {"mo": [["08:00", "18:00"]]}},
        },
        {"field": "closed", "before": {"type": "hangup"}, "after": closed},
    ]
    text = audit_text.changes_text(entry_of("ivr.changed", changes), {})
    assert "Opening hours, open: while somebody is on duty → at fixed hours" in text
    assert "Opening hours, monday: 08:00–18:00" in text
    assert "When closed, step: End the call → Take a voicemail" in text
    assert "maxSeconds" not in text
    assert audit_text.changes_text(entry_of("ivr.changed", [{"field": "open", "before": 1, "after": []}]), {})


def test_the_filter_of_actions_is_grouped_and_short() -> None:
    groups = actions_by_group()
    assert sum(map(len, groups.values())) == len(audit.known_actions())
    texts = [audit_text.describe_action(name) for name in audit.known_actions()]
    assert not any(" of them" in text or "`" in text for text in texts)
    assert max(map(len, texts)) <= 90, max(texts, key=len)


def test_people_of_one_rota_have_colors_that_differ() -> None:
    ids = [f"usr_{number:026}" for number in range(6)]
    hues = choose_hues(ids)

    distances = [abs(hues[one] - hues[other]) for one in ids for other in ids if one < other]
    assert min(min(distance, 360 - distance) for distance in distances) >= 15
    assert choose_hues(reversed(ids)) == hues, "whatever the order"
    assert len(set(choose_hues([f"usr_{number:026}" for number in range(24)]).values())) == 24
    assert len(choose_hues([f"usr_{number:026}" for number in range(40)])) == 40
