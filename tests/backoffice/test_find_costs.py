"""Searches and lists cost little among 2,000 people: round trips, units and CPU time."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from django.conf import settings

from config import search_index
from tests.support.environment import Environment
from tests.support.operators import OperatorSession, create_many_users, index_users
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures

PEOPLE = 2_000
MAX_TRIPS, MAX_CAPACITY = 6, 50
"""Of a search: round trips, and units that it takes more than before the people were there."""
MAX_CPU_RATIO = 1.5
MAX_CPU_RATIO_OF_ALL = 2.5 if settings.DYNAMODB["transport"] == "botocore" else 2.0
"""If a search matches everybody; botocore takes twice as long to read their entries."""


@dataclass(frozen=True)
class Crowd:
    """2,000 people of one customer, who are in the search index."""

    name: str
    """The first name of each of them, and of nobody else, even if this module is set up again."""
    capacity_before: float
    """Units of a search before they were there: for what other tests left in the index."""


@pytest.fixture(scope="module")
def crowd(env: Environment, test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> Crowd:
    _, capacity_before = measure_search(env, operator_sessions["read-only"], "nobody at all")
    name = f"Quentin{secrets.token_hex(4).translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    index_users(create_many_users(test_users.other_customer.id, PEOPLE, name_prefix=name))
    return Crowd(name, capacity_before)


def measure_search(env: Environment, session: OperatorSession, text: str) -> tuple[int, float]:
    """The sequential round trips of a search, and its read capacity in units."""
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert session.get(f"/admin/find/?q={text.replace(' ', '+')}").status_code == 200
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    return count_sequential_trips(calls), sum(call.capacity for call in calls)


def measure_cpu(env: Environment, session: OperatorSession, path: str) -> float:
    """The least CPU time of the web process for a page, in milliseconds."""
    figures: list[float] = []
    for _ in range(5):
        assert session.get(path).status_code == 200
        lines = [json.loads(line) for line in env.read_log("web").splitlines() if line.startswith("{")]
        figures.append([line["cpu_milliseconds"] for line in lines if "cpu_milliseconds" in line][-1])
    return min(figures)


@pytest.mark.parametrize("text", ["{name}", "{name} 01999", "9999@nowhere", "0199"])
def test_a_search_among_many_people_is_bounded(
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    crowd: Crowd,
    record_figure: Callable[[str], None],
    text: str,
) -> None:
    trips, capacity = measure_search(env, operator_sessions["read-only"], text.format(name=crowd.name))
    added = capacity - crowd.capacity_before
    record_figure(f"find {text!r}: {trips} sequential trips; {PEOPLE:,} people add {added:.0f} capacity units")
    assert trips <= MAX_TRIPS
    assert added <= MAX_CAPACITY


def test_pages_with_many_people_take_little_more_cpu_time_than_empty_ones(
    env: Environment, operator_sessions: dict[str, OperatorSession], crowd: Crowd, record_figure: Callable[[str], None]
) -> None:
    session = operator_sessions["read-only"]
    none = measure_cpu(env, session, "/admin/find/?q=nobody-at-all")
    some = measure_cpu(env, session, f"/admin/find/?q={crowd.name}+019")
    everybody = measure_cpu(env, session, f"/admin/find/?q={crowd.name}")
    record_figure(f"find: {none:.0f} ms CPU for nothing, {some:.0f} for 100 people, {everybody:.0f} for {PEOPLE:,}")
    assert some <= MAX_CPU_RATIO * none
    assert everybody <= MAX_CPU_RATIO_OF_ALL * none


def test_a_search_goes_on_where_it_ended(crowd: Crowd) -> None:
    """Another kind, a cursor of all partitions, and a foreign cursor's unknown partitions."""
    term = search_index.parse_term(crowd.name)
    first = search_index.find_matches(term, kind="usr")
    assert len(first.matches) == PEOPLE
    assert first.next_cursor is None
    assert search_index.find_matches(term, kind="loc").matches == []
    entry = search_index.build_entry("usr", first.matches[0].pk)
    cursor = {str(entry.shard): {"shard": {"S": entry.shard}, "key": {"S": entry.key}}, "99": {}}
    rest = search_index.find_matches(term, kind="usr", cursor=cursor).matches
    assert {search_index.build_entry("usr", match.pk).shard for match in rest} == {entry.shard}
    assert all(f"usr#{match.pk}" > str(entry.key) for match in rest)
