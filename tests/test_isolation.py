"""No operation shows or changes another customer's things.

Every operation of the OpenAPI document is tried by every role, an outsider and nobody, with every
id it takes replaced by an own, a foreign and an unknown one. A new operation enters by itself.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from accounts import permissions
from config import dynamodb
from config.audit.log import AuditEntry
from config.dynamodb.encryption import PersonKey
from config.dynamodb.idempotency import Request
from config.outbox.models import OutboxEntry
from tests.conftest import Cast, Person, problem
from tests.support.samples import SAMPLES, Operation, Sample, foreign, operations, places, unknown
from tests.test_contract import send, success

CANARY = "Canary-Hil"
"""Stands in every name of the other customer."""


PASSING = {AuditEntry, OutboxEntry, Request, PersonKey}
"""What a request of one's own adds to."""


def put(sample: Sample, place: tuple[str, str], value: Any) -> Sample:
    """The sample with another value at one place."""
    where, name = place
    changed = {**(getattr(sample, where) or {}), name: value}
    return replace(sample, **{where: changed})  # type: ignore[arg-type] # a dict either way


def test_every_operation_declares_a_permission(openapi: dict[str, Any]) -> None:
    for operation in operations(openapi):
        assert operation.document.get("x-permission") in permissions.PERMISSIONS, operation.id
        assert operation.id in SAMPLES, f"add a sample for {operation.id} to tests/samples.py"


def test_nobody_reaches_anothers_things(
    cast: Cast, openapi: dict[str, Any], say: Callable[[str], None]
) -> None:
    cells = 0
    assert cast.foreign_shift.customer_id == cast.foreign_template.customer_id  # made beforehand
    assert cast.foreign_recorded != cast.recorded
    before = rows_of(cast.elsewhere.id, [cast.cleo])
    for operation in operations(openapi):
        for role, person in cast.people.items():
            needed = operation.document.get(
                "x-permission-for-others", operation.document["x-permission"]
            )
            may = needed in permissions.ROLES[role]
            own = send(person, operation, SAMPLES[operation.id](cast))
            expected = {success(operation)} if may else {403}
            assert own.status_code in expected, f"{operation.id} as {role}: {own.text}"
            cells += 1
            for place in places(SAMPLES[operation.id](cast)):
                cells += try_place(cast, operation, role, place, may=may)
        first, second = (SAMPLES[operation.id](cast) for _ in range(2))
        ours = rows_of(cast.customer.id, list(cast.people.values()))
        cells += try_strangers(cast, operation, first)
        cells += try_outsider(cast, operation, second)
        assert rows_of(cast.customer.id, list(cast.people.values())) == ours, (
            f"{operation.id} let a stranger or an outsider change a row"
        )
        assert rows_of(cast.elsewhere.id, [cast.cleo]) == before, (
            f"{operation.id} changed a foreign row"
        )
    say(f"isolation: {cells} cells, none crossed")


def try_place(
    cast: Cast, operation: Operation, role: str, place: tuple[str, str], *, may: bool
) -> int:
    """A foreign id is answered exactly as one that does not exist, and shows nothing."""
    person, name = cast.people[role], place[1]
    sample = SAMPLES[operation.id](cast)
    answers = [
        send(person, operation, put(sample, place, value))
        for value in (foreign(cast, name, sample.about), unknown(name, sample.about))
    ]
    for answer in answers:
        expected = {403} if name == "customerId" or not may else {403, 404}
        told = f"{operation.id} as {role} at {place}: {answer.status_code} {answer.text}"
        assert answer.status_code in expected, told
        assert CANARY not in answer.text, told
    first, second = (told_by(answer) for answer in answers)
    if (operation.id, name) == ("deleteSchedule", "id"):  # the one exception: the contract says so
        assert answers[0].status_code == 403
        assert answers[1].status_code == (404 if may else 403)
        return len(answers)
    assert first == second, f"{operation.id} as {role} at {place} tells foreign from unknown"
    return len(answers)


def told_by(answer: httpx.Response) -> dict[str, Any]:
    """What a refusal says, apart from the request's id."""
    return {**problem(answer), "requestId": ""}


def try_strangers(cast: Cast, operation: Operation, sample: Sample) -> int:
    """Without a good token nothing is done."""
    tokens = ["", "Bearer", "Bearer x", f"Basic {cast.ann.token}", f"Bearer {cast.ann.token}x"]
    for token in tokens:
        headers = {"Authorization": token} if token else {}
        answer = send(None, operation, sample, web=cast.ann.web, headers=headers)
        assert answer.status_code == 401, f"{operation.id} with {token[:9]!r}: {answer.text}"
        assert "WWW-Authenticate" in answer.headers
    return len(tokens)


def try_outsider(cast: Cast, operation: Operation, sample: Sample) -> int:
    """The owner of another customer, at each place of our own things."""
    if not places(sample):
        return 0
    answer = send(cast.cleo, operation, sample)
    assert answer.status_code in (403, 404), f"{operation.id} by an outsider: {answer.text}"
    assert "Canary-Har" not in answer.text
    return 1


def rows_of(customer_id: str, people: Sequence[Person]) -> list[str]:
    """Every row of a customer and these people, whole; bookkeeping of requests aside."""
    who = {f":p{number}": {"S": person.id} for number, person in enumerate(people)}
    found: list[dict[str, Any]] = []
    for record in set(dynamodb.records()) - PASSING:
        names = {"id", "customer_id", "user_id", "staff_id"} & set(record.get_attributes())
        if not names:
            continue  # nobody's: what operators see, and counters
        values = {":of": {"S": customer_id}, **who}
        told = " OR ".join(f"#{name} IN ({', '.join(values)})" for name in sorted(names))
        pages = dynamodb.pages(
            "Scan",
            TableName=record.table_name(),
            FilterExpression=told,
            ExpressionAttributeNames=dynamodb.names_in(told),
            ExpressionAttributeValues=values,
        )
        found += [item for items in pages for item in items]
    return sorted(json.dumps(item, sort_keys=True, default=str) for item in found)


@pytest.mark.parametrize("id", ["../user", "usr_", "usr_%00", "usr_" + "9" * 400, "é", "null", "*"])
def test_odd_ids_are_unknown_ids(cast: Cast, id: str) -> None:
    answer = cast.ann.get(f"/user/{id}/audit-logs")

    assert answer.status_code == 404
    assert problem(answer)["code"] == "not_found"
