"""The policies in docs/aws allow each role what it does, and not to rewrite evidence."""

import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from config import dynamodb
from config.dynamodb import key_checks
from tests.support import aws_rights
from tests.support.aws_rights import Right, is_allowed, load_policy
from tests.support.crash_harness import CrashHarness
from tests.support.environment import ROOT, Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, enable_ringing, leave_voicemail, now

ROLES = ("application", "deployment", "maintenance")
EVIDENCE = ("audit", "terms")
S3 = {"service": "s3", "arn": "arn:aws:s3:::BUCKET/"}


def test_the_application_may_do_what_it_does(test_users: UserFixtures, harness: CrashHarness, env: Environment) -> None:
    """Low: no policy was documented, and then one without batches, which calls write."""
    ann, user = test_users.ann, test_users.create_user()
    version = ann.get("/user/terms-status").json()["currentVersion"]
    assert ann.post("/user/accept-terms", {"version": version}).status_code == 200
    assert ann.get(f"/user/{user.id}/audit-logs").status_code == 200
    enable_ringing(test_users.sam.user)
    start = now().astimezone(ZoneInfo(test_users.boston.time_zone)).replace(tzinfo=None) - timedelta(hours=1)
    test_users.create_shift(start=start, end=start + timedelta(hours=4))
    leave_voicemail(test_users.boston_number)
    assert ann.delete("/userManagement", {"id": user.id}).status_code == 200
    created = harness.request(ann.token, "POST", "/user", test_users.user_body(), plan=FaultPlan())
    assert created, "the process ended"
    assert created["status"] == 201, created
    assert harness.process_outbox(seconds_ahead=600, plan=FaultPlan(), rounds=8)

    rights = env.rights("application")

    assert {"BatchGetItem", "ConditionCheckItem", "DeleteItem", "PutItem", "Query"} <= {
        right.action for right in rights
    }
    assert Right("PutItem", "call-people") in rights
    assert Right("PutItem", "audit") in rights
    assert env.denied_calls() == []


def test_deployment_and_maintenance_may_do_what_they_do(test_users: UserFixtures, env: Environment) -> None:
    commands = {
        "deployment": ["tables", "directory --all", "terms announce"],
        "maintenance": ["audit verify", "terms verify", "keys status", "zones update"],
    }
    for role, lines in commands.items():
        with env.as_role(role):
            for line in lines:
                completed = env.fork_server(proxied=True).run_management_command(*line.split())
                assert completed.returncode == 0, f"{line}: {completed.stderr}"
        assert env.rights(role), role
    assert Right("Scan", "audit") in env.rights("maintenance")
    assert env.denied_calls() == []


def test_deployment_may_do_what_the_tables_need() -> None:
    """The engine of the tests lacks backups, so what the command asks for is read from its code."""
    code = (ROOT / "config/dynamodb/tables.py").read_text()
    actions = set(re.findall(r'"((?:Create|Describe|Update)[A-Z]\w+)"', code))
    assert {"CreateTable", "UpdateContinuousBackups", "UpdateTimeToLive"} <= actions
    policy = load_policy("deployment")
    assert [action for action in sorted(actions) if not is_allowed(Right(action, "users"), policy)] == []
    assert not is_allowed(Right("DeleteTable", "users"), policy)


def test_a_restore_may_not_change_the_tables_that_it_reads() -> None:
    policy = load_policy("restore")
    for action in ("DescribeTable", "RestoreTableToPointInTime", "Scan"):
        assert is_allowed(Right(action, "users"), policy)
    for action in ("BatchWriteItem", "DeleteItem", "DeleteTable", "PutItem", "TagResource", "UpdateTable"):
        assert not is_allowed(Right(action, "users"), policy)
        assert is_allowed(Right(action, "users"), policy, arn="arn:aws:dynamodb:REGION:ACCOUNT:table/RESTORED-")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", EVIDENCE)
def test_evidence_only_grows(role: str, table: str) -> None:
    """Low: whoever took over a web process could have deleted what it had done."""
    policy = load_policy(role)
    for action in ("BatchWriteItem", "DeleteItem", "DeleteTable", "UpdateTable", "PartiQLDelete", "PartiQLUpdate"):
        is_of_tables = (role, action) == ("deployment", "UpdateTable")
        assert is_allowed(Right(action, table), policy) == is_of_tables, action
    assert is_allowed(Right("UpdateItem", table), policy) == (role == "maintenance"), "rotation signs heads anew"
    assert is_allowed(Right("PutItem", table), policy)
    assert is_allowed(Right("Scan", table), policy) == (role == "maintenance")


@pytest.mark.parametrize("role", ROLES)
def test_a_policy_is_for_the_tables_and_files_of_one_installation(role: str) -> None:
    policy = load_policy(role)
    other_tables = "arn:aws:dynamodb:REGION:ACCOUNT:table/OTHER-"
    assert not is_allowed(Right("GetItem", "users"), policy, arn=other_tables)
    for statement in policy:
        assert "*" not in [*statement["Action"], *statement["Resource"]]
        assert not [action for action in statement["Action"] if action.endswith(":*")]
    if role != "deployment":
        for action in ("DeleteObject", "GetObject", "PutObject"):  # recordings are deleted after 90 days
            assert is_allowed(Right(action, "recordings/CA1/RE1.wav"), policy, **S3)
        assert not is_allowed(Right("DeleteObject", "erasures/2026-11-28/usr_1.json"), policy, **S3)
    if role == "application":
        assert not is_allowed(Right("PutItem", "data-keys"), policy)


def test_all_tables_of_policies_exist() -> None:
    assert key_checks.DataKeyCheck in dynamodb.record_classes()
    names = {record_class.table_name().removeprefix("dutyline-test-") for record_class in dynamodb.record_classes()}
    for role in ROLES:
        resources = [resource for statement in load_policy(role) for resource in statement["Resource"]]
        tables = {resource.removeprefix(aws_rights.ARN) for resource in resources if aws_rights.ARN in resource}
        assert tables - {"*"} <= names
    assert {path.stem for path in Path(aws_rights.POLICIES).glob("*.json")} == {*ROLES, "restore"}
