"""Brings DynamoDB's tables to the state that the records need, and says what it changed.

Each table is described, one thing is corrected, and it is described again, until nothing is left
to correct and nothing is under way. So a table counts as right only if DynamoDB says so.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from config import dynamodb

Report = Callable[[str], object]
Definition = Mapping[str, Any]

_TEMPORARY_REASONS = {
    "ContinuousBackupsUnavailableException",  # AWS's first answer for a new table
    "ResourceInUseException",
    "LimitExceededException",  # too many tables change at once
}
_ENCRYPTION = {"Enabled": True, "SSEType": "KMS"}
"""Under the key `aws/dynamodb` of the account; a table under another KMS key stays so."""
_WORKING_STATES = {"CREATING", "UPDATING"}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 5.0
"""Seconds between two descriptions of a table that is changing."""


class TableMismatch(Exception):
    """A table differs in a way that is not corrected, or not in time; the message is a sentence."""


@dataclass(frozen=True)
class Correction:
    """A change of a table: what was done, and the call that does it."""

    description: str
    operation: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Converger:
    """How tables are brought to their state.

    ``protect``: with point-in-time recovery, deletion protection and encryption under a KMS key,
    which local engines lack. ``timeout``: seconds for one table.
    """

    protect: bool
    timeout: float
    report: Report

    def converge_all(self) -> int:
        """Create what is missing, correct what differs; the number of tables.

        Raises `TableMismatch`, `dynamodb.CallRejected` and `errors.Unavailable`.
        """
        record_classes = dynamodb.record_classes()
        for record_class in record_classes:  # AWS creates several at once
            if describe(record_class.table_name()) is None:
                self._create(record_class)
        for record_class in record_classes:
            self._converge(record_class)
        return len(record_classes)

    def list_differences(self, record_class: type[dynamodb.Record]) -> list[str]:
        """What is not as the record needs it; changes nothing. Raises as `converge_all`."""
        description = describe(record_class.table_name())
        if description is None:
            return ["missing"]
        if _is_changing(description):
            return ["being changed"]
        return [f"not yet {correction.description}" for correction in self._corrections(record_class, description)]

    def _create(self, record_class: type[dynamodb.Record]) -> None:
        table = record_class.table_name()
        protection = {"DeletionProtectionEnabled": True, "SSESpecification": _ENCRYPTION} if self.protect else {}
        arguments = {"TableName": table, "BillingMode": "PAY_PER_REQUEST", **table_definition(record_class)}
        pauses = self.pauses(table, "is not created")
        while not self._try(Correction("created", "CreateTable", arguments | protection), table):
            if describe(table):
                return  # another process creates it
            next(pauses)

    def _converge(self, record_class: type[dynamodb.Record]) -> None:
        table, reported = record_class.table_name(), set()
        pauses = self.pauses(table, "does not get ready")
        while True:
            description = describe(table)
            if description is None or _is_changing(description):
                next(pauses)
                continue
            correction = next(self._corrections(record_class, description), None)
            if correction is None:
                return
            is_new = correction.description not in reported
            if is_new and self._try(correction, table):
                reported.add(correction.description)
                pauses = self.pauses(table, f"could not be verified: {correction.description}")
            else:
                next(pauses)

    def _try(self, correction: Correction, table: str) -> bool:
        """Whether DynamoDB accepted a correction; False if it must be asked again."""
        try:
            dynamodb.call(correction.operation, **{"TableName": table, **correction.arguments})
        except dynamodb.CallRejected as rejection:
            if rejection.reason in _TEMPORARY_REASONS:
                return False
            raise TableMismatch(
                f"{table}: DynamoDB rejects {correction.operation} ({correction.description}): {rejection.reason}."
            ) from rejection
        self.report(f"{table}: {correction.description}")
        return True

    def pauses(self, table: str, problem: str) -> Iterator[None]:
        """Sleeps longer each time. Raises `TableMismatch` after the timeout."""
        deadline = time.monotonic() + self.timeout
        seconds = _FIRST_PAUSE
        while time.monotonic() < deadline:
            time.sleep(seconds)
            yield
            seconds = min(seconds * 1.5, _LONGEST_PAUSE)
        raise TableMismatch(f"{table} {problem} after {self.timeout:.0f} seconds; run this command again.")

    def _corrections(self, record_class: type[dynamodb.Record], description: Definition) -> Iterator[Correction]:
        _check_keys(record_class, description)
        if description.get("BillingModeSummary", {}).get("BillingMode") != "PAY_PER_REQUEST":
            yield Correction("billed on demand", "UpdateTable", {"BillingMode": "PAY_PER_REQUEST"})
        yield from _missing_indexes(record_class, description)
        if self.protect and not description.get("DeletionProtectionEnabled"):
            yield Correction("protected from deletion", "UpdateTable", {"DeletionProtectionEnabled": True})
        if self.protect and description.get("SSEDescription", {}).get("Status") != "ENABLED":
            yield Correction("encrypted under a KMS key", "UpdateTable", {"SSESpecification": _ENCRYPTION})
        yield from _expiry_corrections(record_class)
        if self.protect:
            yield from _backup_corrections(record_class.table_name())


def table_definition(record_class: type[dynamodb.Record]) -> dict[str, Any]:
    """Keys, indexes and the types of their attributes, as CreateTable takes them."""
    schema = record_class._get_schema()  # noqa: SLF001 - what create_table() would send
    definition = {
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": _sort_hash_first(schema["key_schema"]),
    }
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _sort_hash_first(index["key_schema"]),
            "Projection": index["projection"],
        }
        for index in schema["global_secondary_indexes"]
    ]
    return {**definition, "GlobalSecondaryIndexes": indexes} if indexes else definition


def describe_all() -> list[dict[str, Any]]:
    """All tables, by name without prefix: keys, indexes, the attribute by which items expire."""
    return [
        {
            "name": record_class.table_name().removeprefix(f"{settings.DYNAMODB['prefix']}-"),
            **table_definition(record_class),
            "expiry": getattr(record_class.Meta, "ttl", None),
        }
        for record_class in sorted(dynamodb.record_classes(), key=lambda item: item.table_name())
    ]


def _sort_hash_first(schema: Iterable[Definition]) -> list[Definition]:
    return sorted(schema, key=lambda part: part["KeyType"])  # HASH, then RANGE


def describe(table: str) -> dict[str, Any] | None:
    """What DynamoDB says about a table; None if it does not exist."""
    try:
        return dict(dynamodb.call("DescribeTable", TableName=table)["Table"])
    except dynamodb.CallRejected as rejection:
        if rejection.reason == "ResourceNotFoundException":
            return None
        raise


def wait_until_ready(table: str, seconds: float = 300) -> None:
    """Wait until DynamoDB is done with a change. Raises `TableMismatch` after that time."""
    for _ in Converger(protect=False, timeout=seconds, report=str).pauses(table, "does not get ready"):
        description = describe(table)
        if description is not None and not _is_changing(description):
            return


def _is_changing(description: Definition) -> bool:
    """Whether DynamoDB is still at work. Raises `TableMismatch` if the table is unusable."""
    indexes = description.get("GlobalSecondaryIndexes", [])
    states = {index.get("IndexStatus", "ACTIVE") for index in indexes}
    states.add(description["TableStatus"])
    if description.get("SSEDescription", {}).get("Status") in ("ENABLING", "UPDATING"):
        states.add("UPDATING")
    if unusable := states - {"ACTIVE", "DELETING"} - _WORKING_STATES:
        raise TableMismatch(f"{description['TableName']} is {', '.join(sorted(unusable))}; see the AWS console.")
    return states != {"ACTIVE"} or any(index.get("Backfilling") for index in indexes)


def _check_keys(record_class: type[dynamodb.Record], description: Definition) -> None:
    """Raise `TableMismatch` if a key differs: a key cannot be changed."""
    expected = table_definition(record_class)
    if _key_types(expected, expected) != _key_types(description, description):
        raise TableMismatch(
            f"{description['TableName']} has the key {_key_types(description, description)}, but this release needs "
            f"{_key_types(expected, expected)}; a key cannot be changed: check DYNAMODB_TABLE_PREFIX and the release."
        )


def _key_types(part: Definition, table: Definition) -> list[tuple[str, str, str]]:
    """Role, name and type of each attribute of the key of a table or index."""
    types = {item["AttributeName"]: item["AttributeType"] for item in table["AttributeDefinitions"]}
    return sorted((key["KeyType"], key["AttributeName"], types[key["AttributeName"]]) for key in part["KeySchema"])


def _missing_indexes(record_class: type[dynamodb.Record], description: Definition) -> Iterator[Correction]:
    """Indexes to create. Others stay: an older release may still read them."""
    expected = table_definition(record_class)
    actual_indexes = {index["IndexName"]: index for index in description.get("GlobalSecondaryIndexes", [])}
    for index in expected.get("GlobalSecondaryIndexes", []):
        actual = actual_indexes.get(index["IndexName"])
        if actual is None:
            names = {key["AttributeName"] for key in index["KeySchema"]}
            types = [item for item in expected["AttributeDefinitions"] if item["AttributeName"] in names]
            arguments = {"AttributeDefinitions": types, "GlobalSecondaryIndexUpdates": [{"Create": index}]}
            yield Correction(f"created the index {index['IndexName']}", "UpdateTable", arguments)
        elif _index_shape(index, expected) != _index_shape(actual, description):
            raise TableMismatch(
                f"{description['TableName']} has another index {index['IndexName']} than this release needs; "
                "delete the index while no release uses it, then run this command again: it creates the right one."
            )


def _index_shape(index: Definition, table: Definition) -> tuple[Any, ...]:
    projection = index["Projection"]
    return _key_types(index, table), projection["ProjectionType"], sorted(projection.get("NonKeyAttributes", ()))


def _expiry_corrections(record_class: type[dynamodb.Record]) -> Iterator[Correction]:
    """Time to live on the record's attribute, and on no other."""
    table = record_class.table_name()
    expected_attribute = getattr(record_class.Meta, "ttl", None)
    state = dynamodb.call("DescribeTimeToLive", TableName=table)["TimeToLiveDescription"]
    is_on = state.get("TimeToLiveStatus") in ("ENABLED", "ENABLING")
    attribute = state.get("AttributeName")
    if is_on and attribute != expected_attribute:
        specification = {"Enabled": False, "AttributeName": attribute}
        yield Correction(
            f"no longer expires items by {attribute}", "UpdateTimeToLive", {"TimeToLiveSpecification": specification}
        )
    elif expected_attribute and not is_on:
        specification = {"Enabled": True, "AttributeName": expected_attribute}
        yield Correction(
            f"expires items by {expected_attribute}", "UpdateTimeToLive", {"TimeToLiveSpecification": specification}
        )


def _backup_corrections(table: str) -> Iterator[Correction]:
    response = dynamodb.call("DescribeContinuousBackups", TableName=table)["ContinuousBackupsDescription"]
    state = response.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus")
    if state != "ENABLED":
        specification = {"PointInTimeRecoveryEnabled": True}
        yield Correction(
            "turned on point-in-time recovery",
            "UpdateContinuousBackups",
            {"PointInTimeRecoverySpecification": specification},
        )
