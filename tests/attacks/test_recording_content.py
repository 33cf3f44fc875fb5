"""What Twilio answers for a recording is stored only if it is one."""

import threading
from typing import Any

import pytest

from telephony.twilio.recordings import download_recording
from tests.emulators.server import Emulator, EmulatorResponse, create_server, json_response


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"<svg onload=alert(1)>", b"PK\x03\x04" + b"x" * 40, b"RIFF1234AVI "]
)
def test_other_content_is_no_recording(settings: Any, content: bytes) -> None:
    """ASVS 5.2.2: whatever came was stored as .wav and sent to those who listen."""
    sid, account = "RE" + "1" * 32, settings.TWILIO["account_sid"]
    emulator = Emulator(lambda text: json_response({}, 400))
    path = f"/2010-04-01/Accounts/{account}/Recordings/{sid}.wav"
    emulator.add_route("GET", path, lambda request: EmulatorResponse(200, content, "audio/wav"))
    with create_server(emulator, 0) as http_server:
        threading.Thread(target=http_server.serve_forever, daemon=True).start()
        settings.TWILIO = {**settings.TWILIO, "base_url": f"http://127.0.0.1:{http_server.server_port}"}
        with pytest.raises(ValueError, match="no WAV file"):
            download_recording(sid)
        http_server.shutdown()
