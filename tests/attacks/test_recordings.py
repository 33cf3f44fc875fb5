"""LOW: a recording was read whole into memory, up to 58 MB for each request."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import httpx
import pytest

from config import storage
from config.dynamodb import unaudited
from telephony.calls.state import call_record
from telephony.calls.state.call_steps import CallStep, step_updates
from telephony.models import Call
from tests.attacks.processes import ProcessCost
from tests.support.environment import Environment
from tests.support.users import UserFixtures

SIZE = 58_000_000
"""Of an hour, the longest conversation."""
LISTENERS = 8


@pytest.fixture(scope="module")
def long_recording(test_users: UserFixtures) -> Iterator[str]:
    """The path of a call's recording that is as long as a call may be."""
    call = call_record.load(test_users.recorded_call_id)
    assert call
    (recording,) = call.recordings
    content = BytesIO(bytes(range(256)) * (SIZE // 256))
    file = storage.save_file(f"recordings/{call.id}/long.wav", content)
    updates = step_updates(CallStep("kept", sid="long"), recording={"sid": recording.sid, "file": file})
    assert unaudited.update(call.row, updates, Call.id.exists())
    yield f"/call/{call.id}/recording"
    storage.delete_file(file)


def test_long_recordings_take_little_memory(
    test_users: UserFixtures, env: Environment, long_recording: str, record_figure: Callable[[str], None]
) -> None:
    """Each of several listeners takes a part at a time, however slowly."""
    process = ProcessCost(env.processes["web"].pid)
    expected = hashlib.sha256(bytes(range(256)) * (SIZE // 256)).hexdigest()
    before, peaks = process.memory(), []

    def listen(_: int) -> str:
        digest = hashlib.sha256()
        headers = {"Authorization": f"Bearer {test_users.ann.token}"}
        with httpx.stream("GET", test_users.ann.web + long_recording, headers=headers, timeout=60) as response:
            assert response.headers["Content-Length"] == str(SIZE // 256 * 256)
            for number, part in enumerate(response.iter_raw(1_000_000)):
                digest.update(part)
                if number % 20 == 0:
                    peaks.append(process.memory())
        return digest.hexdigest()

    with ThreadPoolExecutor(LISTENERS) as pool:
        assert set(pool.map(listen, range(LISTENERS))) == {expected}
    grown = max(peaks) - before
    record_figure(f"{LISTENERS} listeners of a recording of 58 MB: the web process grows by {grown:.0f} MB")
    assert grown < 60


def test_a_part_of_a_long_recording_costs_a_part(
    test_users: UserFixtures, env: Environment, long_recording: str
) -> None:
    process = ProcessCost(env.processes["web"].pid)
    before = process.cpu_seconds()
    for start in range(SIZE - 1_000_000, SIZE - 900_000, 10_000):
        response = test_users.ann.get(long_recording, headers={"Range": f"bytes={start}-{start + 99}"})
        assert response.status_code == 206
        assert response.content == bytes((start + offset) % 256 for offset in range(100))
    assert process.cpu_seconds() - before < 1
