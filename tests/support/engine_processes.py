"""DynamoDB engines of their own, beside that of the environment."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import boto3

from config.dev import engines
from tests.support.environment import free_port, wait_for_port


@contextmanager
def run_engine(folder: Path) -> Iterator[str]:
    """An engine, warm: DynamoDB Local's first calls take longer than the product waits; its URL."""
    port = free_port()
    process = subprocess.Popen(engines.dynamodb_command(port), stdout=subprocess.DEVNULL, cwd=folder)
    try:
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        with closing(boto3.client("dynamodb", endpoint_url=url, region_name="eu-central-1")) as client:
            warm_up(client)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def warm_up(engine: Any) -> None:
    """Make calls of each kind that the product makes."""
    table, key = "warm-up", {"id": {"S": "1"}}
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    types = [{"AttributeName": "id", "AttributeType": "S"}]
    engine.create_table(TableName=table, KeySchema=schema, AttributeDefinitions=types, BillingMode="PAY_PER_REQUEST")
    put = {"TableName": table, "Item": key, "ConditionExpression": "attribute_not_exists(id)"}
    engine.transact_write_items(TransactItems=[{"Put": put}])
    engine.update_item(
        TableName=table, Key=key, UpdateExpression="SET n = :n", ExpressionAttributeValues={":n": {"N": "1"}}
    )
    values = {":id": key["id"]}
    engine.query(TableName=table, KeyConditionExpression="id = :id", ExpressionAttributeValues=values)
    engine.batch_get_item(RequestItems={table: {"Keys": [key], "ConsistentRead": True}})
    engine.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": key}}]})
    engine.delete_table(TableName=table)
