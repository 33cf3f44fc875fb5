"""`manage.py tables` brings every table to its state, whatever it finds, and says what it did."""

import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest

import config.management.commands.tables  # noqa: F401 - it imports all records
from config import dynamodb
from config.dynamodb import key_checks, tables
from tests.emulators.dynamodb_tables import AwsTables
from tests.emulators.server import create_server
from tests.support.engine_processes import run_engine
from tests.support.environment import Environment

RECORDS = dynamodb.record_classes()
assert key_checks.DataKeyCheck in RECORDS
COUNT = len(RECORDS)
RIGHT = f"{COUNT} tables are as they should be"


class Account:
    """An AWS account with its own tables: the real engine behind what AWS does besides."""

    def __init__(self, env: Environment, aws: AwsTables, port: int, engine_url: str) -> None:
        self.aws = aws
        self._env, self._port = env, port
        self.first_run: subprocess.CompletedProcess[str] | None = None
        self.prefix = f"dutyline-{time.time_ns()}"
        self.engine: Any = boto3.client("dynamodb", endpoint_url=engine_url, region_name="eu-central-1")

    def run(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the command as in production."""
        return self._env.run_management_command(
            "tables",
            "--protect",
            *options,
            DYNAMODB_ENDPOINT_URL=f"http://127.0.0.1:{self._port}",
            DYNAMODB_TABLE_PREFIX=self.prefix,
        )

    def table(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def create(self, name: str, *, indexes: bool = True, **changes: Any) -> None:
        """Create a table as a restore leaves it: without protection and expiry."""
        full_name = dynamodb.full_table_name(name)
        (record_class,) = [record for record in dynamodb.record_classes() if record.table_name() == full_name]
        definition = tables.table_definition(record_class)
        if not indexes:
            definition.pop("GlobalSecondaryIndexes")
            keys = {key["AttributeName"] for key in definition["KeySchema"]}
            definition["AttributeDefinitions"] = [
                item for item in definition["AttributeDefinitions"] if item["AttributeName"] in keys
            ]
        options = {"BillingMode": "PAY_PER_REQUEST", **definition, **changes}
        self.engine.create_table(TableName=self.table(name), **options)

    def replace(self, name: str, *, indexes: bool = True) -> None:
        """Replace a table by an empty one as a restore leaves it."""
        table = self.table(name)
        self.engine.update_table(TableName=table, DeletionProtectionEnabled=False)
        self.engine.delete_table(TableName=table)
        self.aws.forget(table)
        self.create(name, indexes=indexes)

    def unprotected(self) -> list[str]:
        """Tables without backups, deletion protection or encryption."""
        names = {self.table(record.table_name()[len(dynamodb.full_table_name("")) :]) for record in RECORDS}
        described = [self.engine.describe_table(TableName=name)["Table"] for name in names]
        deletable = {table["TableName"] for table in described if not table["DeletionProtectionEnabled"]}
        return sorted(deletable | (names - self.aws.recoverable) | (names - self.aws.encrypted))


@contextmanager
def open_account(env: Environment, engine_url: str = "", **options: int) -> Iterator[Account]:
    """An account in an engine: by default in that of the environment."""
    engine_url = engine_url or f"http://127.0.0.1:{env.ports['dynamodb']}"
    aws = AwsTables(engine_url, **options)
    with create_server(aws, 0) as server, closing(aws):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        new_account = Account(env, aws, server.server_port, engine_url)
        with closing(new_account.engine):
            yield new_account
        server.shutdown()


@pytest.fixture(scope="module")
def account(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account in which the command has created all tables.

    Its engine is its own: DynamoDB Local builds no index beside the many tables of the environment
    whose items expire, see `AwsTables`.
    """
    with run_engine(tmp_path_factory.mktemp("tables")) as url, open_account(env, url) as new_account:
        new_account.first_run = new_account.run()
        yield new_account


def test_tables_converge_from_nothing(account: Account) -> None:
    """H6: backups were asked for once, refused, and the next run said that all was well."""
    first = account.first_run
    assert first is not None
    assert (first.returncode, first.stdout.splitlines()[-1]) == (0, RIGHT), first.stderr
    assert account.unprotected() == []
    assert first.stdout.count(": created\n") == first.stdout.count("turned on point-in-time recovery") == COUNT
    assert f"{account.table('idempotency')}: expires items by expires_at" in first.stdout
    refused = {table for (name, table), n in account.aws.calls.items() if name == "UpdateContinuousBackups" and n == 3}
    assert len(refused) == COUNT

    second = account.run()
    assert second.stdout.splitlines() == [RIGHT], "a second run changes nothing"


def test_backups_that_stay_refused_are_not_reported_as_right(env: Environment) -> None:
    """H6: 22 requests, none granted, "22 tables are as they should be"."""
    with open_account(env, refusals=10**6, busy_descriptions=0) as account:
        for _ in range(2):
            completed = account.run("--timeout", "1")
            assert completed.returncode == 1
            assert "run this command again" in completed.stderr
            assert "as they should be" not in completed.stdout


def test_restored_tables_are_protected_again(account: Account) -> None:
    """H6: restored tables have no backups, deletion protection or expiry, and nothing set them."""
    restored = ("audit", "idempotency", "keys", "users")
    for name in restored:
        account.replace(name)
    assert account.unprotected() == [account.table(name) for name in restored]

    completed = account.run()

    assert completed.stdout.splitlines()[-1] == RIGHT, completed.stderr
    assert account.unprotected() == []
    assert "created" not in completed.stdout
    assert account.aws.expiring[account.table("idempotency")] == "expires_at"


def test_one_table_without_an_index_or_backups_is_corrected(account: Account) -> None:
    """H6: a missing index was reported, not created. Items written before are in the new index."""
    name = account.table("outbox")
    account.replace("outbox", indexes=False)
    item = {"id": {"S": "m"}, "shard": {"S": "0"}, "due_at": {"S": "2026"}}
    account.engine.put_item(TableName=name, Item=item)
    unbacked = account.table("users")
    account.aws.recoverable.remove(unbacked)
    capacity = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}
    indexes = account.engine.describe_table(TableName=unbacked)["Table"]["GlobalSecondaryIndexes"]
    account.engine.update_table(
        TableName=unbacked,
        BillingMode="PROVISIONED",
        ProvisionedThroughput=capacity,
        GlobalSecondaryIndexUpdates=[
            {"Update": {"IndexName": index["IndexName"], "ProvisionedThroughput": capacity}} for index in indexes
        ],
    )

    completed = account.run()

    assert completed.stdout.splitlines() == [
        f"{name}: created the index byDue",
        f"{name}: created the index byFirstDue",
        f"{name}: protected from deletion",
        f"{name}: encrypted under a KMS key",
        f"{name}: turned on point-in-time recovery",
        f"{unbacked}: billed on demand",
        f"{unbacked}: turned on point-in-time recovery",
        RIGHT,
    ], completed.stderr
    response = account.engine.query(
        TableName=name,
        IndexName="byDue",
        KeyConditionExpression="#shard = :s",
        ExpressionAttributeNames={"#shard": "shard"},
        ExpressionAttributeValues={":s": {"S": "0"}},
    )
    assert response["Count"] == 1


def test_150_other_tables_do_not_matter(account: Account) -> None:
    """H6: one page of ListTables was read, so existing tables were created again and it failed."""
    key = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    for number in range(150):
        account.engine.create_table(TableName=f"a-other-{account.prefix}-{number:03}", **key)
    assert len(account.engine.list_tables(Limit=100)["TableNames"]) == 100

    completed = account.run()

    assert completed.stdout.splitlines() == [RIGHT], completed.stderr
    for number in range(150):
        account.engine.delete_table(TableName=f"a-other-{account.prefix}-{number:03}")


@pytest.mark.parametrize(("name", "type"), [("id", "S"), ("person", "N")])
def test_another_key_is_refused_with_a_sentence(env: Environment, name: str, type: str) -> None:
    with open_account(env, refusals=0, busy_descriptions=0) as account:
        schema = [{"AttributeName": name, "KeyType": "HASH"}]
        types = [{"AttributeName": name, "AttributeType": type}]
        account.create("audit", indexes=False, KeySchema=schema, AttributeDefinitions=types)

        completed = account.run("--timeout", "5")

    assert completed.returncode == 1
    assert "a key cannot be changed" in completed.stderr
    assert "Traceback" not in completed.stderr
