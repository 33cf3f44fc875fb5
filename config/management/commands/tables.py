"""Create the DynamoDB tables, or verify that they match the records."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from pynamodb.exceptions import VerboseClientError

import config.journal.commit  # noqa: F401 - defines the records of config
from config import dynamodb

POINT_IN_TIME_RECOVERY = {"PointInTimeRecoveryEnabled": True}


class Command(BaseCommand):
    """``manage.py tables``; safe to run at every deploy."""

    help = "Create missing DynamoDB tables and verify the keys and indexes of the others."
    requires_system_checks: list[str] = []  # `make check` runs them

    def handle(self, *args: Any, **options: Any) -> None:
        existing_tables = set(dynamodb.get_connection().list_tables(limit=100)["TableNames"])
        for record in dynamodb.record_classes():
            if record.table_name() in existing_tables:
                _verify_table(record)
            else:
                _create_table(record)
                self.stdout.write(f"created {record.table_name()}")
            _enable_ttl(record)
        self.stdout.write(f"{len(dynamodb.record_classes())} tables are up to date")


def _create_table(record: type[dynamodb.Record]) -> None:
    schema = record._get_schema()  # noqa: SLF001 - what create_table() would send
    dynamodb.call(
        "CreateTable",
        TableName=record.table_name(),
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=not settings.LOCAL,
        **_table_definition(schema),
    )
    deadline = time.monotonic() + 120
    while _describe_table(record)["TableStatus"] != "ACTIVE":
        if time.monotonic() > deadline:
            raise CommandError(f"{record.table_name()} is not active after 120 seconds.")
        time.sleep(0.2 if settings.LOCAL else 2)
    if not settings.LOCAL:
        dynamodb.call(
            "UpdateContinuousBackups",
            TableName=record.table_name(),
            PointInTimeRecoverySpecification=POINT_IN_TIME_RECOVERY,
        )


def _table_definition(schema: Any) -> dict[str, Any]:
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


def _sort_hash_first(schema: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(schema, key=lambda part: part["KeyType"])  # HASH, then RANGE


def _verify_table(record: type[dynamodb.Record]) -> None:
    expected = _table_definition(record._get_schema())  # noqa: SLF001
    actual = _describe_table(record)
    if _key_attributes(expected["KeySchema"]) != _key_attributes(actual["KeySchema"]):
        raise CommandError(f"{record.table_name()} has another key than the code expects.")
    indexes = {i["IndexName"]: i for i in actual.get("GlobalSecondaryIndexes", [])}
    for index in expected.get("GlobalSecondaryIndexes", []):
        actual_index = indexes.get(index["IndexName"])
        if actual_index is None or _key_attributes(actual_index["KeySchema"]) != _key_attributes(index["KeySchema"]):
            raise CommandError(f"{record.table_name()} has no index {index['IndexName']}.")


def _key_attributes(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((part["KeyType"], part["AttributeName"]) for part in schema)


def _describe_table(record: type[dynamodb.Record]) -> dict[str, Any]:
    return dict(dynamodb.call("DescribeTable", TableName=record.table_name())["Table"])


def _enable_ttl(record: type[dynamodb.Record]) -> None:
    attribute = getattr(record.Meta, "ttl", None)
    if attribute is None:
        return
    name = record.table_name()
    ttl_state = dynamodb.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]
    if ttl_state.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        return
    specification = {"Enabled": True, "AttributeName": attribute}
    try:
        dynamodb.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=specification)
    except VerboseClientError as error:
        raise CommandError(f"{name} rejects a time to live.") from error
