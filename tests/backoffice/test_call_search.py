"""Operators find calls by the number that called, in any form."""

from datetime import timedelta

import pytest

from tests.support.calls import create_line
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now


def test_calls_are_searched_by_caller(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> None:
    line = create_line(test_users)
    ids = [line.call(now() - timedelta(hours=1), **{"from": caller}).id for caller in ("+15550101234", "+16175550199")]
    operator = operator_sessions["read-only"]

    def search(text: str, location: str = line.location.id) -> tuple[bool, bool]:
        response = operator.get("/admin/telephony/call/", params={"location_id__exact": location, "q": text})
        assert response.status_code == 200, response.text
        return ids[0] in response.text, ids[1] in response.text

    for text in ("(555) 010-1234", "555 0101234", "+15550101234", "tel:+1-555-010-1234", "0101234", ids[0]):
        assert search(text) == (True, False), text
    assert search("555") == (True, True)
    assert search("anonymous") == (False, False)
    assert search("555", location="") == (False, False)


@pytest.mark.parametrize("text", ["Ann", "12", "sip:", "\u202e", "😀" * 200])
def test_search_that_names_no_caller_says_what_to_do(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], text: str
) -> None:
    query = {"location_id__exact": test_users.boston_number.number.location_id, "q": text}
    response = operator_sessions["read-only"].get("/admin/telephony/call/", params=query)
    assert response.status_code == 400
    assert "Must be" in response.text
