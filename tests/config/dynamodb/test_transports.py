"""The transports as calls use them: without credentials, and from many threads at once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import dynamodb, errors
from config.dynamodb.connection import MAX_THREADS, BotocoreTransport
from tests.support.environment import Environment


@pytest.fixture
def without_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Neither the environment nor a file of this machine has AWS credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    dynamodb.get_transport().close()
    dynamodb.get_transport.cache_clear()
    yield
    dynamodb.get_transport.cache_clear()


@pytest.mark.usefixtures("without_credentials")
@pytest.mark.parametrize("count", [1, 3])
def test_calls_without_credentials_are_unavailable(count: int) -> None:
    with pytest.raises(errors.Unavailable, match="No AWS credentials"):
        dynamodb.call_together([("ListTables", {})] * count)


def test_botocore_transport_serves_reads_that_occupy_all_threads(env: Environment) -> None:
    transport, is_done = BotocoreTransport(), threading.Event()
    all_began = threading.Barrier(MAX_THREADS + 1)

    def read() -> list[str]:
        all_began.wait(20)
        return [finish()["TableNames"][0] for finish in transport.start([("ListTables", {})] * 2)]

    def read_all() -> None:
        dynamodb.gather(*[read] * (MAX_THREADS + 1))
        is_done.set()

    threading.Thread(target=read_all, daemon=True).start()
    assert is_done.wait(30)
    transport.close()
