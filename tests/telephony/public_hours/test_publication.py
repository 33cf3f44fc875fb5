"""Public hours over HTTP: switched on per line, unguessable, for anybody, in both formats."""

from typing import Any

import httpx
from icalendar import Calendar

from accounts import customers, permissions
from config import dynamodb
from telephony.models import PublicHours
from telephony.numbers import inventory
from telephony.numbers.reservation import NumberWithLine
from tests.support import rate_limits
from tests.support.environment import Environment
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, now, parse_problem, process_outbox


def switch(test_users: UserFixtures, held: NumberWithLine, **body: Any) -> dict[str, Any]:
    response = test_users.ann.put(f"/ivrConfiguration/{held.number.location_id}/publicHours", {"enabled": True, **body})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_line_is_public_only_once_it_is_switched_on(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    path = f"/ivrConfiguration/{held.number.location_id}/publicHours"
    before = test_users.ann.get(path).json()
    assert (before["enabled"], before["url"], before["version"]) == (False, None, 0)
    assert test_users.sam.put(path, {"enabled": True}).status_code == 403

    settings = switch(test_users, held)
    first = httpx.get(settings["url"])
    renewed = switch(test_users, held, renew=True)

    assert first.status_code == 200
    assert first.json()["telephone"] == held.number.number
    assert renewed["url"] != settings["url"]
    assert httpx.get(settings["url"]).status_code == 404, "the previous address ends"
    assert httpx.get(renewed["url"]).status_code == 200
    assert switch(test_users, held)["url"] == renewed["url"], "switching on what is on changes nothing"
    assert switch(test_users, held, enabled=False)["url"] is None
    assert httpx.get(renewed["url"]).status_code == 404
    assert switch(test_users, held)["url"] not in (renewed["url"], settings["url"])
    entries = test_users.ann.get(f"/user/{test_users.ann.id}/audit-logs?limit=20").json()["items"]
    actions = [entry["action"] for entry in entries if entry["action"].startswith("hours.")]
    assert actions == ["hours.published", "hours.withdrawn", "hours.renewed", "hours.published"]
    assert settings["url"][-20:] not in str(entries)


def test_anybody_reads_both_formats_on_any_page(test_users: UserFixtures, env: Environment) -> None:
    url = switch(test_users, test_users.purchase_number())["url"]
    origin = {"Origin": "https://harbour-dental.example"}

    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        response = httpx.get(url, headers=origin)
    dynamodb_calls = [call for call in plan.calls if call.service == "dynamodb"]
    assert 2 <= count_sequential_trips(dynamodb_calls) <= 4
    assert {call.operation for call in dynamodb_calls} <= {"BatchGetItem", "Query"}
    assert response.headers["Content-Type"] == "application/ld+json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"] == "public, max-age=300"
    assert "accept" in response.headers["Vary"].lower()
    etag = response.headers["ETag"]
    assert httpx.get(url, headers={"If-None-Match": etag}).status_code == 304

    calendars = [
        httpx.get(url, headers={"Accept": "text/calendar"}),
        httpx.get(f"{url}?format=ics"),
        httpx.get(f"{url}.ics", headers={"Accept": "application/json"}),
    ]
    assert {item.headers["Content-Type"] for item in calendars} == {"text/calendar; charset=utf-8"}
    assert len({item.content for item in calendars}) == 1
    assert Calendar.from_ical(calendars[0].content)["version"] == "2.0"
    assert httpx.get(f"{url}?format=json", headers={"Accept": "text/calendar"}).json()["@context"]
    assert httpx.get(f"{url}.ics", headers={"If-None-Match": calendars[0].headers["ETag"]}).status_code == 304

    preflight_headers = {
        **origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "if-none-match",
    }
    preflight = httpx.options(url, headers=preflight_headers)
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (204, "*")
    assert httpx.post(url, json={}).status_code == 405


def test_names_cannot_end_a_script_of_a_page_that_has_the_hours(test_users: UserFixtures) -> None:
    """A business writes the JSON-LD into its pages."""
    held, name = test_users.purchase_number(), "</script><img src=x onerror=alert(1)> & Co."
    assert test_users.ann.patch(f"/location/{held.number.location_id}", {"name": name}).status_code == 200
    response = httpx.get(switch(test_users, held)["url"])
    assert response.json()["name"] == name
    assert not set("<>&") & set(response.text)


def test_readers_of_one_line_use_up_their_own_budget(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    url = switch(test_users, held)["url"]

    with rate_limits.use_up(["cost"], held.number.location_id):
        assert httpx.get(url).status_code == 429
        assert httpx.get(f"{url}.ics").status_code == 429
        assert test_users.ann.get("/user").status_code == 200, "the customer pays nothing"


def test_hostile_ids_are_not_found_alike(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    url = switch(test_users, held)["url"]
    web, public_id = test_users.ann.web, url.split("/")[-2]
    off = switch(test_users, test_users.purchase_number())["url"].split("/")[-2]
    assert public_id[4:30] == held.number.location_id[4:]
    wrong_secret = public_id[:-1] + ("0" if public_id[-1] != "0" else "1")
    hostile = [wrong_secret, public_id.lower(), public_id + "0", public_id[:-1], off[:30] + public_id[30:]]
    hostile += [
        held.number.location_id,
        "pub_" + "٣" * 52,
        "pub_" + "0" * 4_000,
        "%00",
        "..",
        "pub_%0a",
        public_id + "%0A",
    ]

    answers = [httpx.get(f"{web}/public/{id}/hours") for id in hostile]

    assert {answer.status_code for answer in answers} == {404}
    details = {parse_problem(answer)["detail"] for answer, id in zip(answers, hostile, strict=True) if id != ".."}
    assert details == {"These hours are not public."}
    assert httpx.get(f"{url}?format=doc").status_code == httpx.get(f"{url}?x=1").status_code == 400


def test_suspended_customers_and_released_numbers_are_not_found(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    url = switch(test_users, held)["url"]
    actor = permissions.system_actor(test_users.customer.id)
    customers.suspend(test_users.customer.id, actor=actor, at=now())
    try:
        assert httpx.get(url).status_code == 404
    finally:
        customers.resume(test_users.customer.id, actor=actor, at=now())
    assert httpx.get(url).status_code == 200

    inventory.schedule_release(held.number.number, actor=test_users.ann.actor, at=now())

    assert httpx.get(url).status_code == 404


def test_removed_location_leaves_no_public_hours(test_users: UserFixtures) -> None:
    held = test_users.purchase_number()
    location_id = held.number.location_id
    switch(test_users, held)
    inventory.release_now(held.number.number, actor=permissions.system_actor(test_users.customer.id), at=now())
    assert test_users.ann.delete(f"/location/{location_id}").status_code == 200

    process_outbox(seconds_ahead=120)

    assert dynamodb.get_record(PublicHours, location_id) is None
