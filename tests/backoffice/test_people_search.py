"""Finding people in the back office."""

import pytest

from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures


@pytest.fixture(scope="module")
def zoe_id(test_users: UserFixtures) -> str:
    """The id of Zoë Müller."""
    return str(test_users.create_user(name="Zoë Müller").id)


@pytest.mark.parametrize("text", ["Müller", "muller", "üll", "ZOE M", "zoë", "müller zoe"])
def test_zulip_3880_operators_search_any_part_of_a_name(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], zoe_id: str, text: str
) -> None:
    """zulip/zulip#3880: in the back office, names were searched by their beginning only."""
    query = {"customer_id__exact": test_users.customer.id, "q": text}
    listed = operator_sessions["read-only"].get("/admin/accounts/user/", params=query)
    assert listed.status_code == 200
    assert zoe_id.replace("_", "_5F") in listed.text
    assert test_users.sam.id.replace("_", "_5F") not in listed.text


def test_zulip_3880_fields_complete_any_part_of_a_name(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], zoe_id: str
) -> None:
    """zulip/zulip#3880: so did the fields that complete names."""
    url = "/admin/autocomplete/?app_label=staffing&model_name=schedule&field_name=staff"
    results = operator_sessions["support"].get(f"{url}&customer={test_users.customer.id}&term=MULLER").json()
    assert [result["id"] for result in results["results"]] == [zoe_id]
    nobody = operator_sessions["support"].get(f"{url}&customer={test_users.other_customer.id}&term=muller").json()
    assert nobody["results"] == []
