"""The board on the start page: hostile parameters, rights, reads, and what is in order."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from config import dynamodb
from config.audit import reader
from config.board import items, passes
from config.board.models import BoardItem, BoardPass
from config.board.sources import Problem
from tests.support.board import clear_board, problems_of
from tests.support.bulk import delete_records, put_records
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, now

MAX_SEQUENTIAL_TRIPS = 4
"""The pass and the items, the names; late messages are looked for meanwhile."""


def suspend_many(test_users: UserFixtures, count: int) -> None:
    """Items about the customer, however many."""
    scope = str(test_users.customer.id)
    problems = [Problem("customer-suspended", f"customer {number}") for number in range(count)]
    items.store(scope, scope, ["customer-suspended"], problems, now())


def text_of(operator: OperatorSession, **query: str) -> str:
    response = operator.get("/admin/", params=query)
    assert response.status_code == 200, response.text
    return " ".join(operator.visible_text(response))


def test_a_page_takes_few_reads_however_many_items_there_are(
    test_users: UserFixtures,
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    clear_board()
    suspend_many(test_users, 190)
    operator = operator_sessions["read-only"]
    text_of(operator)

    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        text = text_of(operator)

    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips, capacity = count_sequential_trips(calls), sum(call.capacity for call in calls)
    record_figure(f"start page with 190 items: {trips} sequential trips, {len(calls)} calls, {capacity:.0f} units")
    assert "There is more than is shown here." in text
    assert trips <= MAX_SEQUENTIAL_TRIPS
    everything = text_of(operator, kind="customer-suspended")
    suspend_many(test_users, 0)
    assert everything.count("Suspended: nobody can sign in") == 190


@pytest.mark.parametrize(
    "query",
    [
        {"kind": "unknown"},
        {"kind": "\x00"},
        {"customer": "cus_" + "0" * 26},
        {"customer": "' OR 1=1"},
        {"owner": "x" * 10_000},
        {"owner": "me", "customer": "-", "kind": "dead-letter"},
    ],
)
def test_filters_of_an_url_may_be_anything(
    operator_sessions: dict[str, OperatorSession], query: dict[str, str]
) -> None:
    response = operator_sessions["read-only"].get("/admin/", params=query)

    assert response.status_code in (200, 400)


@pytest.mark.parametrize(
    "form",
    [
        {"action": "take", "scope": "x", "key": "y"},
        {"action": "take"},
        {"action": "release", "scope": "\x00" * 2_000, "key": "é" * 1_000},
        {"action": "check", "checked": "cus_" + "0" * 26},
        {"action": "check", "checked": "usr_1"},
        {"action": "unknown", "kind": "unknown", "customer": "//evil.example", "owner": "me"},
    ],
)
def test_forms_may_be_anything(operator_sessions: dict[str, OperatorSession], form: dict[str, str]) -> None:
    response = operator_sessions["support"].post("/admin/board/", **form)

    assert response.status_code == 200
    assert response.url.path == "/admin/"
    assert response.url.host == "127.0.0.1"


def test_read_only_operators_take_nothing(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    suspend_many(test_users, 1)
    key, scope = "customer-suspended#customer 0", str(test_users.customer.id)
    form = {"action": "take", "scope": scope, "key": key}

    refused = operator_sessions["read-only"].post("/admin/board/", **form)
    assert refused.status_code == 403
    assert not problems_of(test_users.customer)[key].owner_id

    assert operator_sessions["support"].post("/admin/board/", **form).status_code == 200
    assert problems_of(test_users.customer)[key].owner_id
    assert "assigned to Oscar" in text_of(operator_sessions["lead"], customer=scope)
    (entry,) = [entry for entry in reader.iter_stream(scope) if entry.action == "board.taken"]
    assert entry.body["actor"]["type"] == "operator"
    taken = operator_sessions["lead"].post("/admin/board/", **form)
    assert "This is assigned to somebody else" in taken.text
    suspend_many(test_users, 0)


def test_an_old_pass_is_late_and_what_was_not_looked_at_is_not_green(
    operator_sessions: dict[str, OperatorSession],
) -> None:
    operator, before = operator_sessions["read-only"], items.get_last_pass()
    clear_board()
    ended_at = now() - timedelta(days=2)
    last_pass = BoardPass(items.LAST_ID, began_at=ended_at, ended_at=ended_at, customers=3, failures=1)
    last_pass.checked = {"rota-hole": 2}
    put_records([last_pass])

    page = operator.get("/admin/")

    text = " ".join(operator.visible_text(page))
    assert "2 days ago" in text
    assert "The board is out of date" in text
    assert "1 check of the last pass failed" in text
    assert "Nothing needs attention" not in text
    assert '<li class="bo-nothing">Numbers without a rota: No numbers.' in page.text
    assert '<li class="bo-fine">In the next seven days lines ring somebody' in page.text
    assert "?kind=" not in page.text, "kinds without items cannot be chosen"
    put_records([before]) if before else delete_records([BoardPass(items.LAST_ID)])


def test_a_check_of_all_customers_is_waited_for(operator_sessions: dict[str, OperatorSession]) -> None:
    operator = operator_sessions["support"]
    begun = operator.post("/admin/board/", action="check-all")
    assert "checking=" in str(begun.url)
    soon, long_ago = int(now().timestamp()), int((now() - timedelta(minutes=6)).timestamp())
    assert "All customers are being checked" in text_of(operator, checking=str(soon + 0))
    for value in (str(long_ago), "99999999999", "9" * 30, "x", "٣"):
        assert "All customers are being checked" not in text_of(operator, checking=value)


def test_items_of_customers_that_are_gone_are_not_shown(operator_sessions: dict[str, OperatorSession]) -> None:
    scope = dynamodb.new_id("cus", now())
    items.store(scope, scope, ["rota-hole"], [Problem("rota-hole", "x", {"location": "loc", "gaps": []})], now())

    assert scope not in operator_sessions["read-only"].get("/admin/", params={"kind": "rota-hole"}).text

    items.store(scope, scope, ["rota-hole"], [], now())
    assert dynamodb.get_record(BoardItem, scope, "rota-hole#x") is None


def test_support_checks_a_customer_again(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    suspend_many(test_users, 1)

    response = operator_sessions["support"].post("/admin/board/", action="check", checked=str(test_users.customer.id))

    assert "Checked again" in response.text
    assert not any(item.kind == "customer-suspended" for item in problems_of(test_users.customer).values())
    assert passes.interval() > timedelta()
