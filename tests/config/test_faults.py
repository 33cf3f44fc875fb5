"""Each dependency hangs, and is gone: what does not need it is as fast as before.

``make scale`` walks through all of them and prints the table; ``make test`` through one.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.emulators.twilio.phones import sign_webhook
from tests.support.calls import new_call_ids
from tests.support.environment import IS_SCALE_RUN, Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.silent_servers import SilentPostgres, SilentServer
from tests.support.users import UserFixtures

ALL_DEPENDENCIES = ("identity", "twilio", "expo", "postgresql", "files", "redis", "dynamodb")
DEPENDENCIES = ALL_DEPENDENCIES if IS_SCALE_RUN else ("twilio",)
ROUNDS = 300 if IS_SCALE_RUN else 20
"""How many calls come in; of the other operations, `REQUESTS_BESIDE_A_CALL` times as many."""
REQUESTS_BESIDE_A_CALL = 5
USERS_OF_IT = 4
"""Clients that go on asking for what needs the dependency, before the fault and during it."""
NEVER_ANSWERS = ("postgresql", "files")
"""Here: before the fault, its users ask for something else."""
FLOOR_SECONDS = 0.01 if IS_SCALE_RUN else 0.5
"""What counts as fast however fast it was before: `make test` does other things meanwhile."""
FORM = {"AccountSid": "AC" + "10ca1" * 6 + "00", "From": "+16175550199"}


@dataclass(frozen=True)
class FaultyProcess:
    """A web process whose dependencies can be taken away."""

    url: str
    test_users: UserFixtures
    env: Environment
    postgres: SilentPostgres
    files: SilentServer
    client: httpx.Client
    """Keeps its connections: a new client for each request would take most of the CPU time here."""

    def get(self, path: str, *, token: str) -> httpx.Response:
        return self.client.get(path, headers={"Authorization": f"Bearer {token}"})

    def receive_call(self) -> httpx.Response:
        """Twilio's first webhook of a new call."""
        url = f"{self.url}/telephony/voice"
        form = {**FORM, "CallSid": new_call_ids(1)[0], "To": str(self.test_users.boston_number.number.number)}
        headers = {"X-Twilio-Signature": sign_webhook(url, form, "local-twilio-token")}
        return self.client.post(url, data=form, headers=headers)

    def ask_for(self, dependency: str) -> httpx.Response:
        """Something that needs a dependency, or for which it is used; of none, what all need."""
        ann = self.test_users.ann.token
        if dependency == "identity":
            headers, body = {"Authorization": f"Bearer {ann}"}, self.test_users.user_body()
            return self.client.post("/user", headers=headers, json=body)
        if dependency == "twilio":
            headers, body = {"Authorization": f"Bearer {ann}"}, {"country": "US", "areaCode": "415"}
            return self.client.post("/userManagement/find-phone-numbers", headers=headers, json=body)
        if dependency == "postgresql":
            headers = {"Cookie": f"dutyline-operator={'0' * 32}"}
            return self.client.get("/admin/", headers=headers)
        if dependency == "files":
            return self.get(f"/call/{self.test_users.recorded_call_id}/recording", token=ann)
        return self.get("/customer", token=ann)

    @contextmanager
    def fault(self, dependency: str, kind: str) -> Iterator[None]:
        """Have a dependency hang, or be gone, until the block ends."""
        engine = self.env.processes.get(dependency)
        if dependency in ("postgresql", "files"):
            if kind == "gone":
                (self.postgres if dependency == "postgresql" else self.files).close()
            yield
        elif engine is not None and kind == "hangs" and dependency in ("redis", "dynamodb"):
            engine.send_signal(signal.SIGSTOP)
            try:
                yield
            finally:
                engine.send_signal(signal.SIGCONT)
        else:
            with self.env.apply_plan(FaultPlan(always={dependency: "hang" if kind == "hangs" else "refuse"})):
                yield


@pytest.fixture(scope="module")
def faulty(env: Environment, test_users: UserFixtures) -> Iterator[FaultyProcess]:
    """Run one."""
    assert test_users.recorded_call_id, "it is stored while all is well"
    postgres, files, port = SilentPostgres(), SilentServer(), free_port()
    url = env.start_web(
        "web-faults",
        port,
        PUBLIC_BASE_URL=f"http://127.0.0.1:{port}",
        DATABASE_URL=f"postgres://dutyline:secret@127.0.0.1:{postgres.port}/operators",
        STORAGE_BUCKET="dutyline-files",
        STORAGE_ENDPOINT_URL=f"http://127.0.0.1:{files.port}",
        STORAGE_FOLDER="",
        CALLS_AT_ONCE_PER_CUSTOMER="1000",
        CALLS_AT_ONCE_PER_LOCATION="1000",
        CALLS_AT_ONCE_PER_CALLER="1000",
        READS_PER_USER="10000000",
        WRITES_PER_USER="10000000",
        COSTLY_REQUESTS_PER_USER="10000000",
        INVITATIONS_PER_USER="1000000",
        INVITATIONS_PER_CUSTOMER="1000000",
        COST_PER_USER="10000000",
        COST_PER_CUSTOMER="10000000",
        RATE_LIMIT_LEASE_SECONDS="2",
    )
    client = httpx.Client(base_url=url, timeout=30)
    process = FaultyProcess(url, test_users, env, postgres, files, client)
    for operation in unrelated_operations(process, "").values():
        assert [operation().status_code for _ in range(5)] == [200] * 5
    yield process
    client.close()
    env.stop("web-faults")
    postgres.close()
    files.close()


def unrelated_operations(process: FaultyProcess, dependency: str) -> dict[str, Callable[[], httpx.Response]]:
    """What does not need a dependency, by name; without DynamoDB little is left."""
    operations: dict[str, Callable[[], httpx.Response]] = {"healthz": lambda: process.client.get("/healthz")}
    if dependency != "dynamodb":
        sam = process.test_users.sam.token
        operations |= {"GET /user": lambda: process.get("/user", token=sam), "call": process.receive_call}
    return operations


def measure(operations: dict[str, Callable[[], httpx.Response]]) -> dict[str, float]:
    """The 99th percentile of the seconds of each operation, all of which succeed."""
    seconds: dict[str, list[float]] = {name: [] for name in operations}
    for number in range(ROUNDS * REQUESTS_BESIDE_A_CALL):
        for name, operation in operations.items():
            if name == "call" and number % REQUESTS_BESIDE_A_CALL:
                continue
            began_at = time.perf_counter()
            assert operation().status_code == 200, name
            seconds[name].append(time.perf_counter() - began_at)
    return {name: sorted(values)[max(0, len(values) * 99 // 100 - 1)] for name, values in seconds.items()}


@contextmanager
def users_of(process: FaultyProcess, dependency: str) -> Iterator[list[int]]:
    """Clients that ask for what needs a dependency, or none, until the end; their answers."""
    statuses: list[int] = []
    has_ended = threading.Event()

    def go_on_asking() -> None:
        while not has_ended.wait(0.2):
            statuses.append(process.ask_for(dependency).status_code)

    threads = [threading.Thread(target=go_on_asking) for _ in range(USERS_OF_IT)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        has_ended.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("dependency", DEPENDENCIES)
def test_what_does_not_need_a_dependency_is_as_fast_without_it(
    faulty: FaultyProcess, dependency: str, record_figure: Callable[[str], None]
) -> None:
    operations = unrelated_operations(faulty, dependency)
    with users_of(faulty, "" if dependency in NEVER_ANSWERS else dependency) as statuses:
        normal = measure(operations)
    assert set(statuses) <= {200, 201, 202}
    for kind in ("hangs", "gone"):
        with ExitStack() as stack:
            stack.enter_context(faulty.fault(dependency, kind))
            statuses = stack.enter_context(users_of(faulty, dependency))
            time.sleep(0.5)
            during = measure(operations)
        figures = ", ".join(f"{name} {1000 * normal[name]:.1f} -> {1000 * during[name]:.1f} ms" for name in operations)
        record_figure(f"p99 while {dependency} {kind}: {figures}; of it: {sorted(set(statuses))}")
        slow = {name: seconds for name, seconds in during.items() if seconds > max(2 * normal[name], FLOOR_SECONDS)}
        assert not slow, (normal, during)
        assert set(statuses) <= {200, 201, 202, 429, 503}
