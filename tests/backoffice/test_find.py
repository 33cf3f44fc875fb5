"""The search box of the back office: all forms in which support people have what they look for."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.admin.utils import quote

from accounts.users import create, delete, erase, update
from config import dynamodb, search_index
from config.audit import AuditEntry
from config.search_index import SearchEntry, upkeep
from telephony.calls.history import caller_calls
from telephony.models import Call
from tests.support.bulk import put_records
from tests.support.environment import Environment
from tests.support.operators import OperatorSession
from tests.support.users import UserFixtures, now


@dataclass(frozen=True)
class Sought:
    """What tests look for."""

    zoe_id: str
    email: str
    opr_id: str
    request_id: str


@pytest.fixture(scope="module")
def sought(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> Sought:
    """Zoë Müller-Quaid, whom an operator has looked at."""
    new_user = create.NewUserData(
        customer_id=test_users.customer.id,
        email=f"{secrets.token_hex(4)}.zoe.mr@findme-clinics.example",  # a worker may return to this module
        name="Zoë Müller-Quaid",
        locations=[test_users.boston.id],
    )
    zoe = create.create_user(new_user, actor=test_users.ann.actor, at=now())
    update.update_user(zoe.id, {"phone": "+442079460018"}, actor=test_users.ann.actor, at=now())
    operator_sessions["support"].get(f"/admin/accounts/user/{quote(zoe.id)}/change/")
    condition, values = "#stream = :stream", {":stream": {"S": zoe.id}}
    entries = dynamodb.iter_records(AuditEntry, condition, values, ConsistentRead=True)
    (viewed,) = [entry for entry in entries if entry.seq and entry.action == "user.viewed"]
    return Sought(zoe.id, str(zoe.email), viewed.body["actor"]["id"], viewed.body["requestId"])


def find(operator: OperatorSession, text: str, **params: str) -> Any:
    response = operator.get("/admin/find/", params={"q": text, **params})
    assert response.status_code == 200, response.text[:500]
    return response


@pytest.mark.parametrize(
    "text",
    [
        *("zoe", "ZOË", "müller", "Muller-Quaid", "uller", "quaid", "quaid zoe"),
        *("zoe.mr@", "findme-clinics", "findme-clinics.example"),
        *("020 7946 0018", "(020) 7946-0018", "442079460018", "+44 20 7946 0018", "00442079460018", "79460018"),
    ],
)
def test_any_part_of_a_person_leads_to_them(
    operator_sessions: dict[str, OperatorSession], sought: Sought, text: str
) -> None:
    response = find(operator_sessions["read-only"], text)
    assert response.url.path == "/admin/find/"
    assert quote(sought.zoe_id) in response.text
    assert "Harbour" in response.text, "the customer is named"
    assert "Staff" in response.text
    assert 'bo-tone-info">invited' in response.text


@pytest.mark.parametrize("change", [lambda number: number, lambda number: number[2:], lambda number: number[1:]])
def test_any_form_of_a_number_leads_to_it(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], change: Callable[[str], str]
) -> None:
    number = test_users.boston_number.number.number
    assert number.startswith("+1")
    response = find(operator_sessions["read-only"], change(number))
    assert quote(number) in response.text or response.url.path.endswith(f"/{quote(number)}/change/")


@pytest.mark.parametrize("form", ["{0}", "{1}", "({1:.3}) {1}"])
def test_a_caller_leads_to_their_calls(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], form: str
) -> None:
    recorded = dynamodb.get_record(Call, test_users.recorded_call_id)
    assert recorded
    number = f"+1617{secrets.randbelow(8_000_000) + 2_000_000}"  # other tests have many calls of the same caller
    call = Call.from_item(recorded.serialize())
    call.id, call.caller, call.caller_key = f"CA{secrets.token_hex(16)}", number, number
    put_records([call])
    national = number.removeprefix("+1")
    text = f"({national[:3]}) {national[3:6]}-{national[6:]}" if form.startswith("(") else form.format(number, national)
    assert call.id in find(operator_sessions["read-only"], text).text
    assert call.id in [found.id for found in caller_calls.find_calls_of_caller(text)]


def test_ids_and_links_open_the_record(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], sought: Sought
) -> None:
    operator, person_path = operator_sessions["read-only"], f"/admin/accounts/user/{quote(sought.zoe_id)}/change/"
    for text in (
        sought.zoe_id,
        sought.zoe_id.lower(),
        quote(sought.zoe_id),
        f"  https://support.dutyline.example{person_path}?x=1 ",
        sought.email.upper(),
    ):
        assert find(operator, text).url.path == person_path, text
    assert find(operator, test_users.recorded_call_id).url.path.startswith("/admin/telephony/call/")
    assert find(operator, test_users.boston.id).url.path.startswith("/admin/accounts/location/")
    assert find(operator, sought.opr_id).url.params["stream__exact"] == sought.opr_id
    listed = find(operator, sought.request_id)
    assert listed.url.params["request_id__exact"] == sought.request_id
    assert "Zoë" in listed.text


@pytest.mark.parametrize(
    "text",
    [
        *("", "a", "no-such-thing-anywhere", "\0", "x" * 5000, "+", "%", "usr_" + "0" * 26, "opr_" + "0" * 26),
        *(
            "https://evil.example/",
            "http://[",
            "/admin/find/?q=x",
            "/admin/logout/",
            "/admin/nothing/",
            "sip:",
            "😀" * 90,
        ),
        *("١٢٣٤٥٦٧٨٩٠" * 2, "contains(#x, :y)", "' OR 1=1", "a b c d e f g h i j k l m n", "0" * 200),
    ],
)
def test_hostile_searches_find_nothing_and_say_what_was_searched(
    operator_sessions: dict[str, OperatorSession], text: str
) -> None:
    response = find(operator_sessions["read-only"], text)
    assert response.url.path == "/admin/find/"
    assert "Find searches all customers for:" in response.text


def test_the_index_follows_its_records_and_is_completed(test_users: UserFixtures, env: Environment) -> None:
    person = test_users.create_user(name="Ottilie Vorher")
    term = search_index.parse_term("ottilie")
    assert [match.pk for match in search_index.find_matches(term).matches] == [person.id]
    update.update_user(person.id, {"name": "Agathe Nachher"}, actor=test_users.ann.actor, at=now())
    assert search_index.find_matches(term).matches == []
    (match,) = search_index.find_matches(search_index.parse_term("agathe nachher")).matches
    entry = search_index.build_entry(match.kind, match.pk)

    key = SearchEntry.to_dynamodb_key(entry.shard, entry.key)
    dynamodb.call("DeleteItem", TableName=SearchEntry.table_name(), Key=key)
    orphan = search_index.build_entry("usr", dynamodb.new_id("usr", now()), texts=["Agathe Nachher"])
    dynamodb.call("PutItem", TableName=SearchEntry.table_name(), Item=orphan.serialize())
    completed = env.run_management_command("directory", "--all")
    assert "entries repaired" in completed.stdout, completed.stderr
    assert [found.pk for found in search_index.find_matches(search_index.parse_term("agathe nachher")).matches] == [
        person.id
    ]
    assert upkeep.is_complete()
    assert upkeep.complete() == 0

    delete.delete_user(person.id, actor=test_users.ann.actor, at=now())
    (match,) = search_index.find_matches(search_index.parse_term("agathe nachher")).matches
    assert (match.kind, match.pk) == ("del", person.id), "until they are erased"
    erase.erase_deleted_user(person.id, actor=test_users.ann.actor, at=now())
    assert search_index.find_matches(search_index.parse_term("agathe nachher")).matches == []
