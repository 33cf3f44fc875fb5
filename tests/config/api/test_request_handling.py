"""The API layer: hostile bodies, idempotency keys, ETags, headers, limits, CORS, health."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from accounts import locations, users
from accounts.models import Location
from config import audit, dynamodb, outbox
from config.dynamodb import idempotency
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import SignedInUser, UserFixtures, emails_to, now, parse_problem, process_outbox

DEPTH = 100_000
HOSTILE_BODIES: dict[str, bytes] = {
    "not JSON": b"email=a",
    "cut off": b'{"email": ',
    "only whitespace": b"   ",
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"7",
    "null": b"null",
    "deep list": b"[" * DEPTH,
    "closed deep list": b'{"name": ' + b"[" * DEPTH + b"]" * DEPTH + b"}",
    "deep object": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "33 levels": b'{"name": ' + b"[" * 33 + b"]" * 33 + b"}",
    "duplicate member": b'{"email": "a@b.example", "email": "c@d.example"}',
    "nested duplicate member": b'{"x": {"a": 1, "a": 2}}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "lone surrogate as member name": b'{"\\udfff": 1}',
    "NaN": b'{"name": NaN}',
    "infinity": b'{"name": -Infinity}',
    "number out of range": b'{"name": 1e999}',
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


def bodies_with_wrong_values(valid_body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Bodies with one member of a wrong type or too long."""
    values: list[Any] = [7, 1.5, True, None, [], {}, "", " ", "x" * 5000, ["x"], [7], [None], {"a": 1}]
    fields = {**valid_body, "role": "staff", "permissions": [], "locations": [], "userSkills": []}
    bodies = {}
    for field in fields:
        for value in values:
            is_valid = value is None and field not in valid_body  # counts as not sent
            if is_valid or (type(value) is type(fields[field]) and value in ([], "x")):
                continue
            bodies[f"{field} = {json.dumps(value)[:20]}"] = {**valid_body, field: value}
    return bodies


@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_body_returns_a_problem(test_users: UserFixtures, name: str) -> None:
    headers = {"Content-Type": "application/json"}

    response = test_users.ann.request("POST", "/user", content=HOSTILE_BODIES[name], headers=headers)

    assert response.status_code in (400, 413), response.text
    parse_problem(response)


def test_wrong_types_are_reported_with_pointer(test_users: UserFixtures) -> None:
    valid_body = test_users.user_body()
    for name, body in bodies_with_wrong_values(valid_body).items():
        response = test_users.ann.post("/user", body)
        if response.status_code == 201:
            assert re.search(r"(permissions|locations|userSkills|role)", name), name
            valid_body = test_users.user_body()
            continue
        assert response.status_code in (400, 403, 404), f"{name}: {response.status_code} {response.text}"
        pointers = [error["pointer"] for error in parse_problem(response)["errors"]]
        field = name.split(" ")[0]
        assert any(pointer.startswith(f"/{field}") for pointer in pointers), (name, pointers)


def test_unknown_and_missing_fields_are_reported(test_users: UserFixtures) -> None:
    unknown = parse_problem(test_users.ann.post("/user", {**test_users.user_body(), "isOwner": True}))
    assert [error["pointer"] for error in unknown["errors"]] == ["/isOwner"]

    missing = parse_problem(test_users.ann.post("/user", {}))
    assert {error["pointer"] for error in missing["errors"]} == {"/email", "/customerId", "/name"}


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=-1", "limit=1e3", "limit=٣", "offset=-1", "limit=5&limit=6",
     "offset=99999999999999999999", "page=2", "limit="],
)  # fmt: skip
def test_invalid_query_is_reported(test_users: UserFixtures, query: str) -> None:
    response = test_users.ann.get(f"/user/{test_users.sam.id}/audit-logs?{query}")

    assert response.status_code == 400
    assert parse_problem(response)["errors"][0]["pointer"].startswith("?")


def test_idempotency_key_returns_the_same_user(test_users: UserFixtures) -> None:
    body, headers = test_users.user_body(), {"Idempotency-Key": "once please"}

    first = test_users.ann.post("/user", body, headers=headers)
    repeated = test_users.ann.post("/user", dict(reversed(body.items())), headers=headers)
    other_actor_response = test_users.abe.post("/user", body, headers=headers)
    other_body_response = test_users.ann.post("/user", test_users.user_body(), headers=headers)

    assert first.status_code == repeated.status_code == 201
    assert first.json() == repeated.json()
    assert parse_problem(other_actor_response)["code"] == "user_exists"
    assert parse_problem(other_body_response)["code"] == "idempotency_key_reused"
    assert other_body_response.status_code == 422


def test_repeated_request_returns_the_first_response(test_users: UserFixtures) -> None:
    location = locations.create_location(
        actor=test_users.ann.actor, name="Closing", time_zone="America/New_York", at=now()
    )
    body, headers = (test_users.user_body(locations=[location.id]), {"Idempotency-Key": "then and now"})
    first = test_users.ann.post("/user", body, headers=headers)

    dynamodb.call("DeleteItem", TableName=Location.table_name(), Key=Location.to_dynamodb_key(location.id))

    repeated = test_users.ann.post("/user", body, headers=headers)
    assert (repeated.status_code, repeated.json()) == (201, first.json())


def test_long_values_never_cause_a_500(test_users: UserFixtures) -> None:
    location_ids = [dynamodb.new_id("loc", now()) for _ in range(80)]
    assert test_users.ann.post("/user", test_users.user_body(locations=location_ids)).status_code == 404
    assert test_users.ann.get(f"/user/usr_{'x' * 3000}/audit-logs").status_code == 404
    creation = test_users.ann.post("/user", test_users.user_body(name="\u0390" * 200))
    assert creation.status_code == 201
    user = users.get_user(creation.json()["id"])
    assert len(user.name_key.encode()) <= 1024


def test_throttled_batch_returns_503(test_users: UserFixtures, env: Environment) -> None:
    with env.apply_plan(FaultPlan(always={"dynamodb BatchGetItem": "unprocessed"})) as fault_plan:
        response = test_users.ann.get(f"/user/{test_users.sam.id}/audit-logs")
    assert response.status_code == 503
    assert len(fault_plan.fired_faults) <= 12


def test_hanging_auth0_delays_requests_at_most_five_seconds(test_users: UserFixtures, env: Environment) -> None:
    web = env.start_web("patient", free_port())
    for path in ("/oauth/token", "/api/v2/users"):
        fault_rule = {"path": path, "fault": "slow", "seconds": 20, "times": 20}
        httpx.post(f"{env.issuer}_local/faults", json=fault_rule).raise_for_status()
    person = SignedInUser(test_users.ann.user, test_users.ann.token, web)
    assert person.get("/user").status_code == 200
    try:
        with ThreadPoolExecutor(12) as pool:
            futures = [pool.submit(person.post, "/user", test_users.user_body()) for _ in range(12)]
            other_responses = [pool.submit(person.get, "/user").result() for _ in range(5)]
            responses = [future.result() for future in futures]
    finally:
        httpx.delete(f"{env.issuer}_local/faults")
        env.stop("patient")
    assert [response.status_code for response in responses] == [503] * 12
    assert max(response.elapsed.total_seconds() for response in responses) < 6
    assert all(response.headers["Retry-After"] for response in responses)
    assert [response.status_code for response in other_responses] == [200] * 5
    assert max(response.elapsed.total_seconds() for response in other_responses) < 2


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\tinside"])
def test_invalid_idempotency_key_is_rejected(test_users: UserFixtures, key: str) -> None:
    response = test_users.ann.post("/user", test_users.user_body(), headers={"Idempotency-Key": key})

    assert response.status_code == 400


def test_idempotency_record_contains_no_body(test_users: UserFixtures) -> None:
    body = test_users.user_body(name="Unforgettable Canary")
    test_users.ann.post("/user", body, headers={"Idempotency-Key": "kept"})

    items = dynamodb.call("Scan", TableName=idempotency.IdempotencyRecord.table_name())["Items"]

    assert items
    assert "Canary" not in str(items)
    assert body["email"] not in str(items)


def test_matching_etag_returns_304(test_users: UserFixtures) -> None:
    first = test_users.sam.get("/user")
    tag = first.headers["ETag"]

    assert test_users.sam.get("/user", headers={"If-None-Match": tag}).status_code == 304
    assert test_users.sam.get("/user", headers={"If-None-Match": 'W/"9", ' + tag}).status_code == 304
    assert test_users.sam.get("/user", headers={"If-None-Match": '"0"'}).status_code == 200


def test_responses_have_standard_headers(test_users: UserFixtures) -> None:
    for response in (
        test_users.ann.get("/user"),
        test_users.ann.get("/nowhere"),
        httpx.get(f"{test_users.ann.web}/user"),
        httpx.get(f"{test_users.ann.web}/healthz"),
    ):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert response.headers["Cache-Control"] in ("no-store", "private, no-cache")
        assert re.fullmatch(r"[0-9A-Z]{26}", response.headers["X-Request-Id"])
    rate_limit_headers = test_users.ann.get("/user").headers
    assert re.fullmatch(r'"read";r=\d+;t=\d+', rate_limit_headers["RateLimit"])
    assert rate_limit_headers["RateLimit-Policy"] == '"read";q=6000;w=60'


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
def test_unknown_paths_and_methods_return_a_problem(
    test_users: UserFixtures, method: str, path: str, status: int
) -> None:
    response = test_users.ann.request(method, path)

    assert response.status_code == status
    parse_problem(response)
    assert status != 405 or "Allow" in response.headers


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/user", {"DELETE", "GET", "HEAD", "PATCH", "POST"}),
        ("/docs/errors", {"GET", "HEAD"}),
        ("/openapi.json", {"GET", "HEAD"}),
        ("/telephony/voice", {"POST"}),
    ],
)
def test_refused_method_names_the_methods_of_the_path(web: str, path: str, allowed: set[str]) -> None:
    response = httpx.request("PUT" if "POST" in allowed else "POST", web + path, json={})

    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) >= allowed
    problem = parse_problem(response)
    assert problem["code"] == "method_not_allowed"
    assert "GET" in problem["detail"] or "POST" in problem["detail"]


def test_exhausted_quota_is_described(test_users: UserFixtures) -> None:
    user = test_users.abe
    with rate_limits.use_up(["export"], user.id):
        response = user.get("/user/export/my-data", params={"format": "json"})

    assert response.status_code == 429
    assert response.headers["RateLimit-Policy"] == '"export";q=10;w=60'
    seconds = int(response.headers["Retry-After"])
    assert 1 <= seconds <= 60
    assert response.headers["RateLimit"] == f'"export";r=0;t={seconds}'


def test_anonymous_requests_see_their_quota(web: str) -> None:
    response = httpx.get(f"{web}/user")

    assert response.status_code == 401
    assert response.headers["RateLimit-Policy"] == '"anonymous";q=3000;w=60'


def test_unknown_host_is_rejected(test_users: UserFixtures) -> None:
    response = httpx.get(f"{test_users.ann.web}/user", headers={"Host": "evil.example"})

    assert response.status_code == 400
    parse_problem(response)


def test_forwarded_addresses_are_accepted_only_from_trusted_proxies(test_users: UserFixtures, env: Environment) -> None:
    trusting_url = env.start_web("trusting", free_port(), TRUSTED_PROXIES="127.0.0.0/8")
    headers = {"X-Forwarded-For": "192.0.2.9, 127.0.0.2", "X-Forwarded-Host": "127.0.0.1"}
    try:
        for web, expected in ((test_users.ann.web, "127.0.0.1"), (trusting_url, "192.0.2.9")):
            person = SignedInUser(test_users.ann.user, test_users.ann.token, web)
            response = person.post("/user", test_users.user_body(), headers=headers)
            assert response.status_code == 201
            entry = test_users.ann.get(f"/user/{response.json()['id']}/audit-logs").json()["items"][0]
            assert entry["ip"] == expected
    finally:
        env.stop("trusting")


def test_cors_allows_only_configured_origins(test_users: UserFixtures) -> None:
    preflight_headers = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization"}
    allowed, denied = (
        httpx.options(f"{test_users.ann.web}/user", headers={**preflight_headers, "Origin": origin})
        for origin in ("https://app.dutyline.example", "https://evil.example")
    )

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://app.dutyline.example"
    assert "Access-Control-Allow-Origin" not in denied.headers
    assert "Access-Control-Allow-Credentials" not in allowed.headers
    allowed_headers = allowed.headers["Access-Control-Allow-Headers"]
    assert {"sentry-trace", "baggage", "traceparent", "idempotency-key"} <= set(allowed_headers.split(", "))
    answer = httpx.get(f"{test_users.ann.web}/user", headers={"Origin": "https://app.dutyline.example"})
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    assert {"WWW-Authenticate", "Location", "Link", "Content-Range", "Idempotent-Replayed", "RateLimit"} <= exposed


def test_a_wildcard_origin_allows_one_label_only(env: Environment) -> None:
    web = env.start_web("preview", free_port(), CORS_ORIGINS="https://*.preview.example,http://localhost:4200")
    origins = {
        "https://pr-7.preview.example": True,
        "http://localhost:4200": True,
        "https://preview.example": False,
        "https://.preview.example": False,
        "https://a.b.preview.example": False,
        "https://pr-7.preview.example.evil.example": False,
        "https://pr-7.preview.example:8443": False,
        "https://pr-7.previewxexample": False,
        "https://evil.example/x.preview.example": False,
        "https://evil.example#.preview.example": False,
        "http://pr-7.preview.example": False,
        "http://localhost:42001": False,
        "null": False,
    }
    try:
        allowed = {
            origin: httpx.get(f"{web}/readyz", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")
            for origin in origins
        }
    finally:
        env.stop("preview")
    assert allowed == {origin: origin if is_allowed else None for origin, is_allowed in origins.items()}


def test_body_without_content_length_is_rejected(test_users: UserFixtures) -> None:
    def chunks() -> Any:
        yield b'{"email": "a@b.example"}'

    headers = {"Content-Type": "application/json"}
    response = test_users.ann.request("POST", "/user", content=chunks(), headers=headers)

    assert response.status_code == 400
    parse_problem(response)


def test_health_and_readiness(test_users: UserFixtures, env: Environment) -> None:
    assert httpx.get(f"{test_users.ann.web}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{test_users.ann.web}/readyz")
    assert ready.status_code == 200
    expected = {"status", "store", "zoneRules", "outbox", "dataKeys", "redis", "files", "problems", "saturation"}
    assert set(ready.json()) == expected
    cold_url = env.start_web("cold", free_port())
    try:
        with env.apply_plan(FaultPlan(always={"dynamodb": "refuse", "redis": "refuse"})):
            not_ready = httpx.get(f"{cold_url}/readyz", timeout=20)
            assert not_ready.status_code == 503
            assert not_ready.json()["store"] == not_ready.json()["redis"] == "unavailable"
            assert httpx.get(f"{cold_url}/healthz").status_code == 200
    finally:
        env.stop("cold")


def test_api_works_without_redis(test_users: UserFixtures, env: Environment) -> None:
    with env.apply_plan(FaultPlan(always={"redis": "refuse"})):
        assert test_users.ann.get("/user").status_code == 200
        assert test_users.ann.post("/user", test_users.user_body()).status_code == 201


def test_internal_error_shows_no_details(test_users: UserFixtures, env: Environment) -> None:
    with env.apply_plan(FaultPlan(always={"dynamodb": "malformed"})):
        response = test_users.ann.get("/user")

    assert response.status_code == 500
    document = parse_problem(response)
    assert document["requestId"] in env.read_log("web")
    assert "Responses" not in response.text
    assert "Traceback" not in response.text


def test_api_reference_works_offline(web: str) -> None:
    page = httpx.get(f"{web}/docs/")
    assert page.status_code == 200
    urls = re.findall(r"""(?:src|href)=["']([^"']+)""", page.text)
    assert urls
    for url in urls:
        assert url.startswith("/"), url
        assert httpx.get(web + url).status_code == 200, url


def test_logs_and_outbox_contain_no_personal_data(test_users: UserFixtures, env: Environment) -> None:
    body = test_users.user_body(name="Secret Canary", userSkills=["canary skill"])
    headers = {"Idempotency-Key": "canary key", "User-Agent": "canary agent"}
    assert test_users.ann.post("/user", body, headers=headers).status_code == 201
    with env.apply_plan(FaultPlan(always={"identity": "503"})):
        pending_body = test_users.user_body(name="Waiting Canary")
        assert test_users.ann.post("/user", pending_body, headers={"User-Agent": "x"}).status_code == 503
    with env.apply_plan(FaultPlan(always={"dynamodb": "malformed"})):
        assert test_users.ann.post("/user", body, headers=headers).status_code == 500
    test_users.ann.get("/user?canary=1", headers={"Authorization": "Bearer canary.token.x"})
    items = [
        item
        for record in (outbox.OutboxMessage, audit.AuditEntry, idempotency.IdempotencyRecord)
        for item in dynamodb.call("Scan", TableName=record.table_name())["Items"]
    ]
    process_outbox(seconds_ahead=60)
    (message,) = emails_to(env, body["email"])
    logged_text = env.read_log("web") + str(items)

    assert "accounts.send_invitation" in str(items)
    for secret in (
        *("Canary", "canary", body["email"], pending_body["email"], test_users.ann.token, test_users.ann.user.name),
        *(message["links"][0].partition("=")[2], "local-machine-secret"),
    ):
        assert secret not in logged_text, secret
