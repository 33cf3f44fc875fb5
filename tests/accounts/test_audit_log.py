"""Filtering audit logs by action and time; the cost depends on the time range only."""

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config import audit, costs
from config.audit import search
from config.audit.log import format_instant
from tests.config.journal.test_journal import temporary_audit_entries
from tests.support.bulk import delete_records, put_records
from tests.support.environment import Environment
from tests.support.users import UserFixtures, now, parse_problem

ENTRY_COUNT = 3000


@pytest.fixture(scope="module")
def log_path(test_users: UserFixtures) -> Iterator[str]:
    """The URL of a long audit log with an entry per minute."""
    user = test_users.ann.post("/user", test_users.user_body(name="Long", locations=[test_users.boston.id])).json()
    for name in ("One", "Two"):
        response = test_users.ann.patch("/userManagement", {"id": user["id"], "name": name})
        assert response.status_code == 200
    with temporary_audit_entries(test_users, user["id"], ENTRY_COUNT):
        yield f"/user/{user['id']}/audit-logs"


def fetch_page(test_users: UserFixtures, log_path: str, **query: Any) -> dict[str, Any]:
    response = test_users.ann.get(log_path, params=query)
    assert response.status_code == 200, response.text
    return dict(response.json())


def entry_time(entry: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(entry["at"])


def test_filter_by_action(test_users: UserFixtures, log_path: str) -> None:
    changed_page = fetch_page(test_users, log_path, action="user.changed")
    invited_page = fetch_page(test_users, log_path, action="user.invited", limit=1)
    second_page = fetch_page(test_users, log_path, action="test.happened", limit=3, offset=3)
    empty_page = fetch_page(test_users, log_path, action="user.deleted")

    assert [entry["changes"][0]["after"] for entry in changed_page["items"]] == ["Two", "One"]
    assert changed_page["total"] == 2
    assert [entry["seq"] for entry in invited_page["items"]] == [1]
    assert [entry["seq"] for entry in second_page["items"]] == [ENTRY_COUNT - 3, ENTRY_COUNT - 4, ENTRY_COUNT - 5]
    assert second_page["total"] == ENTRY_COUNT - 3
    assert (empty_page["items"], empty_page["total"]) == ([], 0)


@pytest.mark.parametrize("start_offset", [5, 1500, 2900])
def test_time_filter_includes_from_and_excludes_to(test_users: UserFixtures, log_path: str, start_offset: int) -> None:
    """``from`` is inclusive, ``to`` exclusive."""
    entries = fetch_page(test_users, log_path, limit=20, offset=start_offset)["items"]
    newest, oldest = entries[3], entries[15]

    filtered = fetch_page(test_users, log_path, **{"from": oldest["at"], "to": newest["at"]}, limit=100)
    local_from = (entry_time(oldest) - timedelta(0)).astimezone().isoformat()
    filtered_by_local_time = fetch_page(test_users, log_path, **{"from": local_from, "to": newest["at"], "limit": 100})

    assert [entry["seq"] for entry in filtered["items"]] == [entry["seq"] for entry in entries[4:16]]
    assert filtered["total"] == 12
    assert filtered_by_local_time["items"] == filtered["items"]


def test_time_filter_reads_little_of_a_long_log(
    test_users: UserFixtures, log_path: str, env: Environment, record_figure: Callable[[str], None]
) -> None:
    entries = fetch_page(test_users, log_path, limit=30, offset=1500)["items"]
    costs = {}
    for name, query in {
        "time": {"from": entries[-1]["at"], "to": entries[0]["at"]},
        "action": {"action": "user.changed"},
        "all": {"from": "2026-01-01T00:00:00Z"},
    }.items():
        with env.apply_plan() as fault_plan:
            fetch_page(test_users, log_path, **query)
        database_calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
        costs[name] = (len(database_calls), sum(call.capacity for call in database_calls))

    record_figure(
        f"audit log of {ENTRY_COUNT}, (calls, RCU): by time {costs['time']}, by action {costs['action']}, "
        f"all by time {costs['all']}"
    )
    assert costs["time"][0] <= 5
    assert costs["time"][1] < 80
    assert costs["action"][1] < 400
    assert costs["all"][0] <= 5
    assert costs["all"][1] < 80, "all match by time: none is read to be counted"


def test_time_filter_accepts_extreme_dates(test_users: UserFixtures, log_path: str) -> None:
    time_range = {"from": "1970-01-01T00:00:00Z", "to": "2199-12-31t23:59:59z"}

    assert fetch_page(test_users, log_path, **time_range)["total"] == ENTRY_COUNT
    assert fetch_page(test_users, log_path, to=time_range["from"])["total"] == 0
    assert fetch_page(test_users, log_path, **{"from": time_range["to"]})["total"] == 0


@pytest.mark.parametrize("query", [{}, {"action": "test.happened"}])
def test_cursor_continues_where_the_page_ended_while_the_log_grows(
    test_users: UserFixtures, log_path: str, env: Environment, query: dict[str, str]
) -> None:
    first = fetch_page(test_users, log_path, limit=3, **query)
    user_id = log_path.split("/")[2]

    with temporary_audit_entries(test_users, user_id, ENTRY_COUNT + 4), env.apply_plan() as fault_plan:
        second = fetch_page(test_users, log_path, limit=3, cursor=first["nextCursor"], **query)
        shifted = fetch_page(test_users, log_path, limit=3, offset=3, **query)

    seqs = [entry["seq"] for entry in first["items"] + second["items"]]
    assert seqs == list(range(ENTRY_COUNT, ENTRY_COUNT - 6, -1))
    assert (second["total"], second["offset"]) == (first["total"] + 4, 7)
    assert shifted["items"][0]["seq"] == ENTRY_COUNT + 1, "an offset shifts"
    calls = [call for call in fault_plan.calls if call.service == "dynamodb"]
    halves = calls[: len(calls) // 2], calls[len(calls) // 2 :]
    by_cursor, by_offset = (sorted((call.operation, call.capacity) for call in half) for half in halves)
    assert by_cursor == by_offset, "a cursor costs what an offset costs"


def test_last_page_has_no_cursor_and_cursors_belong_to_their_log(test_users: UserFixtures, log_path: str) -> None:
    first_response = test_users.ann.get(log_path, params={"limit": 1, "offset": 1})
    cursor = first_response.json()["nextCursor"]
    linked_page = test_users.ann.get(first_response.links["next"]["url"]).json()
    assert [entry["seq"] for entry in linked_page["items"]] == [ENTRY_COUNT - 2]
    last_page = fetch_page(test_users, log_path, limit=3, offset=ENTRY_COUNT - 3)

    assert [entry["seq"] for entry in last_page["items"]] == [3, 2, 1]
    assert last_page["nextCursor"] is None
    for path, query in (
        (log_path, {"cursor": cursor, "offset": 0}),
        (log_path, {"cursor": cursor, "action": "user.changed"}),
        (f"/user/{test_users.sam.id}/audit-logs", {"cursor": cursor}),
    ):
        assert test_users.ann.get(path, params=query).status_code == 400


def test_filtering_a_too_long_log_is_rejected(test_users: UserFixtures) -> None:
    audit_filter = search.EntryFilter(action="user.changed")

    with pytest.raises(search.FilterTooBroad, match="shorten the time range"):
        search.find_matching_seqs(test_users.sam.id, search.MAX_FILTERED_ENTRIES + 1, audit_filter)


def test_matching_entries_are_those_of_a_full_read_whatever_clocks_say(test_users: UserFixtures) -> None:
    """Bursts and pauses; clocks differ by almost a quarter of an hour."""
    rng = random.Random(22)
    stream, start = f"{test_users.sam.id}x", datetime(2026, 3, 1, tzinfo=UTC)
    pauses = itertools.accumulate(rng.choice([1, 5, 60, 7_000, 90_000]) for _ in range(700))
    times = [start + timedelta(seconds=pause + rng.uniform(-440, 440)) for pause in pauses]
    entries = [
        audit.AuditEntry(
            stream=stream, seq=seq, customer_id="x", hash="x", at=format_instant(at), action=rng.choice("aab")
        )
        for seq, at in enumerate(times, 1)
    ]
    put_records(entries)
    for _ in range(80):
        since, until = sorted([rng.choice(times), rng.choice(times) + timedelta(seconds=rng.choice([0, 1, 300]))])
        action = rng.choice([None, "a", "b", "c"])
        entry_filter = search.EntryFilter(action, rng.choice([None, since]), rng.choice([None, until]))
        expected = [
            int(entry.seq)
            for entry, at in zip(reversed(entries), reversed(times), strict=True)
            if (action in (None, entry.action))
            and (entry_filter.since is None or at >= entry_filter.since)
            and (entry_filter.until is None or at < entry_filter.until)
        ]
        matching = search.find_matching_seqs(stream, len(entries), entry_filter)
        assert (list(matching), len(matching)) == (expected, len(expected))
        offset, limit = rng.randrange(len(expected) + 2), rng.randrange(1, 400)
        assert matching.slice(offset, limit) == expected[offset : offset + limit]
        assert matching.count_above(350) == sum(seq > 350 for seq in expected)
    delete_records(entries)


def test_entries_that_a_replica_lacks_are_read_consistently(test_users: UserFixtures) -> None:
    """The database of tests has no replicas: a missing entry stands for one that is late."""
    stream, count = f"{test_users.sam.id}y", search.NEWEST_ENTRIES + 20
    entries = [
        audit.AuditEntry(stream=stream, seq=seq, customer_id="x", hash="x", at=format_instant(now()), action="a")
        for seq in range(1, count + 1)
    ]
    put_records(entries)
    round_trips = []
    for missing in ([], [7]):
        delete_records([entries[seq - 1] for seq in missing])
        with costs.measure() as cost:
            matching = search.find_matching_seqs(stream, count, search.EntryFilter("a"))
        assert list(matching) == [seq for seq in range(count, 0, -1) if seq not in missing]
        round_trips.append(cost.round_trips)
    delete_records(entries)

    assert round_trips == [2, 3]


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"from": "2026-11-23"},
        {"from": "2026-11-23T09:00:00"},
        {"to": "2026-13-23T09:00:00Z"},
        {"to": "0001-01-01T00:00:00+23:59"},
        {"from": "2026-11-23T09:00:00Z", "to": "2026-11-23T09:00:00Z"},
        {"from": "2026-11-23T09:00:00Z", "to": "2026-11-23T08:00:00Z"},
        {"since": "2026-11-23T09:00:00Z"},
        {"action": "x" * 101},
        {"action": ""},
    ],
)
def test_invalid_filters_are_rejected(test_users: UserFixtures, log_path: str, query: dict[str, str]) -> None:
    response = test_users.ann.get(log_path, params=query)

    assert response.status_code == 400, response.text
    assert parse_problem(response)["errors"][0]["pointer"] == f"?{list(query)[-1]}"
