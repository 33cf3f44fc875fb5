"""The drill of docs/operations/backup.md on DynamoDB Local, which has no backups.

So point-in-time recovery is an emulator's, in front of that engine, which compares requests with
botocore's model of AWS; copies are the engine's own.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import boto3
import pytest

import config.management.commands.tables  # noqa: F401 - it imports all records
from config import dynamodb
from config.dynamodb import key_checks
from tests.emulators.dynamodb_tables import AwsTables
from tests.emulators.server import create_server
from tests.support.aws_rights import Right, is_allowed, load_policy
from tests.support.engine_processes import run_engine
from tests.support.environment import Environment
from tests.support.forks import ForkServer

LIVE, RESTORED, COPY = "dutyline-live", "dutyline-r1129", "dutyline-copied"
RECORDS = dynamodb.record_classes()
assert key_checks.DataKeyCheck in RECORDS
NAMES = [record_class.table_name()[len(dynamodb.full_table_name("")) :] for record_class in RECORDS]
COUNT = len(NAMES)
PEOPLE = """email,name,role,locations
mia@harbour.example,Mia,manager,all
sam@harbour.example,Sam,staff,all
sue@harbour.example,Sue,staff,all
"""


@dataclass
class Installation:
    """Tables on DynamoDB Local behind an emulator of AWS, and processes with either prefix."""

    aws: AwsTables
    engine: Any
    servers: dict[str, ForkServer]
    folder: Path
    endpoint: str
    """Of the emulator."""
    restored_to: str = ""

    def run(self, prefix: str, *command: str, fails: bool = False) -> list[str]:
        """Run a command with a prefix; its lines."""
        completed = self.servers[prefix].run_management_command(*command)
        assert completed.returncode == int(fails), completed.stdout + completed.stderr
        assert "Traceback" not in completed.stderr
        return [*completed.stdout.splitlines(), *completed.stderr.splitlines()]

    def remember(self) -> str:
        """Have the tables' state remembered, as AWS does; the time to restore them to."""
        at = datetime.now(UTC).replace(microsecond=0)
        self.aws.remember(at.timestamp(), LIVE)
        self.restored_to = at.isoformat().replace("+00:00", "Z")
        return self.restored_to

    def count(self, prefix: str, name: str) -> int:
        return int(self.engine.scan(TableName=f"{prefix}-{name}", Select="COUNT", ConsistentRead=True)["Count"])

    def damage(self, name: str) -> int:
        """Delete all items of a table of the live installation; how many."""
        table, keys = f"{LIVE}-{name}", {"emails": ("key",), "users": ("id",), "schedules": ("id",)}[name]
        items = self.engine.scan(TableName=table)["Items"]
        for item in items:
            self.engine.delete_item(TableName=table, Key={key: item[key] for key in keys})
        return len(items)


@pytest.fixture(scope="module")
def installation(env: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """A customer with four people in tables of the live prefix."""
    folder = tmp_path_factory.mktemp("drill")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DYNAMODB_ENGINE", "java")
            url = stack.enter_context(run_engine(folder))
        aws = stack.enter_context(closing(AwsTables(url, refusals=0, busy_descriptions=1)))
        server = stack.enter_context(create_server(aws, 0))
        Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        settings = {
            **env.process_environment(proxied=False),
            "DYNAMODB_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
            "STORAGE_FOLDER": str(folder / "files"),
            "DATABASE_URL": f"sqlite:///{folder}/operators.sqlite3",
        }
        servers = {}
        for prefix in (LIVE, RESTORED):
            environment = {**settings, "DYNAMODB_TABLE_PREFIX": prefix}
            servers[prefix] = stack.enter_context(closing(ForkServer(environment, folder / f"{prefix}.log")))
        engine = stack.enter_context(closing(boto3.client("dynamodb", endpoint_url=url, region_name="eu-central-1")))
        new_installation = Installation(aws, engine, servers, folder, settings["DYNAMODB_ENDPOINT_URL"])
        create_customer(new_installation)
        yield new_installation


def create_customer(installation: Installation) -> None:
    """Tables as in production, with a tag and a period of the operator's own."""
    installation.run(LIVE, "tables", "--protect")
    installation.run(LIVE, "migrate", "--verbosity", "0")
    owner = ("--owner-name", "Ann Archer", "--owner-email", f"ann.{time.time_ns()}@drill.example")
    (line,) = installation.run(LIVE, "create_customer", "Harbour Dental", *owner)
    people = installation.folder / "people.csv"
    people.write_text(PEOPLE.replace("@", f".{time.time_ns()}@"))
    installation.run(LIVE, "import_users", str(people), "--customer", line.split()[1].strip(","))
    arn = installation.engine.describe_table(TableName=f"{LIVE}-users")["Table"]["TableArn"]
    installation.aws.tags[arn] = {"installation": "live", "aws:cloudformation:stack-name": "x"}
    installation.aws.recovery_days[f"{LIVE}-users"] = 20


def test_restore_drill(installation: Installation, record_figure: Callable[[str], None]) -> None:
    """Damage after the restored time is not in the restored tables, and they are checked."""
    at = installation.remember()
    lost = installation.damage("emails")
    assert lost == 4
    tables_command = ("restore", "tables", "--protect", "--from", LIVE, "--at", at)

    planned = installation.run(RESTORED, *tables_command)

    assert planned[-1] == "Nothing was changed. Run it again with --start."
    assert len(planned) == COUNT + 1
    assert not [name for name in installation.engine.list_tables()["TableNames"] if name.startswith(RESTORED)]

    lines = installation.run(RESTORED, *tables_command, "--start", "--drill")

    assert lines[-2] == f"{COUNT} tables of {LIVE} are restored to {at} as those of {RESTORED}."
    assert f"{COUNT} of {COUNT} tables are restored, after 0 minutes" in lines
    assert installation.count(RESTORED, "emails") == lost
    for name in NAMES:
        table = f"{RESTORED}-{name}"
        assert table in installation.aws.recoverable & installation.aws.encrypted
        assert installation.engine.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]
    assert installation.aws.expiring[f"{RESTORED}-idempotency"] == "expires_at"
    arn = installation.engine.describe_table(TableName=f"{RESTORED}-users")["Table"]["TableArn"]
    assert installation.aws.tags[arn] == {"installation": "live"}
    assert installation.aws.recovery_days[f"{RESTORED}-users"] == 20
    rights = [Right(operation, table) for operation, table in installation.aws.calls if table.startswith(RESTORED)]
    policy, arn = load_policy("restore"), "arn:aws:dynamodb:REGION:ACCOUNT:table/"
    rights = [right._replace(resource=right.resource.replace(RESTORED, "RESTORED")) for right in rights]
    assert len(rights) > COUNT
    assert [right for right in rights if not is_allowed(right, policy, arn=arn)] == []
    again = installation.run(RESTORED, *tables_command, "--start", "--drill")
    assert [line for line in again if "begun" in line or "tagged" in line] == [], "it goes on where it was"
    assert installation.aws.invalid_requests == []

    checked = installation.run(RESTORED, "restore", "check", "--protect", "--from", LIVE)

    assert checked[-1] == f"The tables of {RESTORED} are complete and consistent."
    for part in (
        "data keys: 1 checked, and all",
        "references: all ",
        "audit: ",
        "terms: ",
        "recordings: ",
        "operators: ",
    ):
        assert [line for line in checked if line.startswith(f"ok  {part}")], (part, checked)
    record_figure(f"restore drill on DynamoDB Local: {COUNT} tables, {len(checked) - COUNT - 1} checks")


def test_what_cannot_be_restored_is_said_before_anything_is_done(installation: Installation) -> None:
    at = datetime.now(UTC).replace(microsecond=0)
    before = dict(installation.aws.calls)
    early = (at - timedelta(days=40)).isoformat()

    lines = installation.run(RESTORED, "restore", "tables", "--from", LIVE, "--at", early, "--start", fails=True)
    assert lines[-1] == f"CommandError: {COUNT} of {COUNT} tables cannot be restored. Nothing was changed."
    assert f"restored to {installation.restored_to}" in lines[0]
    same = installation.run(LIVE, "restore", "tables", "--from", LIVE, "--at", early, "--start", fails=True)
    assert "Set DYNAMODB_TABLE_PREFIX to a new prefix" in same[0]
    copied = installation.run(RESTORED, "restore", "tables", "--from", LIVE, "--copy", "--start", fails=True)
    assert "it exists already; choose another DYNAMODB_TABLE_PREFIX" in copied[0]

    changes = {call: count for call, count in installation.aws.calls.items() if not call[0].startswith("Describe")}
    assert changes == {call: count for call, count in before.items() if not call[0].startswith("Describe")}


def test_torn_and_foreign_tables_are_named(installation: Installation) -> None:
    """A check that only counts would call these tables right."""
    lines = installation.run(LIVE, "restore", "check", "--no-protect", fails=True)
    broken = [line for line in lines if "is not in emails" in line]
    assert len(broken) == 4
    assert lines[-1] == "CommandError: 4 finding(s) need attention. Nothing was changed."


def test_the_erased_stay_erased_after_the_restore(installation: Installation) -> None:
    at = datetime.now(UTC) - timedelta(minutes=1)
    person = installation.engine.scan(TableName=f"{RESTORED}-users")["Items"][0]["id"]["S"]
    folder = installation.folder / "files/erasures" / f"{datetime.now(UTC):%Y-%m-%d}"
    folder.mkdir(parents=True)
    (folder / f"{person}.json").write_text("{}")

    dry = installation.run(RESTORED, "restored", "--at", at.isoformat(), fails=True)

    assert [line for line in dry if line.startswith(f"{person} was deleted and is back")]


def test_only_what_was_sent_or_lost_is_dropped(installation: Installation) -> None:
    """What has come since the restore stays, however late the command is repeated."""
    outbox, at = f"{RESTORED}-outbox", datetime.now(UTC)
    template = installation.engine.scan(TableName=outbox)["Items"][0]
    due_times = {"sent": at - timedelta(days=1), "new": at}
    for name, due_at in due_times.items():
        times = {key: {"S": dynamodb.format_timestamp(due_at)} for key in ("due_at", "first_due_at")}
        installation.engine.put_item(
            TableName=outbox, Item={**template, **times, "id": {"S": name}, "task": {"S": "accounts.send_notice"}}
        )
    folder = installation.folder / "files/recordings/CA1"
    folder.mkdir(parents=True)
    for name, hours in (("expired", 30), ("lost", 2), ("fresh", 0)):
        (folder / name).write_text("RIFF")
        os.utime(folder / name, (at.timestamp() - 3600 * hours,) * 2)
    words = ("--discard-notifications", "--delete-unknown-recordings")

    lines = installation.run(RESTORED, "restored", "--at", (at - timedelta(hours=3)).isoformat(), *words, fails=True)

    assert "1 notifications of accounts.send_notice are discarded" in lines
    assert "1 recordings of lost calls are deleted" in lines
    ids = {item["id"]["S"] for item in installation.engine.scan(TableName=outbox)["Items"]}
    assert "new" in ids
    assert "sent" not in ids
    assert template["id"]["S"] in ids
    assert sorted(path.name for path in folder.iterdir()) == ["expired", "fresh"]


def test_only_tables_of_a_drill_are_removed(installation: Installation) -> None:
    refused = installation.run(LIVE, "restore", "remove", "--tables-of", LIVE, fails=True)
    assert refused == ["CommandError: These tables were not restored with --drill; nothing was deleted."]
    other = installation.run(RESTORED, "restore", "remove", "--tables-of", LIVE, fails=True)
    assert "must be the same" in other[0]

    assert installation.run(RESTORED, "restore", "remove", "--tables-of", RESTORED)[-1].endswith("are deleted.")

    names = installation.engine.list_tables()["TableNames"]
    assert not [name for name in names if name.startswith(RESTORED)]
    assert len([name for name in names if name.startswith(LIVE)]) == COUNT


def test_a_copy_and_a_deleted_table(installation: Installation) -> None:
    """Without backups all items are copied; AWS keeps a backup of a deleted table."""
    command = ("restore", "tables", "--no-protect", "--from", LIVE)
    lines = installation.run(RESTORED, *command, "--copy", "--start", "--drill")
    assert lines[-1] == f"Next: manage.py restore check --from {LIVE}"
    for name in ("audit", "users", "outbox"):
        assert installation.count(RESTORED, name) == installation.count(LIVE, name)
    installation.run(RESTORED, "restore", "remove", "--tables-of", RESTORED)
    users = installation.count(LIVE, "users")
    installation.engine.update_table(TableName=f"{LIVE}-users", DeletionProtectionEnabled=False)
    at = installation.remember()
    with closing(boto3.client("dynamodb", endpoint_url=installation.endpoint, region_name="eu-central-1")) as aws:
        aws.delete_table(TableName=f"{LIVE}-users")

    restored = installation.run(RESTORED, *command, "--at", at, "--start", "--drill")

    assert [line for line in restored if "backup of a deleted table" in line]
    assert installation.count(RESTORED, "users") == users == 4
