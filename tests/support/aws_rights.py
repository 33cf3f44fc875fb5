"""The rights at AWS that calls of DynamoDB need, and what the policies in docs/aws allow."""

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

POLICIES = Path(__file__).resolve().parent.parent.parent / "docs" / "aws"
TABLE_PREFIX = "dutyline-test"
ARN = "arn:aws:dynamodb:REGION:ACCOUNT:table/PREFIX-"
_TRANSACTION_ACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}


class Right(NamedTuple):
    """An action of IAM on a table or an index, such as ``Query`` on ``users/index/byCustomer``."""

    action: str
    resource: str


def required_rights(operation: str, request: Mapping[str, Any]) -> Iterator[Right]:
    """What IAM checks for one call. A transaction needs the rights of its parts."""
    for part in request.get("TransactItems", ()):
        for kind, arguments in part.items():
            yield Right(_TRANSACTION_ACTIONS[kind], short_name(arguments["TableName"]))
    for table in request.get("RequestItems", ()):
        yield Right(operation, short_name(table))
    if "TableName" in request:
        table = short_name(request["TableName"])
        yield Right(operation, f"{table}/index/{request['IndexName']}" if "IndexName" in request else table)


def short_name(table: str) -> str:
    """The name of a table without the prefix of the tests."""
    return table.removeprefix(f"{TABLE_PREFIX}-")


def load_policy(role: str) -> list[dict[str, Any]]:
    """The statements of a policy."""
    return list(json.loads((POLICIES / f"{role}.json").read_text())["Statement"])


def is_allowed(right: Right, statements: list[dict[str, Any]], service: str = "dynamodb", arn: str = ARN) -> bool:
    """Whether IAM allows it: some statement does, and none denies it."""
    matching = [
        statement["Effect"]
        for statement in statements
        if any(fnmatchcase(f"{service}:{right.action}", pattern) for pattern in statement["Action"])
        and any(fnmatchcase(arn + right.resource, pattern) for pattern in statement["Resource"])
    ]
    return "Allow" in matching and "Deny" not in matching
