"""A PostgreSQL server on loopback from Debian's programs, for tests and checks of images.

It is thrown away: nothing in it survives the machine. The server refuses to run as root, so it runs
as Debian's user ``postgres`` then.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY_FOLDERS = Path("/usr/lib/postgresql")
USER = "postgres"
ROLE = "dutyline"
"""Of the database, its owner, and its password."""
START_SECONDS = 300
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "300",
    "shared_buffers": "16MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",
}


def is_installed() -> bool:
    """Whether Debian's package is there."""
    return any(BINARY_FOLDERS.glob("*/bin/postgres"))


def database_url(port: int) -> str:
    """The database of a server on this port, as `DATABASE_URL` takes it."""
    return f"postgres://{ROLE}:{ROLE}@127.0.0.1:{port}/{ROLE}"


class Server:
    """A running server with an empty database; its log goes to a file."""

    def __init__(self, port: int, log_file: Path) -> None:
        if not is_installed():
            sys.exit("PostgreSQL is not installed. Install it with: apt-get install postgresql")
        self._binaries = max(BINARY_FOLDERS.glob("*/bin"), key=lambda folder: float(folder.parent.name))
        self._folder = Path(tempfile.mkdtemp(prefix="dutyline-postgresql-"))
        self._port, self._log_file = port, log_file
        self._process = self._start()
        self._create_database()

    def stop(self) -> None:
        """Stop it without waiting for its clients, and delete its files."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self._folder)

    def _start(self) -> subprocess.Popen[bytes]:
        prefix: list[str] = []
        if os.geteuid() == 0:
            shutil.chown(self._folder, USER)
            prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        data_folder = str(self._folder / "data")
        initdb = [str(self._binaries / "initdb"), "--auth=trust", "--no-sync", f"--username={USER}"]
        options = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
        server = [str(self._binaries / "postgres"), "-D", data_folder, "-p", str(self._port), "-k", str(self._folder)]
        with self._log_file.open("ab") as log:
            subprocess.run(
                [*prefix, *initdb, data_folder], cwd="/", check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
            return subprocess.Popen(
                [*prefix, *server, *options],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _create_database(self) -> None:
        psql = [str(self._binaries / "psql"), "-h", "127.0.0.1", "-p", str(self._port), "-U", USER, "-c"]
        environment = {**os.environ, "PGCONNECT_TIMEOUT": "2"}  # if another program has the port
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([*psql, "SELECT 1"], env=environment, capture_output=True).returncode:
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                sys.exit(f"PostgreSQL does not start:\n{self._log_file.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        for statement in (f"CREATE ROLE {ROLE} LOGIN PASSWORD '{ROLE}'", f"CREATE DATABASE {ROLE} OWNER {ROLE}"):
            subprocess.run([*psql, statement], check=True, stdout=subprocess.DEVNULL)
