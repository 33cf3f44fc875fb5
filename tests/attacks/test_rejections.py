"""What DynamoDB rejects for good is a defect: told as 500 and dead at once, never as "busy".

Missing credentials, rights and tables are not: an operator mends them.
"""

import json
import time

import httpx
import pytest

from accounts import users
from accounts.models import User
from config import dynamodb, errors, journal, outbox
from config.dev import engines
from config.dynamodb import transactions, unaudited
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, now, process_outbox

NAME = "Canary Person"


@outbox.task("test.unreadable")
def read_missing_table() -> None:
    """Reads a table that does not exist, or that the role may not read."""
    dynamodb.call("GetItem", TableName="dutyline-test-nothing", Key={"id": {"S": "x"}})


@outbox.task("test.too_large")
def write_too_much(user_id: str, *, job: outbox.TaskContext) -> None:
    """Writes an item that no table takes: more than 400 KB."""
    user = users.get_user(user_id)
    with journal.write(job.author, "test.large", user, job.at) as write:
        write.put(user.with_changes(name="x" * 410_000))


def test_rejections_are_500_and_logged_without_values(test_users: UserFixtures, env: Environment) -> None:
    """M11: every reason except conditions and conflicts was 503 with `Retry-After: 2`."""
    call, mode, reason = "TransactWriteItems", "invalid", "ValidationError"
    with env.apply_plan(FaultPlan(always={f"dynamodb {call}": mode})) as plan:
        response = test_users.sam.patch("/user", {"profileName": NAME})

    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert "Retry-After" not in response.headers
    assert len([name for name in plan.fired_faults if call in name]) == 1, "it was asked again"
    lines = [json.loads(line) for line in env.read_log("web").splitlines() if response.json()["requestId"] in line]
    (rejection,) = [line for line in lines if line["message"] == "the database rejects a call for good"]
    assert rejection["reason"] == reason
    assert "dutyline-test-" in rejection["table"]
    assert NAME not in json.dumps(lines)


@pytest.mark.parametrize("call", ["TransactWriteItems", "BatchGetItem"])
def test_missing_rights_are_503_and_the_log_names_them(test_users: UserFixtures, env: Environment, call: str) -> None:
    """S2-9: they were 500, without AWS's code in the log, although they pass."""
    log_before = len(env.read_log("web"))
    with env.apply_plan(FaultPlan(always={f"dynamodb {call}": "denied"})) as plan:
        response = test_users.sam.patch("/user", {"profileName": NAME})

    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    assert len([name for name in plan.fired_faults if call in name]) == 1, "it was asked again"
    lines = [json.loads(line) for line in env.read_log("web")[log_before:].splitlines() if line.startswith("{")]
    (refusal,) = [line for line in lines if line["message"] == "the database refuses a call"]
    assert (refusal["operation"], refusal["reason"]) == (call, "AccessDeniedException")
    assert "dutyline-test-" in refusal["table"]
    assert NAME not in json.dumps(lines)


def test_readiness_names_the_missing_right(web: str, env: Environment) -> None:
    time.sleep(2.1)  # until the last report is no longer reused
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "denied"})):
        response = httpx.get(f"{web}/readyz")

    assert (response.status_code, response.json()["store"]) == (503, "unavailable")
    assert int(response.headers["Retry-After"]) > 0
    problem = {"name": "store", "code": "AccessDeniedException", "detail": "Query of dutyline-test-outbox"}
    assert problem in response.json()["problems"]


def test_task_waits_for_missing_rights(test_users: UserFixtures, env: Environment) -> None:
    """A role that had expired made every message of the outbox a dead letter at once."""
    message_id = f"test.unreadable-{time.time_ns()}"
    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue("test.unreadable", id=message_id)

    process_outbox()

    message = dynamodb.get_record(outbox.OutboxMessage, message_id)
    assert message is not None
    assert (message.shard, int(message.deferrals)) == (outbox.shard_for(message_id, "test.unreadable", {}), 1)
    unaudited.remove(message, outbox.OutboxMessage.id.exists())


@pytest.mark.parametrize(
    ("mode", "call"), [("conflict", "TransactWriteItems"), ("throttle", "BatchGetItem"), ("503", "BatchGetItem")]
)
def test_what_passes_stays_503(test_users: UserFixtures, env: Environment, mode: str, call: str) -> None:
    with env.apply_plan(FaultPlan(always={f"dynamodb {call}": mode})):
        response = test_users.sam.patch("/user", {"profileName": NAME})

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0


def test_rejected_task_is_dead_at_once(test_users: UserFixtures) -> None:
    """M11: an outbox task was retried for 72 hours."""
    message_id = f"test.too_large-{time.time_ns()}"
    with journal.write(test_users.ann.actor, "test.happened", test_users.sam.user, now()) as write:
        write.enqueue("test.too_large", id=message_id, user_id=test_users.sam.id)

    process_outbox()

    message = dynamodb.get_record(outbox.OutboxMessage, message_id)
    assert message is not None
    assert (message.shard, int(message.attempts)) == (outbox.DEAD_LETTER_SHARD, 1)
    assert message.error is not None
    assert "ValidationException" in message.error
    assert "xxx" not in message.error


REFUSALS = {
    "dynoxide": "TransactWriteItems (Update) of dutyline-test-users: ValidationError",
    "java": "TransactWriteItems of dutyline-test-users: ValidationException",
}
"""AWS cancels a transaction with "An operand in the update expression has an incorrect data type",
a `ValidationError` of one action (API reference, TransactionCanceledException), as `dynoxide` does.
DynamoDB Local refuses the whole call, as AWS does where it sees the mistake without the item."""


def test_reason_of_the_engine_is_a_rejection(test_users: UserFixtures) -> None:
    """M11 with the engine's own refusal: a number is added to a text."""
    action = {
        "TableName": User.table_name(),
        "Key": User.to_dynamodb_key(test_users.sam.id),
        "UpdateExpression": "ADD #name :one",
        "ExpressionAttributeNames": {"#name": "name"},
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    with pytest.raises(dynamodb.CallRejected) as refused:
        transactions.Transaction([{"Update": action}]).commit(str(time.time_ns()))
    assert not isinstance(refused.value, dynamodb.CallForbidden)
    assert str(refused.value) == REFUSALS[engines.dynamodb_engine()]


@pytest.mark.parametrize("key", ["", "x" * 2_049])
def test_unstorable_keys_are_not_found(test_users: UserFixtures, key: str) -> None:
    """LOW: `GetItem` with an empty key, as in `/telephony/voice/code?u=`, was a 500."""
    assert dynamodb.get_record(User, key) is None
    batch = dynamodb.batch_get([dynamodb.RecordKey(User, key), dynamodb.RecordKey(User, test_users.sam.id)])
    assert batch.get(User, key) is None
    assert batch.get(User, test_users.sam.id)
    with pytest.raises(errors.NotFound):
        users.get_user(key)
