"""How ``make run`` waits: for progress, whatever the machine does, and it says what is slow."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from config.dev.startup import READY, Check, State, UrlCheck, port_check
from config.dev.supervisor import Supervisor
from tests.support.environment import free_port

COMPUTE = """
import http.server, sys, time
while time.process_time() < 1.5:
    pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.BaseHTTPRequestHandler).serve_forever()
"""
WRITE = """
import time
for step in range(30):
    print("step", step, flush=True)
    time.sleep(0.1)
"""
SLEEP = "import time; print('waiting for nobody', flush=True); time.sleep(600)"
REFUSE = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_GET(self):
        Page.count += 1
        sum(range(1_000_000))
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"redis does not answer, " + str(Page.count).encode())
    def log_message(self, *arguments):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, {"PYTHONUNBUFFERED": "1"}, stall_seconds=2, report_seconds=1)
    yield supervisor
    supervisor.stop(grace_seconds=2)


def start_python(supervisor: Supervisor, name: str, program: str, *arguments: str) -> None:
    supervisor.start(name, python(program, *arguments))


def python(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-S", "-c", program, *arguments]


@contextmanager
def loaded_machine() -> Iterator[None]:
    """Four processes on each processor compute until the block ends."""
    processes = [subprocess.Popen(python("while True: pass")) for _ in range(4 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def never() -> State:
    return State("it lacks everything")


def test_on_a_loaded_machine_it_waits_for_a_process_that_computes_and_says_so(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    supervisor.stall_seconds, supervisor.report_seconds = 1, 0.5
    with loaded_machine():
        start_python(supervisor, "web", COMPUTE, str(port))
        began_at = time.monotonic()
        supervisor.wait_for_port("web", port)
        seconds = time.monotonic() - began_at

    assert seconds > supervisor.stall_seconds
    assert "s of CPU time (load " in (output := capsys.readouterr().out)
    assert output.startswith("· web is slow: ")
    assert f"it does not listen on port {port} yet." in output
    assert supervisor.slowest_starts().startswith("web ")


def test_a_command_that_writes_to_its_log_makes_progress(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.run("demo", python(WRITE))
    assert supervisor.start_seconds["demo"] > supervisor.stall_seconds
    assert "  its log: step " in capsys.readouterr().out
    assert not supervisor.processes


def test_the_process_that_makes_no_progress_is_named_though_others_do(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    start_python(supervisor, "busy", "while True: pass")
    start_python(supervisor, "stuck", SLEEP)
    checks: dict[str, Check] = {"busy": never, "stuck": never}
    with pytest.raises(SystemExit) as exit_info:
        supervisor.wait_until_ready(checks)
    assert str(exit_info.value).startswith("stuck has made no progress for 2 s (0.")
    assert str(exit_info.value).endswith("s of CPU time in all): it lacks everything.\nwaiting for nobody")


def test_a_command_without_progress_ends_the_run(supervisor: Supervisor) -> None:
    with pytest.raises(SystemExit, match=r"migrate has made no progress for 2 s .*: it has not ended yet"):
        supervisor.run("migrate", python(SLEEP))


def test_refusals_are_no_progress_though_they_take_cpu_time_and_differ(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    start_python(supervisor, "web", REFUSE, str(port))
    with (
        closing(UrlCheck(port, "/readyz")) as check,
        pytest.raises(SystemExit, match=r"web has made no progress .* /readyz answers 503: redis does not answer"),
    ):
        supervisor.wait_until_ready({"web": check})


def test_a_process_that_ends_is_reported_at_once(supervisor: Supervisor) -> None:
    start_python(supervisor, "ended", "import sys; print('no right'); sys.exit(3)")
    start_python(supervisor, "slow", SLEEP)
    with pytest.raises(SystemExit, match="ended exited with code 3:\nno right"):
        supervisor.wait_until_ready({"slow": port_check(free_port())})
    with pytest.raises(SystemExit, match="tables failed:\nno right"):
        Supervisor(supervisor.log_folder, {}).run("tables", python("print('no right'); raise SystemExit(1)"))
    supervisor.processes.pop("ended").wait()
    supervisor.wait_until_ready({"slow": lambda: READY})
