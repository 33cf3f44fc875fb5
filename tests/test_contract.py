"""Every operation shows every status that it documents, in the shape that it documents."""

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
from tests.conftest import Cast, Person, come, free_number, now, phone_of, problem
from tests.support.environment import WORLD, World
from tests.support.proxy import Plan
from tests.support.samples import SAMPLES, UNKNOWN, Operation, Sample, operations

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
"""What the reference asks of each operation; ours may document more."""


@pytest.fixture(scope="module")
def nobody(cast: Cast, world: World, web: str) -> Person:
    """A person of Harbour Dental without any permission."""
    wanted = create.Wanted(
        customer_id=cast.customer.id,
        email=f"nobody.{cast.customer.id.lower()}@cast.example",
        name="Nil",
        permissions=[],
    )
    return come(world, web, create.create(wanted, actor=cast.ann.actor, at=now()))


def send(who: Person | None, operation: Operation, sample: Sample, **more: Any) -> httpx.Response:
    """Make the operation's request."""
    web = more.pop("web", who.web if who else "")
    headers = more.pop("headers", {})
    if who:
        headers = {"Authorization": f"Bearer {who.token}", **headers}
    if sample.body is not None and "content" not in more:
        more["json"] = sample.body
    address = web + operation.path(sample)
    return httpx.request(
        operation.method, address, params=sample.query, headers=headers, timeout=30, **more
    )


def success(operation: Operation) -> int:
    return min(int(status) for status in operation.document["responses"])


# --- how each status comes about, for any operation ----------------------------------------------
def _wrong(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    query = {**sample.query, **(sample.wrong if sample.body is None else {})}
    body = {**sample.body, **sample.wrong} if sample.body is not None else None
    return send(cast.ann, operation, replace(sample, query=query, body=body))


def _reused_key(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    headers = {"Idempotency-Key": f"reused by {operation.id}"}
    assert send(cast.ann, operation, sample, headers=headers).status_code == success(operation)
    other = SAMPLES[operation.id](cast)
    return send(cast.ann, operation, other, headers=headers)


def _not_modified(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    tag = send(cast.ann, operation, sample).headers["ETag"]
    return send(cast.ann, operation, sample, headers={"If-None-Match": tag})


def _nobodys(sample: Sample) -> Sample:
    id = {"id": UNKNOWN[sample.about]}
    if "id" in sample.path:
        return replace(sample, path=id)
    return replace(sample, body={**(sample.body or {}), **id})


def _elsewhere(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    body = {**(sample.body or {}), "locations": [UNKNOWN["loc"]]}
    return send(cast.ann, operation, replace(sample, body=body))


def _with_address_of_sam(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    body = {**(sample.body or {}), "email": cast.sam.user.email}
    return send(cast.ann, operation, replace(sample, body=body))


def _last_owner_goes(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    return send(cast.ann, operation, replace(sample, body={"id": cast.ann.id}))


def _token_of_nobody(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    nobody = replace(cast.ann, token=token_for(f"auth0|{UNKNOWN['usr']}"))
    return send(nobody, operation, sample)


def _created_and_gone(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    headers = {"Idempotency-Key": "created and gone"}
    made = send(cast.ann, operation, sample, headers=headers)
    assert cast.ann.delete(f"/location/{made.json()['id']}").status_code == 200
    return send(cast.ann, operation, sample, headers=headers)


def _with(cast: Cast, operation: Operation, sample: Sample, **more: Any) -> httpx.Response:
    return send(cast.ann, operation, replace(sample, body={**(sample.body or {}), **more}))


def _twice(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    assert send(cast.ann, operation, sample).status_code == 201
    return send(cast.ann, operation, sample)


def _onto_another(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    other = cast.shift()
    times = {"startTime": f"{other.start}", "endTime": f"{other.end}"}
    return send(cast.ann, operation, replace(sample, body=times))


def _opened_and_closed(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    headers = {"Idempotency-Key": "opened and closed"}
    assert send(cast.ann, operation, sample, headers=headers).status_code == 201
    assert cast.ann.delete("/user/calendar-feed").status_code == 200
    return send(cast.ann, operation, sample, headers=headers)


def _nowhere(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    return send(cast.ann, operation, replace(sample, path={"locationId": UNKNOWN["loc"]}))


def _still_being_bought(cast: Cast, operation: Operation) -> httpx.Response:
    wanted = {"phoneNumber": free_number(), "locationId": cast.place().id}
    with WORLD.plan(Plan(always={"twilio": "503"})):
        tried = cast.ann.post("/userManagement/purchase-phone-number", wanted)
    assert tried.status_code == 503, tried.text
    return send(cast.ann, operation, Sample(path={"number": wanted["phoneNumber"]}))


def _has_another(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    number = dynamodb.get(PhoneNumber, sample.path["number"])
    assert number
    assert cast.ann.delete(f"/phoneNumber/{number.number}").status_code == 200
    cast.bought(locations.named([number.location_id], cast.customer.id)[number.location_id])
    return send(cast.ann, operation, sample)


def _foreign_phone(cast: Cast, operation: Operation, sample: Sample) -> httpx.Response:
    for phone in ("+442071838750", phone_of(cast.ann.user)):
        assert cast.ann.patch("/user", {"phone": phone}).status_code == 200
        if phone.startswith("+44"):
            answer = send(cast.ann, operation, sample)
    return answer


def token_for(subject: str) -> str:
    """A good token, whoever it is for."""
    at = int(now().timestamp())
    audience = "https://api.dutyline.example/"
    claims = {"iss": WORLD.issuer, "aud": audience, "sub": subject, "iat": at, "exp": at + 600}
    return WORLD.tenant().sign(claims)


GENERAL: dict[int, Callable[[Cast, Operation, Sample], httpx.Response]] = {
    304: _not_modified,
    400: _wrong,
    401: lambda cast, operation, sample: send(None, operation, sample, web=cast.ann.web),
    404: lambda cast, operation, sample: send(cast.ann, operation, _nobodys(sample)),
    412: lambda cast, operation, sample: send(
        cast.ann, operation, sample, headers={"If-Match": '"999"'}
    ),
    413: lambda cast, operation, sample: send(
        cast.ann, operation, replace(sample, body={**(sample.body or {}), "name": "x" * 300_000})
    ),
    415: lambda cast, operation, sample: send(
        cast.ann, operation, sample, content=b"a=1", headers={"Content-Type": "text/plain"}
    ),
    422: _reused_key,
}

# --- and for single ones --------------------------------------------------------------------------
SPECIAL: dict[tuple[str, int], Callable[[Cast, Operation, Sample], httpx.Response]] = {
    ("createUser", 404): _elsewhere,
    ("createUser", 409): _with_address_of_sam,
    ("createManagedUser", 404): _elsewhere,
    ("createManagedUser", 409): _with_address_of_sam,
    ("updateManagedUser", 409): _with_address_of_sam,
    ("updateCurrentUser", 404): _elsewhere,
    ("updateCurrentUser", 409): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(body={"locations": [cast.boston.id]})
    ),
    ("deleteUser", 409): _last_owner_goes,
    ("deleteManagedUser", 409): _last_owner_goes,
    ("listUsers", 404): _token_of_nobody,
    ("resendInvitation", 409): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"id": cast.sam.id}, body={})
    ),
    ("acceptTerms", 409): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(body={"version": documents.versions()[0]})
    ),
    ("createLocation", 404): _created_and_gone,
    ("deleteLocation", 409): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"id": cast.boston.id}, about="loc")
    ),
    ("createSchedule", 404): lambda cast, operation, sample: _with(
        cast, operation, sample, staffId=UNKNOWN["usr"]
    ),
    ("createSchedule", 409): lambda cast, operation, sample: _twice(cast, operation, sample),
    ("updateSchedule", 409): lambda cast, operation, sample: _onto_another(cast, operation, sample),
    ("listSchedules", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(query={"locationId": UNKNOWN["loc"]})
    ),
    ("listTemplates", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(query={"locationId": UNKNOWN["loc"]})
    ),
    ("createTemplate", 404): lambda cast, operation, sample: _with(
        cast, operation, sample, locationId=UNKNOWN["loc"]
    ),
    ("openCalendarFeed", 404): lambda cast, operation, sample: _opened_and_closed(
        cast, operation, sample
    ),
    ("purchasePhoneNumber", 404): lambda cast, operation, sample: _with(
        cast, operation, sample, locationId=UNKNOWN["loc"]
    ),
    ("purchasePhoneNumber", 409): lambda cast, operation, sample: _with(
        cast, operation, sample, locationId=cast.held.number.location_id
    ),
    ("releasePhoneNumber", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"number": UNKNOWN["num"]})
    ),
    ("releasePhoneNumber", 409): lambda cast, operation, sample: _still_being_bought(
        cast, operation
    ),
    ("restorePhoneNumber", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"number": UNKNOWN["num"]}, body={})
    ),
    ("restorePhoneNumber", 409): lambda cast, operation, sample: _has_another(
        cast, operation, sample
    ),
    ("getIvrConfiguration", 404): lambda cast, operation, sample: _nowhere(cast, operation, sample),
    ("updateIvrConfiguration", 404): lambda cast, operation, sample: _nowhere(
        cast, operation, sample
    ),
    ("previewCall", 404): lambda cast, operation, sample: _nowhere(cast, operation, sample),
    ("listCalls", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(query={"locationId": UNKNOWN["loc"]})
    ),
    ("verifyPhone", 409): lambda cast, operation, sample: _foreign_phone(cast, operation, sample),
    ("getUserAuditLogs", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"userId": UNKNOWN["usr"]})
    ),
}


STORE = {500: "nonsense", 503: "503"}
"""What DynamoDB says for these to be answered."""


def test_every_documented_status_is_shown(
    cast: Cast, nobody: Person, openapi: dict[str, Any], say: Callable[[str], None]
) -> None:
    shown = 0
    for operation in operations(openapi):
        for status in sorted({int(s) for s in operation.document["responses"]} - set(STORE)):
            sample = SAMPLES[operation.id](cast)
            answer = _provoke(cast, nobody, operation, sample, status)
            assert answer.status_code == status, f"{operation.id} {status}: {answer.text}"
            conforms(openapi, operation, answer)
            shown += 1
    say(f"contract: {shown} documented statuses of {len(operations(openapi))} operations shown")


@pytest.mark.parametrize("status", STORE)
def test_every_operation_says_that_the_store_is_away(
    cast: Cast, world: World, openapi: dict[str, Any], status: int
) -> None:
    every = operations(openapi)
    samples = [SAMPLES[operation.id](cast) for operation in every]
    with world.plan(Plan(always={"dynamodb": STORE[status]})), ThreadPoolExecutor(16) as pool:
        answers = pool.map(lambda pair: send(cast.ann, *pair), zip(every, samples, strict=True))
        for operation, answer in zip(every, answers, strict=True):
            assert answer.status_code == status, f"{operation.id} {status}: {answer.text}"
            conforms(openapi, operation, answer)


def _provoke(
    cast: Cast, nobody: Person, operation: Operation, sample: Sample, status: int
) -> httpx.Response:
    special = SPECIAL.get((operation.id, status))
    if special:
        return special(cast, operation, sample)
    if status == 403:
        return send(nobody, operation, sample)
    if status == 429:
        return _exhausted(nobody, operation, sample)
    if status in GENERAL:
        return GENERAL[status](cast, operation, sample)
    return send(cast.ann, operation, sample)


def _exhausted(who: Person, operation: Operation, sample: Sample) -> httpx.Response:
    """The answer to somebody who has used up all limits."""
    limiter = throttling.limiter()
    spent = [
        RateLimitItemPerMinute(quota, namespace=f"dutyline-{name}")
        for name, quota in settings.RATE_LIMITS.items()
    ]
    for item in spent:
        limiter._shared.hit(item, who.id, cost=item.amount)
    try:
        return send(who, operation, sample)
    finally:
        for item in spent:
            limiter._shared.clear(item, who.id)


def conforms(openapi: dict[str, Any], operation: Operation, answer: httpx.Response) -> None:
    """Check headers and body against the document."""
    documented = operation.document["responses"][str(answer.status_code)]
    for name in documented.get("headers", {}):
        if name != "RateLimit" or answer.status_code < 400:
            assert name in answer.headers, f"{operation.id} {answer.status_code} lacks {name}"
    if answer.status_code >= 400:
        problem(answer)
    if answer.status_code == 304:
        assert answer.content == b""
        return
    media = answer.headers["content-type"].split(";")[0]
    if documented["content"][media]["schema"].get("format") == "binary":
        assert answer.content
        return
    schema = {**documented["content"][media]["schema"], "components": openapi["components"]}
    faults = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())]
    assert not faults, f"{operation.id} {answer.status_code}: {faults}"


def test_the_document_holds_what_the_reference_asks(openapi: dict[str, Any]) -> None:
    documented = {operation.id: operation for operation in operations(openapi)}
    for id, (line, statuses) in REFERENCE.items():
        operation = documented[id]
        assert f"{operation.method} {operation.template}" == line
        assert statuses <= {int(status) for status in operation.document["responses"]}


def test_every_operation_is_documented_with_examples_and_security(openapi: dict[str, Any]) -> None:
    assert openapi["openapi"].startswith("3.1")
    for operation in operations(openapi):
        assert operation.document["security"] == [{"bearer": []}], operation.id
        assert operation.document["summary"]
        for status, response in operation.document["responses"].items():
            for media in response.get("content", {}).values():
                is_file = media["schema"].get("format") == "binary"
                assert is_file or media.get("examples"), f"{operation.id} {status} has no example"


def _own_examples(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for operation in operations(openapi):
        for status, response in operation.document["responses"].items():
            for media in response.get("content", {}).values():
                for example in media.get("examples", {}).values():
                    yield f"{operation.id} {status}", media["schema"], example["value"]


def test_the_examples_follow_the_schemas(openapi: dict[str, Any]) -> None:
    for where, schema, value in _own_examples(openapi):
        whole = {**schema, "components": openapi["components"]}
        faults = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
        assert not faults, f"{where}: {faults}"
