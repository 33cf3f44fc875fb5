"""Copies of the product's tables, so that no target writes what another reads."""

import json
import urllib.request
from collections.abc import Iterator
from itertools import islice
from typing import Any

Item = dict[str, Any]
BATCH_SIZE = 25


class Engine:
    """Calls of the engine without signatures."""

    def __init__(self, url: str) -> None:
        self._url = url

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call. Raises urllib's errors."""
        headers = {
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"DynamoDB_20120810.{operation}",
            "x-amz-date": "20260101T000000Z",
            "authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request,"
            " SignedHeaders=host, Signature=00",
        }
        request = urllib.request.Request(self._url, json.dumps(arguments).encode(), headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return dict(json.load(response))

    def scan(self, table: str) -> Iterator[Item]:
        """All items of a table."""
        position: dict[str, Any] = {}
        while True:
            page = self.call("Scan", TableName=table, **position)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            position = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def write(self, table: str, requests: Iterator[Item]) -> None:
        """Put or delete items."""
        while batch := list(islice(requests, BATCH_SIZE)):
            answer = self.call("BatchWriteItem", RequestItems={table: batch})
            if answer.get("UnprocessedItems"):
                raise ValueError("The engine does not write everything.")

    def table_names(self, prefix: str) -> list[str]:
        """The names of tables without their prefix."""
        names: list[str] = []
        position: dict[str, Any] = {}
        while True:
            page = self.call("ListTables", **position)
            names += page["TableNames"]
            if "LastEvaluatedTableName" not in page:
                return [name.removeprefix(f"{prefix}-") for name in names if name.startswith(f"{prefix}-")]
            position = {"ExclusiveStartTableName": page["LastEvaluatedTableName"]}

    def copy_tables(self, names: list[str], source: str, target: str) -> None:
        """Copy tables with their items to another prefix."""
        for name in names:
            description = self.call("DescribeTable", TableName=f"{source}-{name}")["Table"]
            self.call("CreateTable", **_definition(description, f"{target}-{name}"))
            puts = ({"PutRequest": {"Item": item}} for item in self.scan(f"{source}-{name}"))
            self.write(f"{target}-{name}", puts)

    def restore(self, source: str, target: str) -> None:
        """Give a table the items of another again."""
        originals = list(self.scan(source))
        keys = [key["AttributeName"] for key in self.call("DescribeTable", TableName=source)["Table"]["KeySchema"]]
        known = {json.dumps([item[name] for name in keys]) for item in originals}
        added = (item for item in self.scan(target) if json.dumps([item[name] for name in keys]) not in known)
        self.write(target, ({"DeleteRequest": {"Key": {name: item[name] for name in keys}}} for item in added))
        self.write(target, ({"PutRequest": {"Item": item}} for item in originals))


def _definition(description: dict[str, Any], name: str) -> dict[str, Any]:
    indexes = [
        {member: index[member] for member in ("IndexName", "KeySchema", "Projection")}
        for index in description.get("GlobalSecondaryIndexes", [])
    ]
    definition = {
        "TableName": name,
        "AttributeDefinitions": description["AttributeDefinitions"],
        "KeySchema": description["KeySchema"],
        "BillingMode": "PAY_PER_REQUEST",
    }
    return {**definition, "GlobalSecondaryIndexes": indexes} if indexes else definition
