"""Every operation returns every documented status, and responses conform to the document."""

import http.client
import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from jsonschema import Draft202012Validator

from accounts.users import create
from tests.support import rate_limits
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.samples import (
    REQUEST_BY_OPERATION,
    REQUEST_BY_STATUS,
    SAMPLES,
    Operation,
    RequestSample,
    operations,
    send_request,
    success_status,
)
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, now, parse_problem

REFERENCE = {
    "getCurrentUser": ("GET /user", {200, 401, 500}),
    "createUser": ("POST /user", {201, 400, 500}),
    "getUserAuditLogs": ("GET /user/{userId}/audit-logs", {200, 401, 403, 500}),
    "updateCurrentUser": ("PATCH /user", {200, 401, 500}),
    "deleteUser": ("DELETE /user", {200, 400, 500}),
    "acceptTerms": ("POST /user/accept-terms", {200, 401, 500}),
    "getTermsStatus": ("GET /user/terms-status", {200, 401}),
    "registerPushToken": ("POST /user/push-token", {200, 400, 401, 500}),
    "removePushToken": ("DELETE /user/push-token", {200, 400, 401, 500}),
    "exportMyData": ("GET /user/export/my-data", {200, 401, 500}),
    "listManagedUsers": ("GET /userManagement", {200, 400, 401, 404, 500}),
    "createManagedUser": ("POST /userManagement", {201, 400, 409, 500}),
    "updateManagedUser": ("PATCH /userManagement", {200, 400, 500}),
    "deleteManagedUser": ("DELETE /userManagement", {200, 400, 500}),
    "createSchedule": ("POST /staffSchedule", {201, 400, 500}),
    "listSchedules": ("GET /staffSchedule", {200, 400, 500}),
    "updateSchedule": ("PUT /staffSchedule/{id}", {200, 400, 500}),
    "deleteSchedule": ("DELETE /staffSchedule/{id}", {200, 403, 404, 500}),
    "findPhoneNumbers": ("POST /userManagement/find-phone-numbers", {200, 400, 500}),
    "purchasePhoneNumber": ("POST /userManagement/purchase-phone-number", {200, 400, 500}),
    "resendInvitation": ("POST /userManagement/{id}/resend-invitation", {200, 404, 500}),
}
"""Path and statuses required for each operation; the API may document more."""


@pytest.fixture(scope="module")
def unprivileged_user(test_users: UserFixtures, env: Environment, web: str) -> SignedInUser:
    """A user of Harbour Dental without permissions."""
    new_user = create.NewUserData(
        customer_id=test_users.customer.id,
        email=f"nobody.{test_users.customer.id.lower()}@cast.example",
        name="Nil",
        permissions=[],
    )
    return accept_invitation(env, web, create.create_user(new_user, actor=test_users.ann.actor, at=now()))


TIME_START = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")
STORE_FAULTS = {500: "malformed", 503: "503"}
"""Fault mode of DynamoDB that causes each status."""
LATE_BODY = 408


def test_all_documented_statuses_are_returned(
    test_users: UserFixtures,
    unprivileged_user: SignedInUser,
    openapi: dict[str, Any],
    record_figure: Callable[[str], None],
) -> None:
    count = 0
    for operation in operations(openapi):
        for status in sorted({int(s) for s in operation.definition["responses"]} - {*STORE_FAULTS, LATE_BODY}):
            sample = SAMPLES[operation.id](test_users)
            response = _provoke_status(test_users, unprivileged_user, operation, sample, status)
            assert response.status_code == status, f"{operation.id} {status}: {response.text}"
            assert_conforms(openapi, operation, response)
            count += 1
    record_figure(f"contract: {count} documented statuses of {len(operations(openapi))} operations returned")


@pytest.fixture(scope="module")
def wide_web(env: Environment, test_users: UserFixtures) -> Iterator[str]:
    """A web process that works on the requests of all operations at once: each takes seconds."""
    options: dict[str, Any] = {
        "WEB_THREADS": "64",
        "REQUESTS_AT_ONCE_PER_TOKEN": "64",
        "WEB_QUEUE_MILLISECONDS": "60000",
    }
    url = env.start_web("wide", free_port(), **options)
    assert replace(test_users.ann, web=url).get("/user").status_code == 200
    yield url
    env.stop("wide")


@pytest.mark.parametrize("status", STORE_FAULTS)
def test_all_operations_report_an_unavailable_store(
    test_users: UserFixtures, env: Environment, wide_web: str, openapi: dict[str, Any], status: int
) -> None:
    documented_operations = operations(openapi)
    samples = [SAMPLES[operation.id](test_users) for operation in documented_operations]
    ann = replace(test_users.ann, web=wide_web)
    with env.apply_plan(FaultPlan(always={"dynamodb": STORE_FAULTS[status]})), ThreadPoolExecutor(48) as pool:
        responses = pool.map(lambda pair: send_request(ann, *pair), zip(documented_operations, samples, strict=True))
        for operation, response in zip(documented_operations, responses, strict=True):
            assert response.status_code == status, f"{operation.id} {status}: {response.text}"
            assert_conforms(openapi, operation, response)


def test_operations_with_a_body_report_a_late_one(web: str, env: Environment, openapi: dict[str, Any]) -> None:
    late_operations = [
        operation for operation in operations(openapi) if str(LATE_BODY) in operation.definition["responses"]
    ]
    hasty_web = env.start_web("late", free_port(), BODY_SECONDS="1")
    try:
        with ThreadPoolExecutor(len(late_operations)) as pool:
            responses = pool.map(lambda operation: _send_late_body(hasty_web, operation), late_operations)
            for operation, response in zip(late_operations, responses, strict=True):
                assert response.status_code == LATE_BODY, f"{operation.id}: {response.text}"
                assert_conforms(openapi, operation, response)
    finally:
        env.stop("late")
    assert {operation.id for operation in late_operations} >= {
        operation.id for operation in operations(openapi) if "requestBody" in operation.definition
    }


def _send_late_body(web: str, operation: Operation) -> httpx.Response:
    """The response to the first byte of a body."""
    path = re.sub(r"{\w+}", "x", operation.path_template)
    head = f"{operation.method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{"
    with socket.create_connection(("127.0.0.1", urlsplit(web).port or 0), timeout=20) as connection:
        connection.sendall(head.encode())
        response = http.client.HTTPResponse(connection)
        response.begin()
        return httpx.Response(response.status, headers=response.getheaders(), content=response.read())


def _provoke_status(
    test_users: UserFixtures, unprivileged_user: SignedInUser, operation: Operation, sample: RequestSample, status: int
) -> httpx.Response:
    request_function = REQUEST_BY_OPERATION.get((operation.id, status))
    if request_function:
        return request_function(test_users, operation, sample)
    if status == 403:
        return send_request(unprivileged_user, operation, sample)
    if status == 429:
        return _exhaust_rate_limits(unprivileged_user, operation, sample)
    if status in REQUEST_BY_STATUS:
        return REQUEST_BY_STATUS[status](test_users, operation, sample)
    return send_request(test_users.ann, operation, sample)


def _exhaust_rate_limits(user: SignedInUser, operation: Operation, sample: RequestSample) -> httpx.Response:
    """The response after all rate limits are exhausted."""
    with rate_limits.use_up(settings.RATE_LIMITS, user.id):
        return send_request(user, operation, sample)


def assert_conforms(openapi: dict[str, Any], operation: Operation, response: httpx.Response) -> None:
    """Check headers and body against the OpenAPI document."""
    definition = operation.definition["responses"][str(response.status_code)]
    for name in definition.get("headers", {}):
        if name == "Link":
            assert (name in response.headers) == bool(response.json().get("nextCursor")), operation.id
        elif name != "Idempotent-Replayed":
            assert name in response.headers, f"{operation.id} {response.status_code} lacks {name}"
    if response.status_code >= 400:
        parse_problem(response)
    if response.status_code == 304:
        assert response.content == b""
        return
    media = response.headers["content-type"].split(";")[0]
    if definition["content"][media]["schema"].get("format") == "binary":
        assert response.content
        return
    assert_times_in_one_form(response.json(), operation.id)
    schema = {**definition["content"][media]["schema"], "components": openapi["components"]}
    violations = [error.message for error in Draft202012Validator(schema).iter_errors(response.json())]
    assert not violations, f"{operation.id} {response.status_code}: {violations}"


def assert_times_in_one_form(value: Any, name: str) -> None:
    """Times have seconds, no fraction and an offset; moments, whose names end in At, are in UTC.

    Wall times of a schedule have no offset: its exceptions, what identifies them, and what the
    audit log says of it.
    """
    if isinstance(value, dict):
        for member, part in value.items():
            if member not in ("recurrenceId", "recurrencePattern", "changes", "name"):
                assert_times_in_one_form(part, member)
    elif isinstance(value, list):
        for part in value:
            assert_times_in_one_form(part, name)
    elif isinstance(value, str) and TIME_START.match(value):
        form = MOMENT if name.endswith("At") else TIME
        assert form.fullmatch(value), f"{name}: {value}"


def test_a_repeated_request_is_marked_where_a_key_is_declared(
    test_users: UserFixtures, openapi: dict[str, Any], record_figure: Callable[[str], None]
) -> None:
    count = 0
    for operation in operations(openapi):
        names = {parameter["name"] for parameter in operation.definition.get("parameters", ())}
        sample = SAMPLES[operation.id](test_users)
        headers = {"Idempotency-Key": f"replay of {operation.id}"}
        if "Idempotency-Key" not in names:
            assert operation.method != "POST" or operation.id in ("findPhoneNumbers", "replayCalls"), operation.id
            continue
        responses = [send_request(test_users.ann, operation, sample, headers=headers) for _ in range(3)]
        assert {response.status_code for response in responses} == {success_status(operation)}, responses[-1].text
        marks = [response.headers.get("Idempotent-Replayed") for response in responses]
        assert marks == [None, "true", "true"], f"{operation.id}: {marks}"
        ids = {response.json().get("id") for response in responses}
        assert len(ids) == 1, operation.id
        count += 1
    record_figure(f"contract: replays of {count} operations are marked")


def test_openapi_contains_the_reference_operations(openapi: dict[str, Any]) -> None:
    operations_by_id = {operation.id: operation for operation in operations(openapi)}
    for id, (request_line, statuses) in REFERENCE.items():
        operation = operations_by_id[id]
        assert f"{operation.method} {operation.path_template}" == request_line
        assert statuses <= {int(status) for status in operation.definition["responses"]}


def test_all_operations_document_examples_and_security(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    for operation in operations(openapi):
        expected_security: list[dict[str, list[str]]] = [] if operation.is_public else [{"auth0": []}, {"bearer": []}]
        assert operation.definition["security"] == expected_security, operation.id
        assert operation.definition["summary"]
        for status, response in operation.definition["responses"].items():
            for media in response.get("content", {}).values():
                is_file = media["schema"].get("format") == "binary"
                assert is_file or media.get("examples"), f"{operation.id} {status} has no example"


def _iter_examples(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for operation in operations(openapi):
        contents = {"request": operation.definition.get("requestBody", {}), **operation.definition["responses"]}
        for label, content in contents.items():
            for media in content.get("content", {}).values():
                for name, example in media.get("examples", {}).items():
                    value = example["value"] if "value" in example else openapi["components"]["examples"][name]["value"]
                    yield f"{operation.id} {label}", media["schema"], value


def test_examples_match_their_schemas(openapi: dict[str, Any]) -> None:
    for label, schema, value in _iter_examples(openapi):
        full_schema = {**schema, "components": openapi["components"]}
        violations = [error.message for error in Draft202012Validator(full_schema).iter_errors(value)]
        assert not violations, f"{label}: {violations}"
        if not label.endswith(" request"):
            assert_times_in_one_form(value, label)
