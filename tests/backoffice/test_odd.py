"""Odd paths, queries and forms are answered with a page that says so, never with a breakdown."""

from urllib.parse import quote

import pytest

from accounts import locations
from config.audit import reader
from tests.conftest import Cast, now
from tests.support.operators import Operator, crowd

ODD_IDS = [
    "x",
    "é" * 300,
    "%00",
    "..%2F..",
    "usr_" + "9" * 3000,
    "~",
    "a~b~c",
    "_5F",
    "'\"<b>",
    "😀",
]
ODD_QUERIES = [
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
def test_odd_ids_are_no_things(desks: dict[str, Operator], model: str) -> None:
    for odd in ODD_IDS:
        raw = odd if "%" in odd else quote(odd, safe="")
        for way in ("change/", "history/", "do/delete/", "do/nothing/"):
            answer = desks["lead"].get(f"/admin/{model}/{raw}/{way}")
            assert answer.status_code in (400, 404), f"{odd} {way}: {answer.status_code}"


def test_odd_queries_are_refused_or_answered(cast: Cast, desks: dict[str, Operator]) -> None:
    whose = f"customer_id__exact={cast.customer.id}"
    for odd in ODD_QUERIES:
        for query in (odd, f"{whose}&{odd}"):
            answer = desks["lead"].get(f"/admin/accounts/user/?{query}")
            assert answer.status_code < 500, f"{query[:80]}: {answer.status_code}"


def test_a_customer_is_found_by_any_part_of_its_name(
    cast: Cast, desks: dict[str, Operator]
) -> None:
    for term in ("hillt", "vets", "Vets", cast.elsewhere.id):
        answer = desks["read-only"].get("/admin/accounts/customer/", params={"q": term})
        assert f"{cast.elsewhere.id}" in answer.text, term
    none = desks["read-only"].get("/admin/accounts/customer/?q=nobody-is-called-so")
    assert "There are none that match." in none.text


def test_a_cursor_opens_only_its_own_list(cast: Cast, desks: dict[str, Operator]) -> None:
    crowd(cast.customer.id, 60)
    olive = desks["lead"]
    first = olive.get(f"/admin/accounts/user/?customer_id__exact={cast.customer.id}")
    link = first.text.partition('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    cursor = link.partition("p=")[2].partition("&")[0]
    assert cursor
    own = olive.get("/admin/accounts/user/" + link.replace("&amp;", "&"))
    assert own.status_code == 200
    other = f"/admin/accounts/user/?customer_id__exact={cast.elsewhere.id}&p={cursor}"
    assert olive.get(other).status_code == 400


def test_names_of_other_customers_are_never_offered_nor_taken(
    cast: Cast, desks: dict[str, Operator]
) -> None:
    oscar = desks["support"]
    asked = "/admin/autocomplete/?app_label=staffing&model_name=schedule&field_name=staff"
    own = oscar.get(f"{asked}&customer={cast.customer.id}&term=sam").json()["results"]
    assert [one["id"] for one in own] == [cast.sam.id]
    for term in ("cleo", cast.cleo.id, cast.cleo.user.email):
        found = oscar.get(asked, params={"customer": cast.customer.id, "term": term})
        assert cast.cleo.id not in found.text
    assert oscar.get(asked).json()["results"] == [], "nobody's, without a customer"
    page = f"/admin/staffing/schedule/add/?customer_id={cast.customer.id}"
    oscar.get(page)
    given = {
        "locationId": cast.boston.id,
        "startTime": "2034-01-02T09:00",
        "endTime": "2034-01-02T17:00",
    }
    refused = oscar.post(page, **given, staffId=cast.cleo.id)
    assert "Select a valid choice" in refused.text
    refused = oscar.post(page, **{**given, "locationId": cast.hilltop.id}, staffId=cast.sam.id)
    assert "Select a valid choice" in refused.text


def test_what_is_typed_is_checked_as_the_api_checks_it(
    cast: Cast, desks: dict[str, Operator]
) -> None:
    oscar = desks["support"]
    page = f"/admin/accounts/user/add/?customer_id={cast.customer.id}"
    oscar.get(page)
    answer = oscar.post(page, email="not an address", name="Zoe", userRole="staff")
    assert "This is not an e-mail address." in answer.text
    answer = oscar.post(page, email=cast.sam.user.email, name="Zoe", userRole="staff")
    assert "has this e-mail address" in answer.text or "exists" in answer.text
    where = f"/admin/accounts/location/{cast.denver.id}/change/"
    oscar.get(where)
    answer = oscar.post(where, name="Denver", timeZone="Mars/Olympus", version="1")
    assert "It must be an IANA time zone" in answer.text
    held = cast.held.line
    assert held is not None
    line = f"/admin/telephony/line/{held.location_id}/change/"
    oscar.get(line)
    wrong = {
        "{": "The body is not valid JSON.",
        "{}": "/: &#x27;version&#x27; is a required property",
        '{"version": 1, "version": 1}': "A member stands twice",
    }
    for typed, told in wrong.items():
        answer = oscar.post(line, configuration=typed, version=str(held.version))
        assert told in answer.text, typed
        assert typed.replace('"', "&quot;") in answer.text, "what was typed is still there"


def test_a_refused_form_is_a_look_too(cast: Cast, desks: dict[str, Operator]) -> None:
    user = cast.fresh(name="Looked At")
    page = f"/admin/accounts/user/{user.id}/change/"
    desks["support"].post(page, name="Looked At", email=user.email, userRole="owner", version="0")
    seen = [one.action for one in reader.rows(user.id) if one.seq]
    assert seen[-1] == "user.viewed"
    refused = desks["read-only"].post(page, name="Hacked")
    assert refused.status_code == 403
    assert "Your group may not do this." in refused.text


def test_a_name_is_text_wherever_it_stands(cast: Cast, desks: dict[str, Operator]) -> None:
    evil = "<script>alert(1)</script>'\"{{7*7}}"
    place = locations.create(actor=cast.ann.actor, name=evil, time_zone="UTC", at=now())
    user = cast.fresh(name=evil)
    for path in (
        f"/admin/accounts/location/?customer_id__exact={cast.customer.id}",
        f"/admin/accounts/location/{place.id}/change/",
        f"/admin/accounts/location/{place.id}/do/remove/",
        f"/admin/staffing/schedule/rota/{place.id}/",
        f"/admin/accounts/user/{user.id}/change/",
        f"/admin/accounts/user/{user.id}/do/delete/",
        f"/admin/config/auditentry/?stream__exact={user.id}",
        f"/admin/find/?q={cast.customer.id}",
    ):
        answer = desks["lead"].get(path)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text, path


def test_a_second_hand_on_one_thing_is_told_so(cast: Cast, desks: dict[str, Operator]) -> None:
    oscar, user = desks["support"], cast.fresh(name="Twice Touched")
    do = f"/admin/accounts/user/{user.id}/do"
    oscar.get(f"{do}/block/")
    assert "is blocked" in oscar.post(f"{do}/block/").text
    late = oscar.post(f"{do}/block/")
    assert "makes no sense any more" in late.text
    assert "may come in again" in oscar.post(f"{do}/unblock/").text
    people = f"/admin/accounts/user/?customer_id__exact={cast.customer.id}"
    oscar.get(people)
    mixed = {"action": "block", "_selected_action": [user.id, cast.ann.id, cast.cleo.id]}
    answer = oscar.post(people, **mixed, index="0", select_across="0")
    assert "1 people blocked." in answer.text
    assert "1 not blocked" in answer.text, "an owner is not support's to touch"
    assert cast.cleo.get("/user").status_code == 200
