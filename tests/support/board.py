"""Passes of the board in tests: run in this process until they end; what they found."""

from datetime import datetime

from accounts.models import Customer
from config import dynamodb
from config.board import items, passes
from config.board.models import BoardItem, BoardPass
from tests.support.bulk import delete_records
from tests.support.users import now, process_outbox

MAX_SLICES = 60


def run_pass() -> BoardPass:
    """Check all customers; the pass."""
    before = items.get_last_pass()
    assert passes.begin_pass(now())
    for number in range(MAX_SLICES):
        process_outbox(seconds_ahead=number * (passes.PAUSE_SECONDS + 1))
        last_pass = items.get_last_pass()
        if last_pass and (before is None or last_pass.ended_at > before.ended_at):
            return last_pass
    raise AssertionError("the pass does not end")


def problems_of(customer: Customer) -> dict[str, BoardItem]:
    """What the board has about a customer, by kind and key."""
    query = {":of": {"S": str(customer.id)}}
    board_items = dynamodb.iter_records(BoardItem, "#customer_id = :of", query, IndexName="byCustomer")
    return {str(item.key): item for item in board_items}


def kinds_of(customer: Customer) -> set[str]:
    """The kinds of problems of a customer."""
    return {str(item.kind) for item in problems_of(customer).values()}


def check(customer: Customer, at: datetime | None = None) -> set[str]:
    """Check one customer at once, now by default; the kinds of its problems."""
    passes.check_customer(str(customer.id), at or now())
    return kinds_of(customer)


def clear_board() -> None:
    """Remove what passes have found at the customers of earlier tests."""
    pages = dynamodb.iter_pages("Scan", TableName=BoardItem.table_name(), ConsistentRead=True)
    delete_records([BoardItem.from_item(item) for page in pages for item in page])
