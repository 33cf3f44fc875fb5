"""Malformed paths, queries and forms get an error page, never a 500."""

import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from accounts import customers, locations, users
from config.audit import reader
from tests.support.attempts import forget_denied_attempts
from tests.support.operators import OperatorSession, create_many_users
from tests.support.users import UserFixtures, now

MALFORMED_IDS = ["x", "é" * 300, "%00", "..%2F..", "usr_" + "9" * 3000, "~", "a~b~c", "_5F", "'\"<b>", "😀"]
MALFORMED_QUERIES = [
    "customer_id__exact=",
    "customer_id__exact=" + "x" * 3000,
    "customer_id__in=" + ",".join(f"cus_{n}" for n in range(500)),
    "customer_id__regex=.*",
    "customer__owner=1",
    "name__icontains=a",
    "created_at__gte=yesterday",
    "version__exact=many",
    "is_setup__exact=perhaps",
    "p=12",
    "p=AAAA",
    "p=" + "A" * 5000,
    "q=" + "%F0%9F%98%80" * 200,
    "q=%00",
    "o=1.-2",
    "e=1",
    "all=",
    "_popup=1",
    "_to_field=version",
    "role__exact=owner&role__exact=staff",
]


@pytest.mark.parametrize("model", ["accounts/user", "staffing/schedule", "config/auditentry"])
def test_malformed_ids_return_400_or_404(operator_sessions: dict[str, OperatorSession], model: str) -> None:
    for malformed_id in MALFORMED_IDS:
        quoted_id = malformed_id if "%" in malformed_id else quote(malformed_id, safe="")
        for subpath in ("change/", "history/", "do/delete/", "do/nothing/"):
            response = operator_sessions["lead"].get(f"/admin/{model}/{quoted_id}/{subpath}")
            assert response.status_code in (400, 404), f"{malformed_id} {subpath}: {response.status_code}"


def test_malformed_queries_never_cause_a_500(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    customer_query = f"customer_id__exact={test_users.customer.id}"
    for malformed_query in MALFORMED_QUERIES:
        for query in (malformed_query, f"{customer_query}&{malformed_query}"):
            response = operator_sessions["lead"].get(f"/admin/accounts/user/?{query}")
            assert response.status_code < 500, f"{query[:80]}: {response.status_code}"


def test_customer_search_matches_any_part_of_the_name(operator_sessions: dict[str, OperatorSession]) -> None:
    word = f"Hillside{time.time_ns()}"
    customer, _ = customers.create_customer(
        name=f"Cottage {word}", owner_name="Ida Fox", owner_email=f"ida@{word.lower()}.example", at=now()
    )
    for term in (word[:-2], word.lower(), word.upper(), customer.id):
        response = operator_sessions["read-only"].get("/admin/accounts/customer/", params={"q": term})
        assert customer.id.replace("_", "_5F") in response.text, term
    empty_response = operator_sessions["read-only"].get("/admin/accounts/customer/?q=nobody-is-called-so")
    assert "No matches." in empty_response.text


def test_cursor_is_valid_only_for_its_own_list(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    create_many_users(test_users.customer.id, 60)
    operator = operator_sessions["lead"]
    first_page = operator.get(f"/admin/accounts/user/?customer_id__exact={test_users.customer.id}")
    link = first_page.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    cursor = link.partition("p=")[2].partition("&")[0]
    assert cursor
    next_page = operator.get("/admin/accounts/user/" + link.replace("&amp;", "&"))
    assert next_page.status_code == 200
    other_list = f"/admin/accounts/user/?customer_id__exact={test_users.other_customer.id}&p={cursor}"
    assert operator.get(other_list).status_code == 400


def test_users_of_other_customers_are_neither_listed_nor_accepted(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator = operator_sessions["support"]
    autocomplete_url = "/admin/autocomplete/?app_label=staffing&model_name=schedule&field_name=staff"
    own_results = operator.get(f"{autocomplete_url}&customer={test_users.customer.id}&term=sam").json()["results"]
    assert [result["id"] for result in own_results] == [test_users.sam.id]
    for term in ("cleo", test_users.cleo.id, test_users.cleo.user.email):
        search_response = operator.get(autocomplete_url, params={"customer": test_users.customer.id, "term": term})
        assert test_users.cleo.id not in search_response.text
    assert operator.get(autocomplete_url).json()["results"] == [], "no users without a customer"
    page_url = f"/admin/staffing/schedule/add/?customer_id={test_users.customer.id}"
    operator.get(page_url)
    form_data = {"locationId": test_users.boston.id, "startTime": "2034-01-02T09:00", "endTime": "2034-01-02T17:00"}
    form_response = operator.post(page_url, **form_data, staffId=test_users.cleo.id)
    assert "Select a valid choice" in form_response.text
    form_response = operator.post(
        page_url, **{**form_data, "locationId": test_users.hilltop.id}, staffId=test_users.sam.id
    )
    assert "Select a valid choice" in form_response.text


def test_form_input_is_validated_like_api_input(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    operator = operator_sessions["support"]
    page_url = f"/admin/accounts/user/add/?customer_id={test_users.customer.id}"
    operator.get(page_url)
    response = operator.post(page_url, email="not an address", name="Zoe", userRole="staff")
    assert "Must be a valid e-mail address." in response.text
    response = operator.post(page_url, email=test_users.sam.user.email, name="Zoe", userRole="staff")
    assert "has this e-mail address" in response.text or "exists" in response.text
    location_url = f"/admin/accounts/location/{test_users.denver.id}/change/"
    operator.get(location_url)
    response = operator.post(location_url, name="Denver", timeZone="Mars/Olympus", version="1")
    assert "Must be an IANA time zone" in response.text
    response = operator.post(location_url, name="Denver", timeZone="MST", version="1")
    assert "is not the time zone of a place; send that of the location, such as America/Denver" in response.text
    response = operator.post(location_url, name="Denver", timeZone="mountain standard time", version="1")
    assert (response.status_code, test_users.ann.get(f"/location/{test_users.denver.id}").json()["timeZone"]) == (
        *(200, "America/Denver"),
    )
    boston_line = test_users.boston_number.line
    assert boston_line is not None
    line_url = f"/admin/telephony/line/{boston_line.location_id}/json/"
    operator.get(line_url)
    invalid_configurations = {
        "{": "Line 1, column 2: this is not valid JSON",
        "{}": "Line 1: &#x27;version&#x27; is a required property",
        '{"version": 1, "version": 1}': "A member occurs twice",
    }
    for entered_text, message in invalid_configurations.items():
        response = operator.post(line_url, configuration=entered_text, version=str(boston_line.version))
        assert message in response.text, entered_text
        assert entered_text.replace('"', "&quot;") in response.text, "the entered text is still in the form"


def test_refused_form_is_audited_as_a_view(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    user = test_users.create_user(name="Looked At")
    page_url = f"/admin/accounts/user/{user.id}/change/"
    operator_sessions["support"].post(page_url, name="Looked At", email=user.email, userRole="owner", version="0")
    actions = [entry.action for entry in reader.iter_stream(user.id) if entry.seq]
    assert actions[-1] == "user.viewed"
    version = str(users.get_user(user.id).version)
    forget_denied_attempts("opr_")
    operator_sessions["support"].post(page_url, name="Looked At", email=user.email, userRole="owner", version=version)
    actions = [entry.action for entry in reader.iter_stream(user.id) if entry.seq]
    assert actions[-2:] == ["grant.refused", "user.viewed"]
    assert actions.count("grant.refused") == 1, "the attempt is audited once"
    response = operator_sessions["read-only"].post(page_url, name="Hacked")
    assert response.status_code == 403
    assert "Your group does not have the permission for this." in response.text


def test_hostile_names_are_escaped_on_all_pages(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    hostile_name = "<script>alert(1)</script>'\"{{7*7}}"
    location = locations.create_location(
        actor=test_users.ann.actor, name=hostile_name, time_zone="America/New_York", at=now()
    )
    user = test_users.create_user(name=hostile_name)
    note_path = f"/location/{location.id}/days/2033-05-02"
    assert test_users.ann.put(note_path, {"note": f"{hostile_name}\n{hostile_name}"}).status_code == 200
    for path in (
        f"/admin/accounts/location/?customer_id__exact={test_users.customer.id}",
        f"/admin/accounts/location/{location.id}/change/",
        f"/admin/accounts/location/{location.id}/do/remove/",
        f"/admin/staffing/schedule/rota/{location.id}/?day=2033-05-02",
        f"/admin/staffing/schedule/rota/{location.id}/?day=2033-05-02&show=month",
        f"/admin/staffing/schedule/day-note/{location.id}/?day=2033-05-02",
        f"/admin/accounts/user/{user.id}/change/",
        f"/admin/accounts/user/{user.id}/do/delete/",
        f"/admin/config/auditentry/?stream__exact={user.id}",
        f"/admin/find/?q={test_users.customer.id}",
    ):
        response = operator_sessions["lead"].get(path)
        assert response.status_code == 200
        assert "<script>alert" not in response.text, path


def test_outdated_action_is_rejected_with_a_message(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession], work: Callable[..., None]
) -> None:
    operator, user = operator_sessions["support"], test_users.create_user(name="Twice Touched")
    action_url = f"/admin/accounts/user/{user.id}/do"
    operator.get(f"{action_url}/block/")
    assert "is blocked" in operator.post(f"{action_url}/block/").text
    repeated = operator.post(f"{action_url}/block/")
    assert "is no longer possible" in repeated.text
    assert "is unblocked" in operator.post(f"{action_url}/unblock/").text
    list_url = f"/admin/accounts/user/?customer_id__exact={test_users.customer.id}"
    operator.get(list_url)
    bulk_form = {"action": "block", "_selected_action": [user.id, test_users.ann.id, test_users.cleo.id]}
    preview = operator.post(list_url, **bulk_form, index="0", select_across="0")
    assert "To be changed: 2." in preview.text, "the person of another customer is not of this list"
    running = operator.post(preview.url.path)
    work()
    ended = operator.get(running.url.path)
    assert "<dt>Done</dt><dd>1</dd>" in ended.text
    assert "<dt>Failed</dt><dd>1</dd>" in ended.text, "support may not change owners"
    assert test_users.cleo.get("/user").status_code == 200
