"""Builds images with buildah and runs the services of deploy/compose.yaml with podman.

For machines without a Docker engine. Base images are made of Debian's packages instead of being
pulled, and the engines, whose images cannot be made so, are replaced by programs of this machine.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from config.dev import engines, postgresql, services

PROGRAMS = {"buildah": "buildah", "podman": "podman", "runc": "runc", "mmdebstrap": "mmdebstrap"}
"""Debian package of each program that is needed."""
BASE = "debian:bookworm-slim"
COMPOSE_FILE = services.ROOT / "deploy/compose.yaml"
NAME_PREFIX = "dutyline-check-"
START_SECONDS = 300
_STORAGE = """[storage]
driver = "overlay"
graphroot = "{folder}/store"
runroot = "{folder}/run"
"""
_BASE_FILE = f"""FROM {BASE}
COPY . /
"""


def require_programs() -> None:
    """Exit with the command that installs what is missing."""
    missing = [package for program, package in PROGRAMS.items() if not shutil.which(program)]
    if not postgresql.is_installed():
        missing.append("postgresql")
    if missing:
        sys.exit(f"Install first: apt-get install --no-install-recommends {' '.join(missing)}")
    if os.geteuid():
        sys.exit("Run this as root: it makes a Debian system and starts containers.")


def use_storage(folder: Path) -> None:
    """Keep images in a folder of our own, for this process and its children."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder))
    os.environ["CONTAINERS_STORAGE_CONF"] = str(folder / "storage.conf")


def make_base_image(folder: Path) -> None:
    """A bare Debian under the name that the Dockerfile starts from, unless it is there."""
    if subprocess.run(["podman", "image", "exists", BASE]).returncode == 0:
        return
    archive = folder / "base.tar"
    run("mmdebstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", str(archive))
    run("podman", "import", "--quiet", str(archive), BASE)
    archive.unlink()
    overlay = folder / "overlay"
    for file in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pip.conf"):  # how this machine reaches package indexes
        if Path(file).exists():
            (overlay / file[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, overlay / file[1:])
    (folder / "Base").write_text(_BASE_FILE)
    run("buildah", "build", "--isolation", "chroot", "--file", str(folder / "Base"), "--tag", BASE, str(overlay))


def build(image: str, target: str | None = None) -> None:
    """Build a stage of deploy/Dockerfile; without ``target`` the product."""
    stage = ["--target", target] if target else []
    options = ["--isolation", "chroot", "--format", "docker", "--layers", *stage]
    run("buildah", "build", *options, "--file", "deploy/Dockerfile", "--tag", image, ".")


def run(*command: str) -> str:
    """Run a command in the repository; its output. Exits with the end of it if it fails."""
    completed = subprocess.run(
        command, cwd=services.ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if completed.returncode:
        sys.exit("\n".join([f"$ {' '.join(command)}", *(completed.stdout + completed.stderr).splitlines()[-15:]]))
    return completed.stdout


class Stack:
    """The services of deploy/compose.yaml, running on this network namespace's loopback."""

    def __init__(self, folder: Path) -> None:
        self.services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE_FILE.read_text())["services"]
        self._folder = folder
        self._engines: list[subprocess.Popen[bytes]] = []
        self._postgresql: postgresql.Server | None = None

    def start(self) -> None:
        """Start everything in the order of ``depends_on``; wait for what runs once."""
        self.stop()  # what a check left that was killed
        started: set[str] = set()
        while len(started) < len(self.services):
            for name, service in self.services.items():
                if name not in started and started >= set(service.get("depends_on", ())):
                    self._start_service(name, service)
                    started.add(name)

    def _start_service(self, name: str, service: Mapping[str, Any]) -> None:
        if not service["image"].startswith("dutyline"):
            self._start_engine(name)
            return
        command = ["podman", "--runtime", "runc", "run", "--detach", "--name", NAME_PREFIX + name, "--no-healthcheck"]
        run(*command, *limits(), *podman_options(service), service["image"], *service.get("command", ()))
        if service.get("restart") == "no" and run("podman", "wait", NAME_PREFIX + name).strip() != "0":
            sys.exit(f"{name} failed:\n{self.log(name)}")

    def _start_engine(self, name: str) -> None:
        """A program of this machine in place of an image that cannot be pulled."""
        words = [str(word) for word in self.services[name]["command"]]
        if name == "postgres":
            port = int(words[-1].removeprefix("port="))
            self._postgresql = postgresql.Server(port, self._folder / "postgres.log")
            return
        port = int(words[words.index("--port" if "--port" in words else "-port") + 1])
        command = {"valkey": engines.redis_command, "dynamodb": engines.dynamodb_command}[name](port)
        self._engines.append(self._spawn(name, command))

    def _spawn(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def execute(self, name: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's container."""
        prefix = ["podman", "--runtime", "runc", "exec", NAME_PREFIX + name]
        return subprocess.run([*prefix, *command], capture_output=True, text=True, check=False)

    def inspect(self, name: str) -> dict[str, Any]:
        """What podman knows about a service's container."""
        (description,) = json.loads(run("podman", "inspect", NAME_PREFIX + name))
        return dict(description)

    def log(self, name: str, lines: int = 30) -> str:
        """The end of what a service has written."""
        completed = subprocess.run(
            ["podman", "logs", "--tail", str(lines), NAME_PREFIX + name], capture_output=True, text=True, check=False
        )
        return completed.stdout + completed.stderr

    def stop(self) -> None:
        """Stop and remove every container and engine."""
        names = [NAME_PREFIX + name for name in self.services]
        subprocess.run(["podman", "stop", "--ignore", "--time", "15", *names], capture_output=True, check=False)
        subprocess.run(["podman", "rm", "--force", "--ignore", "--volumes", *names], capture_output=True, check=False)
        volumes = [f"{NAME_PREFIX}{name}" for name in yaml.safe_load(COMPOSE_FILE.read_text())["volumes"]]
        subprocess.run(["podman", "volume", "rm", "--force", *volumes], capture_output=True, check=False)
        for engine in self._engines:
            engine.terminate()
        for engine in self._engines:
            engine.wait()
        if self._postgresql:
            self._postgresql.stop()


def limits() -> list[str]:
    """The limits of this process: containers may not have higher ones here."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return ["--ulimit", f"nofile={files}:{files}", "--ulimit", "nproc=4096:4096"]


def podman_options(service: Mapping[str, Any]) -> list[str]:
    """Options of `podman run` that do what a service of the file asks for."""
    options = ["--network", service["network_mode"]]
    if service.get("read_only"):
        options.append("--read-only")
    for capability in service.get("cap_drop", ()):
        options += ["--cap-drop", capability]
    for option in service.get("security_opt", ()):
        options += ["--security-opt", option.replace("no-new-privileges:true", "no-new-privileges")]
    for path in service.get("tmpfs", ()):
        options += ["--tmpfs", path]
    for volume in service.get("volumes", ()):
        options += ["--volume", NAME_PREFIX + volume]
    for name, value in service.get("environment", {}).items():
        options += ["--env", f"{name}={value}"]
    return options
