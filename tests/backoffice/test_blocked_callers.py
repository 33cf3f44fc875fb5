"""Operators block callers for a customer, also from the page of a call."""

from django.contrib.admin.utils import quote

from config import dynamodb
from telephony.models import BlockedCaller, blocked_caller_id
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures

LIST_PATH = "/admin/telephony/blockedcaller/"


def test_an_operator_blocks_and_unblocks_callers(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    support, customer_id = operator_sessions["support"], test_users.customer.id
    support.get("/admin/")
    call_path = f"/admin/telephony/call/{test_users.recorded_call_id}"
    caller = test_users.ann.get(f"/call/{test_users.recorded_call_id}").json()["caller"]
    add_path = f"{LIST_PATH}add/?customer_id={customer_id}"

    assert "Block this caller" in support.get(f"{call_path}/change/").text
    assert "are rejected from now on" in support.post(f"{call_path}/do/block-caller/", reason="Advertising").text
    assert "country code" in support.post(add_path, number="555-0199").text
    assert "was added" in support.post(add_path, number="+1 617 555 0178", locationId="", reason="").text

    listed = support.get(f"{LIST_PATH}?customer_id__exact={customer_id}").text
    assert all(text in listed for text in (caller, "+16175550178", "Advertising", "Boston", "all locations"))
    ids = (
        blocked_caller_id(customer_id, test_users.boston.id, caller),
        blocked_caller_id(customer_id, None, "+16175550178"),
    )
    for id in ids:
        assert dynamodb.get_record(BlockedCaller, id)
        assert "are taken again" in support.post(f"{LIST_PATH}{quote(id)}/do/unblock/").text
        assert dynamodb.get_record(BlockedCaller, id) is None
