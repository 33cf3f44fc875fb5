"""Every operation returns every documented status, and responses conform to the document."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.conf import settings
from jsonschema import Draft202012Validator
from limits import RateLimitItemPerMinute

from accounts import locations
from accounts.terms import documents
from accounts.users import create
from config import dynamodb
from config.api import throttling
from telephony.models import PhoneNumber
from tests.support.environment import ENVIRONMENT, Environment
from tests.support.proxy import FaultPlan
from tests.support.samples import SAMPLES, UNKNOWN_IDS, Operation, RequestSample, operations
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    free_number,
    now,
    parse_problem,
    phone_number_of,
)

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
    "listUsers": ("GET /userManagement", {200, 400, 401, 404, 500}),
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


def send_request(
    user: SignedInUser | None, operation: Operation, sample: RequestSample, **options: Any
) -> httpx.Response:
    """Send an operation's request."""
    web = options.pop("web", user.web if user else "")
    headers = options.pop("headers", {})
    if user:
        headers = {"Authorization": f"Bearer {user.token}", **headers}
    if sample.body is not None and "content" not in options:
        options["json"] = sample.body
    url = web + operation.path(sample)
    return httpx.request(operation.method, url, params=sample.query, headers=headers, timeout=30, **options)


def success_status(operation: Operation) -> int:
    return min(int(status) for status in operation.definition["responses"])


# --- requests by status, for all operations ------------------------------------------------------
def _invalid_request(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    query = {**sample.query, **(sample.invalid_values if sample.body is None else {})}
    body = {**sample.body, **sample.invalid_values} if sample.body is not None else None
    return send_request(test_users.ann, operation, replace(sample, query=query, body=body))


def _reused_key(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": f"reused by {operation.id}"}
    assert send_request(test_users.ann, operation, sample, headers=headers).status_code == success_status(operation)
    other_sample = SAMPLES[operation.id](test_users)
    return send_request(test_users.ann, operation, other_sample, headers=headers)


def _not_modified(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    etag = send_request(test_users.ann, operation, sample).headers["ETag"]
    return send_request(test_users.ann, operation, sample, headers={"If-None-Match": etag})


def _with_unknown_id(sample: RequestSample) -> RequestSample:
    unknown_id = {"id": UNKNOWN_IDS[sample.id_kind]}
    if "id" in sample.path:
        return replace(sample, path=unknown_id)
    return replace(sample, body={**(sample.body or {}), **unknown_id})


def _unknown_location(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    body = {**(sample.body or {}), "locations": [UNKNOWN_IDS["loc"]]}
    return send_request(test_users.ann, operation, replace(sample, body=body))


def _duplicate_email(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    body = {**(sample.body or {}), "email": test_users.sam.user.email}
    return send_request(test_users.ann, operation, replace(sample, body=body))


def _delete_last_owner(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, body={"id": test_users.ann.id}))


def _token_of_unknown_user(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    unknown_user = replace(test_users.ann, token=token_for(f"auth0|{UNKNOWN_IDS['usr']}"))
    return send_request(unknown_user, operation, sample)


def _replay_after_delete(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": "created and removed"}
    created = send_request(test_users.ann, operation, sample, headers=headers)
    assert test_users.ann.delete(f"/location/{created.json()['id']}").status_code == 200
    return send_request(test_users.ann, operation, sample, headers=headers)


def _with_body_fields(
    test_users: UserFixtures, operation: Operation, sample: RequestSample, **fields: Any
) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, body={**(sample.body or {}), **fields}))


def _send_twice(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    assert send_request(test_users.ann, operation, sample).status_code == 201
    return send_request(test_users.ann, operation, sample)


def _overlap_another_shift(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    other_shift = test_users.create_shift()
    times = {"startTime": f"{other_shift.start}", "endTime": f"{other_shift.end}"}
    return send_request(test_users.ann, operation, replace(sample, body=times))


def _replay_closed_feed(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    headers = {"Idempotency-Key": "opened and closed"}
    assert send_request(test_users.ann, operation, sample, headers=headers).status_code == 201
    assert test_users.ann.delete("/user/calendar-feed").status_code == 200
    return send_request(test_users.ann, operation, sample, headers=headers)


def _unknown_ivr_location(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    return send_request(test_users.ann, operation, replace(sample, path={"locationId": UNKNOWN_IDS["loc"]}))


def _release_pending_purchase(test_users: UserFixtures, operation: Operation) -> httpx.Response:
    body = {"phoneNumber": free_number(), "locationId": test_users.create_location().id}
    with ENVIRONMENT.apply_plan(FaultPlan(always={"twilio": "503"})):
        purchase_response = test_users.ann.post("/userManagement/purchase-phone-number", body)
    assert purchase_response.status_code == 503, purchase_response.text
    return send_request(test_users.ann, operation, RequestSample(path={"number": body["phoneNumber"]}))


def _restore_when_replaced(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    number = dynamodb.get_record(PhoneNumber, sample.path["number"])
    assert number
    assert test_users.ann.delete(f"/phoneNumber/{number.number}").status_code == 200
    test_users.purchase_number(
        locations.load_locations([number.location_id], test_users.customer.id)[number.location_id]
    )
    return send_request(test_users.ann, operation, sample)


def _verify_foreign_phone(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> httpx.Response:
    for phone in ("+442071838750", phone_number_of(test_users.ann.user)):
        assert test_users.ann.patch("/user", {"phone": phone}).status_code == 200
        if phone.startswith("+44"):
            response = send_request(test_users.ann, operation, sample)
    return response


def token_for(subject: str) -> str:
    """A valid token for any subject."""
    issued_at = int(now().timestamp())
    audience = "https://api.dutyline.example/"
    claims = {"iss": ENVIRONMENT.issuer, "aud": audience, "sub": subject, "iat": issued_at, "exp": issued_at + 600}
    return ENVIRONMENT.tenant().sign(claims)


REQUEST_BY_STATUS: dict[int, Callable[[UserFixtures, Operation, RequestSample], httpx.Response]] = {
    304: _not_modified,
    400: _invalid_request,
    401: lambda test_users, operation, sample: send_request(None, operation, sample, web=test_users.ann.web),
    404: lambda test_users, operation, sample: send_request(test_users.ann, operation, _with_unknown_id(sample)),
    412: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, headers={"If-Match": '"999"'}
    ),
    413: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, replace(sample, body={**(sample.body or {}), "name": "x" * 300_000})
    ),
    415: lambda test_users, operation, sample: send_request(
        test_users.ann, operation, sample, content=b"a=1", headers={"Content-Type": "text/plain"}
    ),
    422: _reused_key,
}

# --- requests by status, for single operations ----------------------------------------------------
REQUEST_BY_OPERATION: dict[tuple[str, int], Callable[[UserFixtures, Operation, RequestSample], httpx.Response]] = {
    ("createUser", 404): _unknown_location,
    ("createUser", 409): _duplicate_email,
    ("createManagedUser", 404): _unknown_location,
    ("createManagedUser", 409): _duplicate_email,
    ("updateManagedUser", 409): _duplicate_email,
    ("updateCurrentUser", 404): _unknown_location,
    ("updateCurrentUser", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"locations": [test_users.boston.id]})
    ),
    ("deleteUser", 409): _delete_last_owner,
    ("deleteManagedUser", 409): _delete_last_owner,
    ("listUsers", 404): _token_of_unknown_user,
    ("resendInvitation", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"id": test_users.sam.id}, body={})
    ),
    ("acceptTerms", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(body={"version": documents.list_versions()[0]})
    ),
    ("createLocation", 404): _replay_after_delete,
    ("deleteLocation", 409): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"id": test_users.boston.id}, id_kind="loc")
    ),
    ("createSchedule", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, staffId=UNKNOWN_IDS["usr"]
    ),
    ("createSchedule", 409): lambda test_users, operation, sample: _send_twice(test_users, operation, sample),
    ("updateSchedule", 409): lambda test_users, operation, sample: _overlap_another_shift(
        test_users, operation, sample
    ),
    ("listSchedules", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("listTemplates", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("createTemplate", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=UNKNOWN_IDS["loc"]
    ),
    ("openCalendarFeed", 404): lambda test_users, operation, sample: _replay_closed_feed(test_users, operation, sample),
    ("purchasePhoneNumber", 404): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=UNKNOWN_IDS["loc"]
    ),
    ("purchasePhoneNumber", 409): lambda test_users, operation, sample: _with_body_fields(
        test_users, operation, sample, locationId=test_users.boston_number.number.location_id
    ),
    ("releasePhoneNumber", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"number": UNKNOWN_IDS["num"]})
    ),
    ("releasePhoneNumber", 409): lambda test_users, operation, sample: _release_pending_purchase(test_users, operation),
    ("restorePhoneNumber", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"number": UNKNOWN_IDS["num"]}, body={})
    ),
    ("restorePhoneNumber", 409): lambda test_users, operation, sample: _restore_when_replaced(
        test_users, operation, sample
    ),
    ("getIvrConfiguration", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("updateIvrConfiguration", 404): lambda test_users, operation, sample: _unknown_ivr_location(
        test_users, operation, sample
    ),
    ("previewCall", 404): lambda test_users, operation, sample: _unknown_ivr_location(test_users, operation, sample),
    ("listCalls", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(query={"locationId": UNKNOWN_IDS["loc"]})
    ),
    ("verifyPhone", 409): lambda test_users, operation, sample: _verify_foreign_phone(test_users, operation, sample),
    ("getUserAuditLogs", 404): lambda test_users, operation, sample: send_request(
        test_users.ann, operation, RequestSample(path={"userId": UNKNOWN_IDS["usr"]})
    ),
}


STORE_FAULTS = {500: "nonsense", 503: "503"}
"""Fault mode of DynamoDB that causes each status."""


def test_all_documented_statuses_are_returned(
    test_users: UserFixtures,
    unprivileged_user: SignedInUser,
    openapi: dict[str, Any],
    record_figure: Callable[[str], None],
) -> None:
    count = 0
    for operation in operations(openapi):
        for status in sorted({int(s) for s in operation.definition["responses"]} - set(STORE_FAULTS)):
            sample = SAMPLES[operation.id](test_users)
            response = _provoke_status(test_users, unprivileged_user, operation, sample, status)
            assert response.status_code == status, f"{operation.id} {status}: {response.text}"
            assert_conforms(openapi, operation, response)
            count += 1
    record_figure(f"contract: {count} documented statuses of {len(operations(openapi))} operations returned")


@pytest.mark.parametrize("status", STORE_FAULTS)
def test_all_operations_report_an_unavailable_store(
    test_users: UserFixtures, env: Environment, openapi: dict[str, Any], status: int
) -> None:
    documented_operations = operations(openapi)
    samples = [SAMPLES[operation.id](test_users) for operation in documented_operations]
    with env.apply_plan(FaultPlan(always={"dynamodb": STORE_FAULTS[status]})), ThreadPoolExecutor(16) as pool:
        responses = pool.map(
            lambda pair: send_request(test_users.ann, *pair), zip(documented_operations, samples, strict=True)
        )
        for operation, response in zip(documented_operations, responses, strict=True):
            assert response.status_code == status, f"{operation.id} {status}: {response.text}"
            assert_conforms(openapi, operation, response)


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
    limiter = throttling.get_limiter()
    exhausted_limits = [
        RateLimitItemPerMinute(quota, namespace=f"dutyline-{name}") for name, quota in settings.RATE_LIMITS.items()
    ]
    for item in exhausted_limits:
        limiter._shared.hit(item, user.id, cost=item.amount)
    try:
        return send_request(user, operation, sample)
    finally:
        for item in exhausted_limits:
            limiter._shared.clear(item, user.id)


def assert_conforms(openapi: dict[str, Any], operation: Operation, response: httpx.Response) -> None:
    """Check headers and body against the OpenAPI document."""
    definition = operation.definition["responses"][str(response.status_code)]
    for name in definition.get("headers", {}):
        if name != "RateLimit" or response.status_code < 400:
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
    schema = {**definition["content"][media]["schema"], "components": openapi["components"]}
    violations = [error.message for error in Draft202012Validator(schema).iter_errors(response.json())]
    assert not violations, f"{operation.id} {response.status_code}: {violations}"


def test_openapi_contains_the_reference_operations(openapi: dict[str, Any]) -> None:
    operations_by_id = {operation.id: operation for operation in operations(openapi)}
    for id, (request_line, statuses) in REFERENCE.items():
        operation = operations_by_id[id]
        assert f"{operation.method} {operation.path_template}" == request_line
        assert statuses <= {int(status) for status in operation.definition["responses"]}


def test_all_operations_document_examples_and_security(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    for operation in operations(openapi):
        assert operation.definition["security"] == [{"bearer": []}], operation.id
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
                for example in media.get("examples", {}).values():
                    yield f"{operation.id} {label}", media["schema"], example["value"]


def test_examples_match_their_schemas(openapi: dict[str, Any]) -> None:
    for label, schema, value in _iter_examples(openapi):
        full_schema = {**schema, "components": openapi["components"]}
        violations = [error.message for error in Draft202012Validator(full_schema).iter_errors(value)]
        assert not violations, f"{label}: {violations}"
