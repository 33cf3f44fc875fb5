"""No operation shows or changes another customer's data.

Every operation of the OpenAPI document is called by every role, by a user of another customer and
unauthenticated, with each of its ids replaced by an own, a foreign and an unknown one. New
operations are included automatically.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from accounts import permissions
from config import dynamodb
from config.audit import AuditEntry
from config.dynamodb.encryption import PersonKey
from config.dynamodb.idempotency import IdempotencyRecord
from config.outbox import OutboxMessage
from tests.support import aws_rights
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.samples import (
    SAMPLES,
    Operation,
    RequestSample,
    foreign_value,
    id_fields,
    operations,
    send_request,
    success_status,
    unknown_value,
)
from tests.support.users import UserFixtures, parse_problem

CANARY = "Canary-Hil"
"""Part of every name of the other customer."""


WRITES = {"DeleteItem", "PutItem", "UpdateItem", "BatchWriteItem"}
BOOKKEEPING_RECORDS = {AuditEntry, OutboxMessage, IdempotencyRecord, PersonKey}
"""Records that any request may add."""


PUBLIC_OPERATIONS = {"getPublicHours"}
"""Operations without a token: what they show is meant for anybody."""


def with_value(sample: RequestSample, id_field: tuple[str, str], value: Any) -> RequestSample:
    """The sample with another value for one parameter."""
    part, name = id_field
    values = {**(getattr(sample, part) or {}), name: value}
    return replace(sample, **{part: values})  # type: ignore[arg-type] # a dict either way


def test_all_operations_declare_a_permission(openapi: dict[str, Any]) -> None:
    for operation in operations(openapi):
        assert operation.is_public == (operation.id in PUBLIC_OPERATIONS), operation.id
        assert operation.is_public or operation.definition.get("x-permission") in permissions.PERMISSIONS, operation.id
        assert operation.id in SAMPLES, f"add a sample for {operation.id} to tests/support/samples.py"


def test_customers_are_isolated(
    test_users: UserFixtures, env: Environment, openapi: dict[str, Any], record_figure: Callable[[str], None]
) -> None:
    checked = 0
    own_writes: set[str] = set()
    assert (
        test_users.foreign_shift.customer_id == test_users.foreign_template.customer_id
    )  # created before the snapshot
    assert test_users.foreign_recorded_call_id != test_users.recorded_call_id
    assert test_users.foreign_callback_id
    assert foreign_value(test_users, "exportId", "")
    foreign_rows = rows_of_customer(test_users.other_customer.id, test_users.cleo.id)
    assert len(foreign_rows) > 10
    for operation in operations(openapi):
        if operation.is_public:
            checked += check_public(test_users, env, operation)
            continue
        with env.apply_plan() as own_plan:
            for role, user in test_users.users_by_role.items():
                permission = operation.definition.get("x-permission-for-others", operation.definition["x-permission"])
                is_allowed = permission in permissions.ROLES[role]
                own_response = send_request(user, operation, SAMPLES[operation.id](test_users))
                expected = {success_status(operation)} if is_allowed else {403}
                assert own_response.status_code in expected, f"{operation.id} as {role}: {own_response.text}"
                checked += 1
                for id_field in id_fields(SAMPLES[operation.id](test_users)):
                    checked += check_foreign_id(test_users, operation, role, id_field, is_allowed=is_allowed)
        own_writes |= written_tables(own_plan)
        first, second = (SAMPLES[operation.id](test_users) for _ in range(2))
        with env.apply_plan() as plan:
            checked += check_unauthenticated(test_users, operation, first)
            checked += check_other_customer(test_users, operation, second)
        assert not written_tables(plan), f"{operation.id} let an unauthenticated or foreign user write"
    assert own_writes  # or writes would not be seen
    assert rows_of_customer(test_users.other_customer.id, test_users.cleo.id) == foreign_rows
    record_figure(f"isolation: {checked} requests, no access across customers")


def check_public(test_users: UserFixtures, env: Environment, operation: Operation) -> int:
    """Anybody gets the same, whoever they are, and nobody writes; other ids are unknown."""
    sample, web = SAMPLES[operation.id](test_users), test_users.ann.web
    with env.apply_plan() as plan:
        responses = [
            send_request(None, operation, sample, web=web),
            send_request(test_users.ann, operation, sample),
            send_request(test_users.cleo, operation, sample),
            send_request(None, operation, sample, web=web, headers={"Authorization": "Bearer x"}),
        ]
        assert {response.status_code for response in responses} == {200}, operation.id
        assert len({response.content for response in responses}) == 1, operation.id
        assert CANARY not in responses[0].text
        location_id = test_users.boston.id
        for value in (location_id, f"pub_{location_id[4:]}{'0' * 26}", test_users.hilltop.id, "pub_", "x", "%00", "é"):
            unknown = send_request(None, operation, with_value(sample, ("path", "line"), value), web=web)
            assert unknown.status_code == 404, f"{operation.id} at {value}: {unknown.text}"
            assert "Canary" not in unknown.text
    assert not written_tables(plan), f"{operation.id} writes"
    return len(responses)


MAY_BE_THEIR_OWN = (
    "getCall",
    "getCallRecording",
    "listCallbacks",
    "getCallback",
    "createCallback",
    "takeCallback",
    "releaseCallback",
    "closeCallback",
    "callCallback",
)
"""Operations on what staff may see of themselves, so that unknown ids are not found."""


def check_foreign_id(
    test_users: UserFixtures, operation: Operation, role: str, id_field: tuple[str, str], *, is_allowed: bool
) -> int:
    """A foreign id gets the same response as an unknown one, without data."""
    user, name = test_users.users_by_role[role], id_field[1]
    sample = SAMPLES[operation.id](test_users)
    responses = [
        send_request(user, operation, with_value(sample, id_field, value))
        for value in (foreign_value(test_users, name, sample.id_kind), unknown_value(name, sample.id_kind))
    ]
    for response in responses:
        may_ask = is_allowed or operation.id in MAY_BE_THEIR_OWN
        expected = {403} if name == "customerId" or not may_ask else {403, 404}
        message = f"{operation.id} as {role} at {id_field}: {response.status_code} {response.text}"
        assert response.status_code in expected, message
        assert CANARY not in response.text, message
    first, second = (problem_without_request_id(response) for response in responses)
    if (operation.id, name) == ("deleteSchedule", "id"):  # the documented exception
        assert responses[0].status_code == 403
        assert responses[1].status_code == (404 if is_allowed else 403)
        return len(responses)
    assert first == second, f"{operation.id} as {role} at {id_field} distinguishes foreign from unknown"
    return len(responses)


def problem_without_request_id(response: httpx.Response) -> dict[str, Any]:
    """The problem document of a response without its request id."""
    return {**parse_problem(response), "requestId": ""}


def check_unauthenticated(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> int:
    """Requests without a valid token are rejected."""
    tokens = ["", "Bearer", "Bearer x", f"Basic {test_users.ann.token}", f"Bearer {test_users.ann.token}x"]
    for token in tokens:
        headers = {"Authorization": token} if token else {}
        response = send_request(None, operation, sample, web=test_users.ann.web, headers=headers)
        assert response.status_code == 401, f"{operation.id} with {token[:9]!r}: {response.text}"
        assert "WWW-Authenticate" in response.headers
    return len(tokens)


def check_other_customer(test_users: UserFixtures, operation: Operation, sample: RequestSample) -> int:
    """The owner of another customer cannot use the ids of this one."""
    if not id_fields(sample):
        return 0
    response = send_request(test_users.cleo, operation, sample)
    assert response.status_code in (403, 404), f"{operation.id} by a foreign user: {response.text}"
    assert "Canary-Har" not in response.text
    return 1


def written_tables(plan: FaultPlan) -> set[str]:
    """Tables that these calls write to, except those of `BOOKKEEPING_RECORDS` and of counters."""
    records = {aws_rights.short_name(record.table_name()): record for record in dynamodb.record_classes()}
    written = {right.resource for call in plan.calls for right in call.rights if right.action in WRITES}
    return {name for name in written if records[name] not in BOOKKEEPING_RECORDS and owner_attributes(records[name])}


def owner_attributes(record: type[dynamodb.Record]) -> set[str]:
    """The attributes that say whose a record is; none of counters and operators' records."""
    return {"id", "customer_id", "user_id", "staff_id"} & set(record.get_attributes())


def rows_of_customer(*ids: str) -> list[str]:
    """All rows of a customer and their users, each once, except `BOOKKEEPING_RECORDS`."""
    values = {f":p{number}": {"S": id} for number, id in enumerate(ids)}
    rows = []
    for record in set(dynamodb.record_classes()) - BOOKKEEPING_RECORDS:
        if not (names := owner_attributes(record)):
            continue
        condition = " OR ".join(f"#{name} IN ({', '.join(values)})" for name in sorted(names))
        pages = dynamodb.iter_pages(
            "Scan",
            TableName=record.table_name(),
            FilterExpression=condition,
            ExpressionAttributeNames=dynamodb.expression_names(condition),
            ExpressionAttributeValues=values,
        )
        rows += [json.dumps(item, sort_keys=True, default=str) for items in pages for item in items]
    return sorted(rows)


@pytest.mark.parametrize("id", ["../user", "usr_", "usr_%00", "usr_" + "9" * 400, "é", "null", "*"])
def test_odd_ids_are_unknown_ids(test_users: UserFixtures, id: str) -> None:
    response = test_users.ann.get(f"/user/{id}/audit-logs")

    assert response.status_code == 404
    assert parse_problem(response)["code"] == "not_found"
