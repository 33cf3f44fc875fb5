"""Lists of the back office: sorting, files, and what they say of their completeness."""

import csv
import io
import re
from typing import Any

import pytest

from accounts.admin.projected import User
from config.audit import reader
from config.backoffice.records import range_reader
from tests.support.operators import OperatorSession, create_many_users
from tests.support.users import UserFixtures

PEOPLE = "/admin/accounts/user/"


@pytest.fixture(scope="module")
def crowd_id(test_users: UserFixtures) -> str:
    """A customer with 2,100 people."""
    create_many_users(test_users.other_customer.id, 2_100, name_prefix="=Crowd")
    return test_users.other_customer.id


def shown_names(response: Any) -> list[str]:
    return re.findall(r"=Crowd \d+", re.sub(r"<[^>]+>", " ", response.text))


def test_a_list_is_sorted_by_its_key_in_both_directions(
    operator_sessions: dict[str, OperatorSession], crowd_id: str
) -> None:
    operator, query = operator_sessions["support"], {"customer_id__exact": crowd_id}
    first = operator.get(PEOPLE, params=query)
    (link,) = set(re.findall(r'href="(\?[^"]*o=-1[^"]*)"', first.text))
    assert shown_names(first)[0] == "=Crowd 00000"
    last = operator.get(PEOPLE + link.replace("&amp;", "&"))
    names = [name for name in shown_names(last) if "=Crowd" in name]
    assert names[0] == "=Crowd 02099"
    assert names == sorted(names, reverse=True)
    for order in ("99", "-0", "x", "1.2", "-" * 500):
        assert operator.get(PEOPLE, params={**query, "o": order}).status_code == 200, order


def test_a_list_says_what_was_not_searched_yet(operator_sessions: dict[str, OperatorSession], crowd_id: str) -> None:
    operator, query = operator_sessions["support"], {"customer_id__exact": crowd_id}
    nothing_yet = operator.get(PEOPLE, params={**query, "role__exact": "owner", "o": "1"})
    assert "No matches so far. Not everything was searched yet" in nothing_yet.text
    assert f'data-read="{range_reader.READ_BUDGET}"' in nothing_yet.text
    none = operator.get(PEOPLE, params={**query, "name_key__startswith": "nobody"})
    assert "No matches." in none.text
    page = operator.get(PEOPLE, params=query)
    assert "50 shown" in page.text
    assert "DynamoDB" not in page.text
    assert "in all" in operator.get(PEOPLE, params={**query, "name_key__startswith": "=crowd 0000"}).text


def test_a_list_is_downloaded_as_csv_and_audited(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], crowd_id: str
) -> None:
    query = f"customer_id__exact={crowd_id}&name_key__startswith=%3Dcrowd+0001"
    path = f"{PEOPLE}csv/?{query}"
    assert operator_sessions["support"].get(path).url.path == PEOPLE, "a GET downloads nothing"
    assert operator_sessions["read-only"].post(path).status_code == 403
    response = operator_sessions["support"].post(path)
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="people-')
    header, *rows = csv.reader(io.StringIO(response.text.removeprefix("\ufeff")))
    assert (header[0], header[-1]) == ("Name", "Id")
    assert len(rows) == 10
    assert all(row[0].startswith("'=Crowd 0001") for row in rows), "no spreadsheet calculates it"
    assert User.get(rows[0][-1]), "the last column is the id"
    entry = next(entry for entry in reader.iter_stream(crowd_id, newest_first=True) if entry.seq)
    assert entry.action == "list.exported"
    assert entry.body["fields"] == ["list", "format", "rows", "filters"]
    assert operator_sessions["support"].post(f"{PEOPLE}csv/").status_code == 400, "of no customer"
    assert operator_sessions["support"].post(f"{PEOPLE}csv/?customer_id__regex=x").status_code == 400
