"""The door: hostile bodies, idempotency keys, ETags, headers, limits, CORS, health."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts import locations, users
from accounts.models import Location
from config import audit, dynamodb, outbox
from config.dynamodb import idempotency, ids
from tests.conftest import Cast, Person, mails_to, now, problem, sweep
from tests.support.environment import World, free_port
from tests.support.proxy import Plan

DEEP = 100_000
HOSTILE: dict[str, bytes] = {
    "not JSON": b"email=a",
    "cut off": b'{"email": ',
    "nothing but space": b"   ",
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"7",
    "null": b"null",
    "deep list": b"[" * DEEP,
    "deep closed list": b'{"name": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep object": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "33 levels": b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
    "duplicate member": b'{"email": "a@b.example", "email": "c@d.example"}',
    "duplicate member inside": b'{"x": {"a": 1, "a": 2}}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "lone surrogate as member": b'{"\\udfff": 1}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "too large a number": b'{"name": 1e999}',
    "endless integer": b'{"name": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"name": "\xff\xfe"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "comments": b'{"name": "x" /* y */}',
    "single quotes": b"{'name': 'x'}",
    "trailing comma": b'{"name": "x",}',
    "two documents": b"{}{}",
    "zero byte": b'{"name": "a\\u0000b"}',
}


def wrong_values(good: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Bodies in which one member is of another type, or too much."""
    values: list[Any] = [
        7,
        1.5,
        True,
        None,
        [],
        {},
        "",
        " ",
        "x" * 5000,
        ["x"],
        [7],
        [None],
        {"a": 1},
    ]
    members = {**good, "role": "staff", "permissions": [], "locations": [], "userSkills": []}
    found = {}
    for member in members:
        for value in values:
            if type(value) is type(members[member]) and value in ([], "x"):
                continue
            found[f"{member} = {json.dumps(value)[:20]}"] = {**good, member: value}
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_body_is_a_problem_never_a_failure(cast: Cast, name: str) -> None:
    headers = {"Content-Type": "application/json"}

    answer = cast.ann.call("POST", "/user", content=HOSTILE[name], headers=headers)

    assert answer.status_code in (400, 413), answer.text
    problem(answer)


def test_wrong_types_are_named(cast: Cast) -> None:
    good = cast.new_user()
    for name, body in wrong_values(good).items():
        answer = cast.ann.post("/user", body)
        if answer.status_code == 201:
            assert re.search(r"(permissions|locations|userSkills|role)", name), name
            good = cast.new_user()
            continue
        assert answer.status_code in (400, 403, 404), f"{name}: {answer.status_code} {answer.text}"
        pointers = [fault["pointer"] for fault in problem(answer)["errors"]]
        member = name.split(" ")[0]
        assert any(pointer.startswith(f"/{member}") for pointer in pointers), (name, pointers)


def test_unknown_and_missing_members_are_named(cast: Cast) -> None:
    unknown = problem(cast.ann.post("/user", {**cast.new_user(), "isOwner": True}))
    assert [fault["pointer"] for fault in unknown["errors"]] == ["/isOwner"]

    missing = problem(cast.ann.post("/user", {}))
    assert {fault["pointer"] for fault in missing["errors"]} == {"/email", "/customerId", "/name"}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=-1", "limit=1e3", "limit=٣", "offset=-1", "limit=5&limit=6",
     "offset=99999999999999999999", "page=2", "limit="],
)  # fmt: skip
def test_a_wrong_query_is_named(cast: Cast, query: str) -> None:
    answer = cast.ann.get(f"/user/{cast.sam.id}/audit-logs?{query}")

    assert answer.status_code == 400
    assert problem(answer)["errors"][0]["pointer"].startswith("?")


def test_a_repeated_request_with_a_key_gives_the_same_person(cast: Cast) -> None:
    body, headers = cast.new_user(), {"Idempotency-Key": "once please"}

    first = cast.ann.post("/user", body, headers=headers)
    again = cast.ann.post("/user", dict(reversed(body.items())), headers=headers)
    by_another = cast.abe.post("/user", body, headers=headers)
    other = cast.ann.post("/user", cast.new_user(), headers=headers)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert problem(by_another)["code"] == "user_exists"
    assert problem(other)["code"] == "idempotency_key_reused"
    assert other.status_code == 422


def test_a_repeated_request_hears_the_first_answer_whatever_changed_since(cast: Cast) -> None:
    place = locations.create(actor=cast.ann.actor, name="Closing", time_zone="UTC", at=now())
    body, headers = cast.new_user(locations=[place.id]), {"Idempotency-Key": "then and now"}
    first = cast.ann.post("/user", body, headers=headers)

    dynamodb.call("DeleteItem", TableName=Location.table_name(), Key=Location.wire_key(place.id))

    again = cast.ann.post("/user", body, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


def test_much_and_long_is_refused_or_taken_never_a_failure(cast: Cast) -> None:
    many = [ids.new("loc", now()) for _ in range(80)]
    assert cast.ann.post("/user", cast.new_user(locations=many)).status_code == 404
    assert cast.ann.get(f"/user/usr_{'x' * 3000}/audit-logs").status_code == 404
    swelling = cast.ann.post("/user", cast.new_user(name="\u0390" * 200))
    assert swelling.status_code == 201
    user = users.get(swelling.json()["id"])
    assert len(user.name_key.encode()) <= 1024


def test_a_throttled_batch_ends_in_503(cast: Cast, world: World) -> None:
    with world.plan(Plan(always={"dynamodb BatchGetItem": "unprocessed"})) as plan:
        answer = cast.ann.get(f"/user/{cast.sam.id}/audit-logs")
    assert answer.status_code == 503
    assert len(plan.fired) <= 12


def test_a_hanging_auth0_keeps_nobody_longer_than_five_seconds(cast: Cast, world: World) -> None:
    web = world.start_web("patient", free_port())
    for path in ("/oauth/token", "/api/v2/users"):
        fault = {"path": path, "fault": "slow", "seconds": 20, "times": 20}
        httpx.post(f"{world.issuer}_local/faults", json=fault).raise_for_status()
    person = Person(cast.ann.user, cast.ann.token, web)
    assert person.get("/user").status_code == 200
    try:
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(person.post, "/user", cast.new_user()) for _ in range(12)]
            other = [pool.submit(person.get, "/user").result() for _ in range(5)]
            answers = [future.result() for future in asked]
    finally:
        httpx.delete(f"{world.issuer}_local/faults")
        world.stop("patient")
    assert [answer.status_code for answer in answers] == [503] * 12
    assert max(answer.elapsed.total_seconds() for answer in answers) < 6
    assert all(answer.headers["Retry-After"] for answer in answers)
    assert [answer.status_code for answer in other] == [200] * 5
    assert max(answer.elapsed.total_seconds() for answer in other) < 2


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside"])
def test_a_key_that_is_no_key_is_refused(cast: Cast, key: str) -> None:
    answer = cast.ann.post("/user", cast.new_user(), headers={"Idempotency-Key": key})

    assert answer.status_code == 400


def test_no_copy_of_a_body_is_kept_with_a_key(cast: Cast) -> None:
    body = cast.new_user(name="Unforgettable Canary")
    cast.ann.post("/user", body, headers={"Idempotency-Key": "kept"})

    rows = dynamodb.call("Scan", TableName=idempotency.Request.table_name())["Items"]

    assert rows
    assert "Canary" not in str(rows)
    assert body["email"] not in str(rows)


def test_an_etag_saves_the_body(cast: Cast) -> None:
    first = cast.sam.get("/user")
    tag = first.headers["ETag"]

    assert cast.sam.get("/user", headers={"If-None-Match": tag}).status_code == 304
    assert cast.sam.get("/user", headers={"If-None-Match": 'W/"9", ' + tag}).status_code == 304
    assert cast.sam.get("/user", headers={"If-None-Match": '"0"'}).status_code == 200


def test_every_answer_carries_its_headers(cast: Cast) -> None:
    for answer in (
        cast.ann.get("/user"),
        cast.ann.get("/nowhere"),
        httpx.get(f"{cast.ann.web}/user"),
        httpx.get(f"{cast.ann.web}/healthz"),
    ):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] in ("no-store", "private, no-cache")
        assert re.fullmatch(r"[0-9A-Z]{26}", answer.headers["X-Request-Id"])
    limit = cast.ann.get("/user").headers
    assert re.fullmatch(r'"read";r=\d+;t=\d+', limit["RateLimit"])
    assert limit["RateLimit-Policy"] == '"read";q=6000;w=60'


def test_a_request_id_is_kept_when_it_is_one(cast: Cast) -> None:
    assert (
        cast.ann.get("/user", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    )
    odd = cast.ann.get("/user", headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    assert odd != "a b"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/user/", 404),
        ("GET", "//user", 404),
        ("GET", "/user/%ff/audit-logs", 404),
        ("TRACE", "/user", 405),
        ("PUT", "/user", 405),
        ("OPTIONS", "/user", 405),
    ],
)
def test_what_does_not_exist_is_a_problem(cast: Cast, method: str, path: str, status: int) -> None:
    answer = cast.ann.call(method, path)

    assert answer.status_code == status
    problem(answer)


def test_another_host_is_refused(cast: Cast) -> None:
    answer = httpx.get(f"{cast.ann.web}/user", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    problem(answer)


def test_forwarded_addresses_are_believed_from_trusted_proxies_only(
    cast: Cast, world: World
) -> None:
    trusting = world.start_web("trusting", free_port(), TRUSTED_PROXIES="127.0.0.0/8")
    headers = {"X-Forwarded-For": "192.0.2.9, 127.0.0.2", "X-Forwarded-Host": "127.0.0.1"}
    try:
        for web, expected in ((cast.ann.web, "127.0.0.1"), (trusting, "192.0.2.9")):
            person = Person(cast.ann.user, cast.ann.token, web)
            made = person.post("/user", cast.new_user(), headers=headers)
            assert made.status_code == 201
            log = cast.ann.get(f"/user/{made.json()['id']}/audit-logs").json()["items"][0]
            assert log["ip"] == expected
    finally:
        world.stop("trusting")


def test_cors_lets_in_the_named_web_client_only(cast: Cast) -> None:
    ask = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    ours, theirs = (
        httpx.options(f"{cast.ann.web}/user", headers={**ask, "Origin": origin})
        for origin in ("https://app.dutyline.example", "https://evil.example")
    )

    assert ours.headers["Access-Control-Allow-Origin"] == "https://app.dutyline.example"
    assert "Access-Control-Allow-Origin" not in theirs.headers
    assert "Access-Control-Allow-Credentials" not in ours.headers


def test_a_body_without_length_is_refused(cast: Cast) -> None:
    def chunks() -> Any:
        yield b'{"email": "a@b.example"}'

    headers = {"Content-Type": "application/json"}
    answer = cast.ann.call("POST", "/user", content=chunks(), headers=headers)

    assert answer.status_code == 400
    problem(answer)


def test_health_and_readiness(cast: Cast, world: World) -> None:
    assert httpx.get(f"{cast.ann.web}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{cast.ann.web}/readyz")
    assert ready.status_code == 200
    assert set(ready.json()) == {"status", "store", "outbox", "redis"}
    cold = world.start_web("cold", free_port())
    try:
        with world.plan(Plan(always={"dynamodb": "refuse", "redis": "refuse"})):
            away = httpx.get(f"{cold}/readyz", timeout=20)
            assert away.status_code == 503
            assert away.json()["store"] == away.json()["redis"] == "unavailable"
            assert httpx.get(f"{cold}/healthz").status_code == 200
    finally:
        world.stop("cold")


def test_without_redis_the_api_works(cast: Cast, world: World) -> None:
    with world.plan(Plan(always={"redis": "refuse"})):
        assert cast.ann.get("/user").status_code == 200
        assert cast.ann.post("/user", cast.new_user()).status_code == 201


def test_a_failing_engine_shows_no_details(cast: Cast, world: World) -> None:
    with world.plan(Plan(always={"dynamodb": "nonsense"})):
        answer = cast.ann.get("/user")

    assert answer.status_code == 500
    told = problem(answer)
    assert told["requestId"] in world.log("web")
    assert "html" not in answer.text
    assert "Traceback" not in answer.text


def test_the_documentation_works_without_the_internet(web: str) -> None:
    page = httpx.get(f"{web}/docs/")
    assert page.status_code == 200
    addresses = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert addresses
    for address in addresses:
        assert address.startswith("/"), address
        assert httpx.get(web + address).status_code == 200, address


def test_logs_and_waiting_work_hold_no_values_of_people(cast: Cast, world: World) -> None:
    body = cast.new_user(name="Secret Canary", userSkills=["canary skill"])
    headers = {"Idempotency-Key": "canary key", "User-Agent": "canary agent"}
    assert cast.ann.post("/user", body, headers=headers).status_code == 201
    with world.plan(Plan(always={"identity": "503"})):
        waiting = cast.new_user(name="Waiting Canary")
        assert cast.ann.post("/user", waiting, headers={"User-Agent": "x"}).status_code == 503
    with world.plan(Plan(always={"dynamodb": "nonsense"})):
        assert cast.ann.post("/user", body, headers=headers).status_code == 500
    cast.ann.get("/user?canary=1", headers={"Authorization": "Bearer canary.token.x"})
    rows = [
        row
        for record in (outbox.OutboxEntry, audit.AuditEntry, idempotency.Request)
        for row in dynamodb.call("Scan", TableName=record.table_name())["Items"]
    ]
    sweep(later=60)
    (mail,) = mails_to(world, body["email"])
    told = world.log("web") + str(rows)

    assert "accounts.send_invitation" in str(rows)
    for secret in (
        *("Canary", "canary", body["email"], waiting["email"], cast.ann.token, cast.ann.user.name),
        *(mail["links"][0].partition("=")[2], "local-machine-secret"),
    ):
        assert secret not in told, secret
