"""`manage.py doctor` names exactly what is wrong, and nothing else; readiness names it too."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.conf import settings
from django.test import override_settings
from redis import Redis

from accounts.auth.tenant_configuration import MACHINE_SCOPES
from config import dynamodb, failures
from config.doctor import Options, files, network, rights
from config.doctor import redis as doctor_redis
from config.doctor import settings as doctor_settings
from config.dynamodb import data_keys
from config.outbox import celery_tasks, heartbeat
from tests.emulators.server import Emulator, EmulatorRequest, EmulatorResponse, create_server
from tests.support import aws_rights
from tests.support.environment import ROOT, Environment, free_port
from tests.support.proxy import FaultPlan, Proxy
from tests.support.users import UserFixtures, process_outbox

Findings = list[dict[str, Any]]
OF_OTHER_TESTS = ("outbox.age", "outbox.processes", "sql.database")
"""Checks of what other tests leave: messages that are due, and a database that is not migrated."""
PROBLEMS_OF_OTHER_TESTS = {
    ("twilio.account", "webhooks"): "they buy numbers for processes with other addresses",
    ("redis.server", "no_worker"): "they stop the worker for a while",
}
SECONDS = "60"
"""For each check, on a machine that does much else."""


@pytest.fixture(scope="module")
def database(env: Environment) -> Proxy:
    """A proxy of its own in front of DynamoDB: these calls try what no role may do."""
    return Proxy("dynamodb", free_port(), env.ports["dynamodb"], http=True)


def run_doctor(env: Environment, *options: str, **variables: str) -> tuple[int, Findings]:
    """Exit code and findings of the command."""
    environment = {**env.process_environment(proxied=False), **variables}
    completed = env.run_forked("manage.py", "doctor", "--json", "--seconds", SECONDS, *options, environment=environment)
    assert completed.stdout, completed.stderr
    for secret in (settings.AUTH0["client_secret"], settings.TWILIO["auth_token"], "pass-word"):
        assert secret not in completed.stdout
    return completed.returncode, json.loads(completed.stdout)["checks"]


def problems(findings: Findings) -> list[tuple[str, str, str]]:
    """Name, status and code of what is neither right nor skipped."""
    return [
        (finding["name"], finding["status"], finding["code"])
        for finding in findings
        if finding["status"] not in ("ok", "skipped")
        and (finding["name"], finding["code"]) not in PROBLEMS_OF_OTHER_TESTS
    ]


def test_everything_is_right(test_users: UserFixtures, env: Environment) -> None:
    """And nothing stays behind: the outbox that may be late, and dead letters, are other tests'."""
    before = {
        record.table_name(): dynamodb.call("Scan", TableName=record.table_name(), Select="COUNT")["Count"]
        for record in dynamodb.record_classes()
    }
    celery_tasks.log_outbox_status()  # as a worker does each minute
    code, findings = run_doctor(env)

    others = [problem for problem in problems(findings) if problem[0] not in OF_OTHER_TESTS]
    assert others == [], [finding for finding in findings if finding["status"] != "ok"]
    assert len(findings) >= 20
    assert {finding["name"] for finding in findings if finding["status"] == "skipped"} == {
        *("s3.objects", "s3.bucket", "public_url.certificate", "dynamodb.evidence")
    }
    for table, count in before.items():
        assert dynamodb.call("Scan", TableName=table, Select="COUNT")["Count"] == count, table
    assert list((env.folder / "files").glob("doctor*")) == []
    assert code == int("failed" in {finding["status"] for finding in findings})


def test_missing_rights_are_named(env: Environment, database: Proxy) -> None:
    operations = {
        "DeleteItem": "DeleteItem",
        "TransactWriteItems": "ConditionCheckItem",
        "BatchWriteItem": "BatchWriteItem",
    }
    lost = {("dynamodb", "Query", 3): "lost"}  # one lost answer is nothing
    database.plan = FaultPlan(lost, always={f"dynamodb {operation}": "denied" for operation in operations})
    code, findings = run_doctor(env, "--only", "dynamodb,data_keys", DYNAMODB_ENDPOINT_URL=address_of(database))

    assert (code, problems(findings)) == (1, [("dynamodb.rights", "failed", "AccessDeniedException")] * 3)
    sentences = [finding["sentence"] for finding in findings if finding["status"] == "failed"]
    for action in operations.values():
        (sentence,) = [sentence for sentence in sentences if f"AWS refuses {action} on" in sentence]
        assert "call-people" in sentence


def address_of(proxy: Proxy) -> str:
    """The URL of a proxy."""
    return f"http://127.0.0.1:{proxy.port}"


def test_a_role_that_may_not_describe_tables_still_sees_missing_ones(env: Environment, database: Proxy) -> None:
    """The application's role: `docs/aws/application.json` has no DescribeTable."""
    database.plan = FaultPlan(always={"dynamodb DescribeTable": "denied"})
    options, endpoint = ("--only", "dynamodb.tables"), {"DYNAMODB_ENDPOINT_URL": address_of(database)}
    code, findings = run_doctor(env, *options, **endpoint)
    assert (code, [finding["status"] for finding in findings]) == (0, ["ok", "skipped"])

    code, findings = run_doctor(
        env, *options, "--only", "dynamodb", DYNAMODB_TABLE_PREFIX="dutyline-absent", **endpoint
    )
    assert code == 1
    missing = [finding["sentence"] for finding in findings if finding["status"] == "failed"]
    assert "The table dutyline-absent-users is missing." in missing
    assert {problem[0] for problem in problems(findings)} == {"dynamodb.tables"}


def test_rights_are_those_of_the_policies() -> None:
    """What is tried for each role is what the tests of the policies say that it may."""
    for role in ("application", "maintenance"):
        policy = aws_rights.load_policy(role)
        tried = rights.list_rights(role)
        expected = {
            aws_rights.Right(action, record.table_name().removeprefix("dutyline-test-"))
            for record in dynamodb.record_classes()
            for action in rights._PROBES
        }
        assert {(right.action, right.table) for right in tried if not right.index_name} == {
            tuple(right) for right in expected if aws_rights.is_allowed(right, policy)
        }
        allowed_actions = {action for part in policy if part["Effect"] == "Allow" for action in part["Action"]}
        assert {right.action for right in tried} == {
            action.removeprefix("dynamodb:") for action in allowed_actions if action.startswith("dynamodb:")
        }


def test_evidence_that_can_be_rewritten_is_named(test_users: UserFixtures, env: Environment) -> None:
    """The engine denies nothing, as a role with too many rights."""
    (finding,) = rights.find_missing_denials("application")

    assert finding.status == "warning"
    for right in ("DeleteItem on audit", "UpdateItem on terms", "PutItem on data-keys"):
        assert right in finding.sentence


class RefusingBucket(Emulator):
    """An S3 bucket that refuses some methods, as a role without their rights."""

    def __init__(self, *methods: str, code: str = "AccessDenied", status: int = 403) -> None:
        super().__init__(lambda text: EmulatorResponse(400))
        self.objects: dict[str, bytes] = {}
        self._refused = methods
        self._code, self._status = code, status

    def dispatch(self, request: EmulatorRequest) -> EmulatorResponse:
        key = request.path.removeprefix("/files").strip("/")
        if request.method in self._refused:
            return self._error(self._code, self._status)
        if "versioning" in request.query or "lifecycle" in request.query:
            return self._error("AccessDenied", 403)
        if request.method == "PUT":
            self.objects[key] = request.body
            return EmulatorResponse(200, headers={"ETag": '"1"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return EmulatorResponse(204)
        if not key:
            return EmulatorResponse(200, b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        if key in self.objects:
            return EmulatorResponse(200, self.objects[key], "application/octet-stream")
        return self._error("NoSuchKey", 404)

    def _error(self, code: str, status: int) -> EmulatorResponse:
        body = f"<Error><Code>{code}</Code><Message>as planned</Message></Error>"
        return EmulatorResponse(status, body.encode(), "application/xml")


@contextmanager
def serve(emulator: Emulator) -> Iterator[str]:
    """Serve an emulator; its URL."""
    port = free_port()
    with create_server(emulator, port) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("bucket", "sentences"),
    [
        (RefusingBucket(), []),
        (RefusingBucket("DELETE"), ["S3 refuses DeleteObject (AccessDenied)."]),
        (RefusingBucket("PUT"), ["S3 refuses PutObject (AccessDenied)."]),
        (
            RefusingBucket("GET", "PUT", "DELETE", code="NoSuchBucket", status=404),
            ["S3 refuses DeleteObject (NoSuchBucket)."],
        ),
    ],
    ids=["right", "no DELETE", "no PUT", "no bucket"],
)
def test_a_bucket_that_refuses_is_named(bucket: RefusingBucket, sentences: list[str]) -> None:
    """S1-5: documented rights lacked DeleteObject, and no recording was ever stored."""
    with serve(bucket) as url, override_settings(STORAGE_BUCKET="files", STORAGE_ENDPOINT=url):
        files._client.cache_clear()
        findings = list(files._check_objects(Options()))
        files._client().close()
    files._client.cache_clear()

    assert [finding.sentence for finding in findings if finding.status == "failed"] == sentences
    assert sentences or [finding.status for finding in findings] == ["ok"]
    assert bucket.objects == {}


@contextmanager
def mail_server(**options: Any) -> Iterator[str]:
    """A mail server that asks for a login; its host and port."""
    port = free_port()
    controller = Controller(object(), hostname="127.0.0.1", port=port, auth_require_tls=False, **options)
    controller.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        controller.stop()


def test_a_refused_login_and_an_unknown_mail_server_are_named(env: Environment) -> None:
    with mail_server(authenticator=lambda *_: AuthResult(success=False, handled=False)) as address:
        code, findings = run_doctor(env, "--only", "smtp", EMAIL_URL=f"smtp://mailer:pass-word@{address}")
    assert (code, problems(findings)) == (1, [("smtp.server", "failed", "SMTPAuthenticationError")])
    assert "Check user and password of EMAIL_URL." in findings[0]["mend"]

    code, findings = run_doctor(env, "--only", "smtp", EMAIL_URL="smtp://mailer:pass-word@nowhere.invalid:25")
    assert (code, problems(findings)) == (1, [("smtp.server", "failed", "gaierror")])


@contextmanager
def without_scope(env: Environment, scope: str) -> Iterator[None]:
    """A tenant that lacks a scope of the machine-to-machine application."""
    tenant = env.tenant()
    grants = tenant.list_records("client_grant")
    (grant,) = [grant for grant in grants if grant["client_id"] == settings.AUTH0["client_id"]]
    lesser = [granted for granted in MACHINE_SCOPES if granted != scope]
    tenant.put_record("client_grant", grant["id"], {**grant, "scope": lesser})
    try:
        yield
    finally:
        tenant.put_record("client_grant", grant["id"], grant)


@contextmanager
def limited_user(env: Environment) -> Iterator[str]:
    """A user of Redis who lacks the right to one command; the URL."""
    admin: Any = Redis(port=env.ports["redis"])
    admin.execute_command("ACL", "SETUSER", "limited", "on", ">pass-word", "~*", "&*", "+@all", "-zadd")
    try:
        yield f"redis://limited:pass-word@127.0.0.1:{env.ports['redis']}/0"
    finally:
        admin.execute_command("ACL", "DELUSER", "limited")
        admin.close()


@contextmanager
def suspended_account(env: Environment) -> Iterator[None]:
    """The account at Twilio is suspended."""
    httpx.post(f"{env.twilio}/_local/switches", json={"account": "suspended"}).raise_for_status()
    try:
        yield
    finally:
        httpx.post(f"{env.twilio}/_local/switches", json={"account": "active"}).raise_for_status()


def test_each_of_many_faults_is_named_and_nothing_else(web: str, env: Environment, database: Proxy) -> None:
    database.plan = FaultPlan(always={"dynamodb DeleteItem": "denied"})
    with (
        serve(RefusingBucket("DELETE")) as bucket_url,
        mail_server(authenticator=lambda *_: AuthResult(success=False, handled=False)) as mail_address,
        limited_user(env) as redis_url,
        without_scope(env, "delete:users"),
        suspended_account(env),
    ):
        code, findings = run_doctor(
            env,
            DYNAMODB_ENDPOINT_URL=address_of(database),
            DATA_KEY="d3Jvbmcta2V5LWZvci10aGUtZG9jdG9yLXRlc3QhISE=",
            REDIS_URL=redis_url,
            EMAIL_URL=f"smtp://mailer:pass-word@{mail_address}",
            STORAGE_BUCKET="files",
            STORAGE_ENDPOINT_URL=bucket_url,
            STORAGE_FOLDER="",
        )

    named = {(name, reason) for name, _, reason in problems(findings) if name not in OF_OTHER_TESTS}
    assert (code, named) == (
        1,
        {
            ("dynamodb.rights", "AccessDeniedException"),
            ("data_keys.stored", "wrong_data_keys"),
            ("s3.objects", "AccessDenied"),
            ("redis.commands", "NoPermissionError"),
            ("smtp.server", "SMTPAuthenticationError"),
            ("auth0.token", "insufficient_scope"),
            ("twilio.account", "suspended"),
        },
    )
    sentences = {finding["name"]: finding["sentence"] for finding in findings if finding["status"] == "failed"}
    assert "AWS refuses DeleteItem on" in sentences["dynamodb.rights"]
    assert f"The data key {data_keys.current_id()} is not the one" in sentences["data_keys.stored"]
    assert sentences["s3.objects"] == "S3 refuses DeleteObject (AccessDenied)."
    assert "Redis refuses ZADD" in sentences["redis.commands"]
    assert "Management API: delete:users." in sentences["auth0.token"]
    assert "suspended" in sentences["twilio.account"]


def test_a_wrong_secret_of_the_back_office_and_an_open_sign_up_are_named(env: Environment) -> None:
    code, findings = run_doctor(env, "--only", "auth0.back_office", AUTH0_SSO_CLIENT_SECRET="wrong")
    assert (code, problems(findings)) == (1, [("auth0.back_office", "failed", "access_denied")])

    tenant = env.tenant()
    (connection,) = (
        connection
        for connection in tenant.list_records("connection")
        if connection["name"] == settings.AUTH0["connection"]
    )
    options = {**connection["options"], "disable_signup": False}
    tenant.put_record("connection", connection["id"], {**connection, "options": options})
    try:
        code, findings = run_doctor(env, "--only", "auth0")
    finally:
        tenant.put_record("connection", connection["id"], connection)
    assert problems(findings) == [("auth0.tenant", "failed", "tenant_differs")]
    assert any("Anybody can sign up" in finding["sentence"] for finding in findings)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"TWILIO_AUTH_TOKEN": "wrong"}, {("twilio.account", "401 20003"), ("twilio.webhooks", "invalid_signature")}),
        ({"TWILIO_CALLER_ID": "+14155550123"}, {("twilio.account", "caller_id")}),
    ],
)
def test_wrong_settings_of_twilio_are_named(
    web: str, env: Environment, variables: dict[str, str], expected: set[tuple[str, str]]
) -> None:
    code, findings = run_doctor(env, "--only", "twilio", **variables)

    assert (code, {(name, reason) for name, _, reason in problems(findings)}) == (1, expected)


def test_pending_migrations_and_a_wrong_server_are_named(env: Environment, tmp_path: Path) -> None:
    code, findings = run_doctor(env, "--only", "sql", DATABASE_URL=f"sqlite:///{tmp_path}/new.sqlite3")
    assert (code, problems(findings)) == (1, [("sql.database", "failed", "pending_migrations")])

    server = f"postgres://u:pass-word@127.0.0.1:{free_port()}/x"
    code, findings = run_doctor(env, "--only", "sql", DATABASE_URL=server)
    assert (code, problems(findings)) == (1, [("sql.database", "failed", "OperationalError")])


def test_missing_workers_are_named(env: Environment) -> None:
    with closing(Redis(port=env.ports["redis"])) as redis:
        redis.set(heartbeat.REDIS_KEY, f"{time.time() - 600:.0f}")
    (finding,) = doctor_redis._check_processes(Options())
    assert (finding.status, finding.code) == ("failed", "no_heartbeat")
    celery_tasks.log_outbox_status()
    (finding,) = doctor_redis._check_processes(Options())
    assert finding.status == "ok"


def test_contradictions_and_an_unreachable_address_are_named(env: Environment) -> None:
    code, findings = run_doctor(
        env,
        *("--only", "settings,public_url"),
        ALLOWED_HOSTS="api.dutyline.example",
        CALLS_AT_ONCE_PER_CALLER="30",
        PUBLIC_BASE_URL=f"http://127.0.0.1:{free_port()}",
    )

    assert code == 1
    assert problems(findings) == [
        ("settings.contradictions", "failed", "disallowed_host"),
        ("settings.contradictions", "warning", "limit_without_effect"),
        ("public_url.api", "failed", "ConnectError"),
    ]
    assert network.judge_certificate(timedelta(days=13)).status == "warning"
    assert network.judge_certificate(timedelta(days=15)).status == "ok"


@pytest.mark.parametrize(
    ("listed", "engines", "expected"),
    [
        ("", {}, [("ok", "")]),
        ("localhost", {"REDIS_URL": "localhost"}, [("warning", "without_tls")]),
        ("localhost", {}, [("warning", "not_needed")]),
        ("203.0.114.7", {"REDIS_URL": "203.0.114.7"}, [("failed", "public_address")]),
        ("gone.invalid", {"REDIS_URL": "gone.invalid"}, [("skipped", "")]),
    ],
)
def test_engines_without_tls_are_named(listed: str, engines: dict[str, str], expected: list[tuple[str, str]]) -> None:
    hosts = frozenset(listed.split())
    with override_settings(HOSTS_WITHOUT_TLS=hosts, ENGINES_WITHOUT_TLS=engines, LOCAL=False):
        findings = list(doctor_settings._check_tls(Options()))

    assert [(finding.status, finding.code) for finding in findings] == expected
    assert all(name in finding.sentence for name in engines for finding in findings)


def test_everything_hangs_and_the_run_ends_in_time(env: Environment) -> None:
    """Servers that accept connections and never answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        environment = {
            **env.process_environment(proxied=False),
            **dict.fromkeys(("DYNAMODB_ENDPOINT_URL", "EXPO_BASE_URL", "TWILIO_BASE_URL"), f"http://{address}"),
            "STORAGE_BUCKET": "files",
            "STORAGE_ENDPOINT_URL": f"http://{address}",
            "STORAGE_FOLDER": "",
            "AUTH0_ISSUER": f"http://{address}/",
            "AUTH0_MANAGEMENT_URL": f"http://{address}/api/v2/",
            "REDIS_URL": f"redis://{address}/0",
            "EMAIL_URL": f"smtp://{address}",
            "PUBLIC_BASE_URL": f"http://{address}",
            "DATABASE_URL": f"postgres://u:pass-word@{address}/x",
        }
        began_at = time.monotonic()
        completed = subprocess.run(
            [sys.executable, "manage.py", "doctor", "--json"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        seconds = time.monotonic() - began_at

    assert completed.returncode == 1, completed.stderr
    assert seconds < 30
    failed = {row["name"] for row in json.loads(completed.stdout)["checks"] if row["status"] == "failed"}
    assert {
        *("dynamodb.rights", "s3.objects", "sql.database", "redis.commands", "smtp.server", "public_url.api"),
        *("auth0.token", "auth0.keys", "auth0.tenant", "expo.token", "twilio.account", "twilio.webhooks"),
    } <= failed


def test_readiness_names_what_other_processes_saw(test_users: UserFixtures, web: str, env: Environment) -> None:
    """A worker met a wrong mail server, another process a missing scope: named, and still 200."""
    began_at, deadline = time.time(), time.monotonic() + failures.SHARE_INTERVAL + 10
    while "mail server" not in {failure.dependency for failure in failures.read_shared() if failure.at > began_at}:
        assert time.monotonic() < deadline  # this process may have shared the same of another test before Redis lost it
        assert test_users.ann.post("/user", test_users.user_body()).status_code == 201
        with override_settings(EMAIL_PORT=free_port()):
            process_outbox()
    with without_scope(env, "create:users"):
        other_url = env.start_web("scopeless", free_port())
        try:
            headers = {"Authorization": f"Bearer {test_users.ann.token}"}
            response = httpx.post(f"{other_url}/user", json=test_users.user_body(), headers=headers, timeout=30)
        finally:
            env.stop("scopeless")
    assert response.status_code == 503

    expected = {"mail server": "ConnectionRefusedError", "sign-in service": "insufficient_scope create:users"}
    # A report is reused for 2 s, and is made of the last answer while a busy Redis gives none: for
    # a while it may have the codes that earlier tests provoked within 15 minutes.
    deadline = time.monotonic() + 20
    while True:
        response = httpx.get(f"{web}/readyz", timeout=20)
        codes = {problem["name"]: problem["code"] for problem in response.json()["problems"]}
        if expected.items() <= codes.items():
            break
        assert time.monotonic() < deadline, codes
        time.sleep(0.5)
    assert (response.status_code, response.json()["status"]) == (200, "degraded")


def test_readiness_names_a_missing_bucket_without_waiting_for_it(env: Environment) -> None:
    with serve(RefusingBucket("GET", "PUT", "DELETE", code="NoSuchBucket", status=404)) as url:
        ready_url = env.start_web(
            "bucketless", free_port(), STORAGE_BUCKET="files", STORAGE_ENDPOINT_URL=url, STORAGE_FOLDER=""
        )
        try:
            assert httpx.get(f"{ready_url}/readyz", timeout=20).json()["files"] == "unknown"
            deadline = time.monotonic() + 30
            while (report := httpx.get(f"{ready_url}/readyz", timeout=20).json())["files"] == "unknown":
                assert time.monotonic() < deadline
                time.sleep(0.5)
        finally:
            env.stop("bucketless")

    assert report["files"] == "unavailable"
    assert "NoSuchBucket" in {problem["name"]: problem["code"] for problem in report["problems"]}["file storage"]
