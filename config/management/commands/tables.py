"""Create the tables, or verify that they are as the records say."""

import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from pynamodb.exceptions import VerboseClientError

import config.journal.commit  # noqa: F401 - defines the records of config
from config import dynamodb

KEEP_POINTS = {"PointInTimeRecoveryEnabled": True}


class Command(BaseCommand):
    """``manage.py tables``; safe to run at every deploy."""

    help = "Create missing tables and verify the others."
    requires_system_checks: list[str] = []  # `make check` runs them

    def handle(self, *args: Any, **options: Any) -> None:
        there = set(dynamodb.connection().list_tables(limit=100)["TableNames"])
        for record in dynamodb.records():
            if record.table_name() in there:
                _verify(record)
            else:
                _create(record)
                self.stdout.write(f"created {record.table_name()}")
            _expire(record)
        self.stdout.write(f"{len(dynamodb.records())} tables are as they should be")


def _create(record: type[dynamodb.Record]) -> None:
    schema = record._get_schema()  # noqa: SLF001 - what create_table() would send
    dynamodb.call(
        "CreateTable",
        TableName=record.table_name(),
        BillingMode="PAY_PER_REQUEST",
        DeletionProtectionEnabled=not settings.LOCAL,
        **_wire(schema),
    )
    end = time.monotonic() + 120
    while _described(record)["TableStatus"] != "ACTIVE":
        if time.monotonic() > end:
            raise CommandError(f"{record.table_name()} does not become active.")
        time.sleep(0.2 if settings.LOCAL else 2)
    if not settings.LOCAL:
        dynamodb.call(
            "UpdateContinuousBackups",
            TableName=record.table_name(),
            PointInTimeRecoverySpecification=KEEP_POINTS,
        )


def _wire(schema: Any) -> dict[str, Any]:
    wire = {
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": _hash_first(schema["key_schema"]),
    }
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _hash_first(index["key_schema"]),
            "Projection": index["projection"],
        }
        for index in schema["global_secondary_indexes"]
    ]
    return {**wire, "GlobalSecondaryIndexes": indexes} if indexes else wire


def _hash_first(schema: list[dict[str, str]]) -> list[dict[str, str]]:
    return sorted(schema, key=lambda part: part["KeyType"])  # HASH, then RANGE


def _verify(record: type[dynamodb.Record]) -> None:
    wanted = _wire(record._get_schema())  # noqa: SLF001
    found = _described(record)
    if _keys(wanted["KeySchema"]) != _keys(found["KeySchema"]):
        raise CommandError(f"{record.table_name()} has another key than the record.")
    indexes = {i["IndexName"]: i for i in found.get("GlobalSecondaryIndexes", [])}
    for index in wanted.get("GlobalSecondaryIndexes", []):
        there = indexes.get(index["IndexName"])
        if there is None or _keys(there["KeySchema"]) != _keys(index["KeySchema"]):
            raise CommandError(f"{record.table_name()} lacks the index {index['IndexName']}.")


def _keys(schema: list[dict[str, str]]) -> list[tuple[str, str]]:
    return sorted((part["KeyType"], part["AttributeName"]) for part in schema)


def _described(record: type[dynamodb.Record]) -> dict[str, Any]:
    return dict(dynamodb.call("DescribeTable", TableName=record.table_name())["Table"])


def _expire(record: type[dynamodb.Record]) -> None:
    attribute = getattr(record.Meta, "ttl", None)
    if attribute is None:
        return
    name = record.table_name()
    state = dynamodb.call("DescribeTimeToLive", TableName=name)["TimeToLiveDescription"]
    if state.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        return
    specification = {"Enabled": True, "AttributeName": attribute}
    try:
        dynamodb.call("UpdateTimeToLive", TableName=name, TimeToLiveSpecification=specification)
    except VerboseClientError as error:
        raise CommandError(f"{name} cannot be made to expire its items.") from error
