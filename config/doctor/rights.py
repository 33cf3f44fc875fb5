"""The rights of the process' role at DynamoDB, as docs/aws declares them, each tried harmlessly.

Reads ask for a key that nothing has. Writes have a condition that nothing fulfils, so DynamoDB
refuses them after it has checked the rights; only a batch takes no condition: it deletes a key that
nothing has.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from pynamodb.exceptions import VerboseClientError

import config.daily_limits
import config.dynamodb.key_checks
import config.journal.commit
import config.zone_rules  # noqa: F401 - these define the records of config
from config import dynamodb
from config.doctor.checks import Check, Finding, Options, failed, ok, skipped, warning
from config.dynamodb.connection import CONNECTION_ERRORS
from config.dynamodb.tables import table_definition

POLICY_FOLDER = settings.BASE_DIR / "docs" / "aws"
BATCH_SIZE = 32
_ALLOWED_CODES = {"", "ConditionalCheckFailedException", "TransactionCanceledException"}
_DENIED_CODES = {"AccessDeniedException", "KMSAccessDeniedException", "NotAuthorized"}
_MISSING_CODES = {"ResourceNotFoundException", "ValidationException"}
"""A table or an index is missing: `dynamodb.tables` names it."""
_THROTTLED_CODES = {"ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"}
_TABLES = "table/PREFIX-"
_KEY_VALUES = {"N": "0", "B": "AA=="}


class Right(NamedTuple):
    """An action of IAM on a table, or on an index of it."""

    action: str
    table: str
    """Without the prefix of the installation."""
    index_name: str = ""

    @property
    def resource(self) -> str:
        return f"{self.table}/{self.index_name}" if self.index_name else self.table


def list_rights(role: str) -> list[Right]:
    """What a policy allows to do with items, on each table and index. Raises `OSError`."""
    statements = json.loads((POLICY_FOLDER / f"{role}.json").read_text())["Statement"]
    return [right for right in _all_rights() if _is_allowed(right, statements)]


def list_denied(role: str) -> list[Right]:
    """What a policy denies although it allows it elsewhere. Raises `OSError`."""
    statements = json.loads((POLICY_FOLDER / f"{role}.json").read_text())["Statement"]
    denials = [statement for statement in statements if statement["Effect"] == "Deny"]
    return [right for right in _all_rights() if not right.index_name and any(_matches(right, part) for part in denials)]


def _all_rights() -> Iterator[Right]:
    for record_class in dynamodb.record_classes():
        table = record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-")
        for action in _PROBES:
            yield Right(action, table)
        for index in table_definition(record_class).get("GlobalSecondaryIndexes", ()):
            yield Right("Query", table, index["IndexName"])


def _is_allowed(right: Right, statements: list[dict[str, Any]]) -> bool:
    effects = {statement["Effect"] for statement in statements if _matches(right, statement)}
    return effects == {"Allow"}


def _matches(right: Right, statement: Mapping[str, Any]) -> bool:
    patterns = [resource.partition(_TABLES)[2] for resource in statement["Resource"] if _TABLES in resource]
    name = f"{right.table}/index/{right.index_name}" if right.index_name else right.table
    return f"dynamodb:{right.action}" in statement["Action"] and any(fnmatchcase(name, part) for part in patterns)


# --- requests -------------------------------------------------------------------------------------
def _probe(right: Right) -> tuple[str, dict[str, Any]]:
    """Operation and arguments of a request that needs the right and changes nothing."""
    name = dynamodb.full_table_name(right.table)
    record_class = next(each for each in dynamodb.record_classes() if each.table_name() == name)
    definition = table_definition(record_class)
    types = {part["AttributeName"]: part["AttributeType"] for part in definition["AttributeDefinitions"]}
    if right.index_name:
        indexes = definition["GlobalSecondaryIndexes"]
        key_schema = next(index["KeySchema"] for index in indexes if index["IndexName"] == right.index_name)
    else:
        key_schema = definition["KeySchema"]
    id = f"doctor-{uuid.uuid4().hex}"
    names = [part["AttributeName"] for part in key_schema]
    key = {name: {types[name]: _KEY_VALUES.get(types[name], id)} for name in names}
    operation, arguments = _PROBES[right.action](name, key)
    return operation, {**arguments, "IndexName": right.index_name} if right.index_name else arguments


Probe = tuple[str, dict[str, Any]]
Key = dict[str, dict[str, str]]


def _never(key: Key) -> dict[str, Any]:
    """A condition that no item fulfils, nor the absence of one."""
    hash_name = next(iter(key))
    return {
        "ConditionExpression": "attribute_exists(#hash) AND attribute_not_exists(#hash)",
        "ExpressionAttributeNames": {"#hash": hash_name},
    }


def _get(table: str, key: Key) -> Probe:
    return "GetItem", {"TableName": table, "Key": key}


def _get_batch(table: str, key: Key) -> Probe:
    return "BatchGetItem", {"RequestItems": {table: {"Keys": [key]}}}


def _query(table: str, key: Key) -> Probe:
    hash_name, value = next(iter(key.items()))
    condition = {"KeyConditionExpression": "#hash = :hash", "ExpressionAttributeNames": {"#hash": hash_name}}
    return "Query", {"TableName": table, **condition, "ExpressionAttributeValues": {":hash": value}, "Limit": 1}


def _scan(table: str, key: Key) -> Probe:
    return "Scan", {"TableName": table, "Limit": 1, "Select": "COUNT"}


def _put(table: str, key: Key) -> Probe:
    return "PutItem", {"TableName": table, "Item": key, **_never(key)}


def _update(table: str, key: Key) -> Probe:
    arguments = {"TableName": table, "Key": key, "UpdateExpression": "REMOVE #probe", **_never(key)}
    arguments["ExpressionAttributeNames"]["#probe"] = "doctor"
    return "UpdateItem", arguments


def _delete(table: str, key: Key) -> Probe:
    return "DeleteItem", {"TableName": table, "Key": key, **_never(key)}


def _check_condition(table: str, key: Key) -> Probe:
    return "TransactWriteItems", {
        "TransactItems": [{"ConditionCheck": {"TableName": table, "Key": key, **_never(key)}}]
    }


def _write_batch(table: str, key: Key) -> Probe:
    return "BatchWriteItem", {"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}}


_PROBES = {
    "GetItem": _get,
    "BatchGetItem": _get_batch,
    "Query": _query,
    "Scan": _scan,
    "PutItem": _put,
    "UpdateItem": _update,
    "DeleteItem": _delete,
    "ConditionCheckItem": _check_condition,
    "BatchWriteItem": _write_batch,
}
"""By the action of IAM that each needs."""


def try_rights(rights: list[Right]) -> Iterator[tuple[Right, str]]:
    """Each right and AWS's error code, empty if there is none. Raises `CONNECTION_ERRORS`."""
    transport = dynamodb.get_transport()
    for start in range(0, len(rights), BATCH_SIZE):
        part = rights[start : start + BATCH_SIZE]
        for right, finish in zip(part, transport.start([_probe(right) for right in part]), strict=True):
            try:
                yield right, _error_code(finish)
            except CONNECTION_ERRORS:  # a lost answer, or an engine that has just started: once more
                operation, arguments = _probe(right)
                yield right, _error_code(partial(transport.call, operation, arguments))


def _error_code(get_response: Callable[[], object]) -> str:
    try:
        get_response()
    except VerboseClientError as error:
        return str(error.response.get("Error", {}).get("Code", "unknown"))
    return ""


def _check_rights(options: Options) -> Iterator[Finding]:
    """What the policy of the role allows is allowed."""
    policy = f"docs/aws/{options.role}.json"
    try:
        rights = list_rights(options.role)
    except OSError:
        yield skipped(f"{policy} is not installed here.", "Run this where the repository is.")
        return
    try:
        codes = dict(try_rights(rights))
    except CONNECTION_ERRORS as error:
        mend = "Check DYNAMODB_ENDPOINT_URL, AWS_REGION and the network."
        yield failed("DynamoDB does not answer.", mend, type(error).__name__)
    except dynamodb.CREDENTIAL_ERRORS as error:
        yield failed("There are no AWS credentials.", "Give the process a role.", type(error).__name__)
    else:
        yield from _judge_rights(codes, policy)


def _judge_rights(codes: Mapping[Right, str], policy: str) -> Iterator[Finding]:
    refused: dict[tuple[str, str], list[str]] = defaultdict(list)
    for right, code in codes.items():
        if code not in _ALLOWED_CODES | _MISSING_CODES | _THROTTLED_CODES:
            refused[right.action, code].append(right.resource)
    if not refused:
        yield ok(f"The role may do all {len(codes)} actions on tables and indexes that {policy} lists.")
        return
    common_codes = {code for _, code in refused}
    if len(common_codes) == 1 and not common_codes & _DENIED_CODES:
        (code,) = common_codes
        yield failed(f"AWS refuses our calls ({code}).", "Check the credentials of the role, and AWS_REGION.", code)
        return
    for (action, code), resources in sorted(refused.items()):
        where = ", ".join(resources[:8]) + (", …" if len(resources) > 8 else "")
        sentence = f"AWS refuses {action} on {len(resources)} tables or indexes ({code}): {where}."
        yield failed(
            sentence, f"Attach {policy} to the role of this process, and no other policy that denies it.", code
        )


def _check_denials(options: Options) -> Iterator[Finding]:
    """What protects evidence is denied."""
    if settings.DYNAMODB["endpoint"]:
        yield skipped("DYNAMODB_ENDPOINT_URL names another engine than AWS's, which knows no denials.")
        return
    yield from find_missing_denials(options.role)


def find_missing_denials(role: str) -> Iterator[Finding]:
    """Denials of the policy that do not hold."""
    try:
        denied = list_denied(role)
    except OSError:
        yield skipped(f"docs/aws/{role}.json is not installed here.")
        return
    try:
        allowed = [right for right, code in try_rights(denied) if code in _ALLOWED_CODES]
    except (*CONNECTION_ERRORS, *dynamodb.CREDENTIAL_ERRORS):
        yield skipped("DynamoDB does not answer.")
        return
    if allowed:
        names = ", ".join(f"{right.action} on {right.table}" for right in allowed)
        sentence = f"The role may change or delete evidence: {names}."
        yield warning(sentence, f"Attach docs/aws/{role}.json, whose denials prevent it.")
    else:
        yield ok("The role cannot rewrite the audit, accepted terms or checks of data keys.")


CHECKS = (Check("dynamodb.rights", _check_rights, setting="DynamoDB"), Check("dynamodb.evidence", _check_denials))
