"""Every operation shows every status that it documents, in the shape that it documents."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from django.conf import settings
from jsonschema import Draft202012Validator
from limits import RateLimitItemPerMinute

from accounts import provisioning
from config.api import limits
from tests.conftest import Cast, Person, come, now, problem
from tests.proxy import Plan
from tests.samples import SAMPLES, UNKNOWN, Operation, Sample, operations
from tests.world import World

REFERENCE = {
    "getCurrentUser": ("GET /user", {200, 401, 500}),
    "createUser": ("POST /user", {201, 400, 500}),
    "getUserAuditLogs": ("GET /user/{userId}/audit-logs", {200, 401, 403, 500}),
}
"""What the reference asks of each operation; ours may document more."""


@pytest.fixture(scope="module")
def nobody(cast: Cast, world: World, web: str) -> Person:
    """A person of Harbour Dental without any permission."""
    wanted = provisioning.Wanted(
        customer_id=cast.customer.id,
        email=f"nobody.{cast.customer.id.lower()}@cast.example",
        name="Nil",
        permissions=[],
    )
    return come(world, web, provisioning.create(wanted, actor=cast.ann.actor, at=now()))


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


GENERAL: dict[int, Callable[[Cast, Operation, Sample], httpx.Response]] = {
    304: _not_modified,
    400: _wrong,
    401: lambda cast, operation, sample: send(None, operation, sample, web=cast.ann.web),
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
    ("createUser", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(body=cast.new_user(locations=[UNKNOWN["loc"]]))
    ),
    ("createUser", 409): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(body=cast.new_user(email=cast.sam.user.email))
    ),
    ("getUserAuditLogs", 404): lambda cast, operation, sample: send(
        cast.ann, operation, Sample(path={"userId": UNKNOWN["usr"]})
    ),
}


def test_every_documented_status_is_shown(
    cast: Cast, nobody: Person, world: World, openapi: dict[str, Any], say: Callable[[str], None]
) -> None:
    shown = 0
    for operation in operations(openapi):
        for status in sorted(int(s) for s in operation.document["responses"]):
            sample = SAMPLES[operation.id](cast)
            with _as_planned(world, status):
                answer = _provoke(cast, nobody, operation, sample, status)
            assert answer.status_code == status, f"{operation.id} {status}: {answer.text}"
            conforms(openapi, operation, answer)
            shown += 1
    say(f"contract: {shown} documented statuses of {len(operations(openapi))} operations shown")


def _as_planned(world: World, status: int) -> Any:
    faults = {500: {"dynamodb": "nonsense"}, 503: {"dynamodb": "503"}}
    return world.plan(Plan(always=faults.get(status, {})))


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
    limiter = limits.limiter()
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
                assert media.get("examples"), f"{operation.id} {status} has no example"


def _own_examples(openapi: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    for operation in operations(openapi):
        for status, response in operation.document["responses"].items():
            for media in response.get("content", {}).values():
                for example in media["examples"].values():
                    yield f"{operation.id} {status}", media["schema"], example["value"]


def test_the_examples_follow_the_schemas(openapi: dict[str, Any]) -> None:
    for where, schema, value in _own_examples(openapi):
        whole = {**schema, "components": openapi["components"]}
        faults = [error.message for error in Draft202012Validator(whole).iter_errors(value)]
        assert not faults, f"{where}: {faults}"
