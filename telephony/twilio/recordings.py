"""Recordings at Twilio: download and deletion."""

from collections.abc import Iterable
from tempfile import SpooledTemporaryFile
from typing import IO, cast

import requests
from django.conf import settings

from config import errors
from telephony.twilio import client

WAV_BYTES_PER_SECOND = 16_000
"""8 kHz, 16 bit, mono."""


def download_recording(sid: str) -> IO[bytes]:
    """A recording as mono WAV, in a temporary file that the caller closes.

    Raises `errors.NotFound`, `errors.Unavailable`, and ValueError if it is longer than any call or
    something else.
    """
    account = settings.TWILIO["account_sid"]
    url = f"{settings.TWILIO['base_url']}/2010-04-01/Accounts/{account}/Recordings/{sid}.wav"
    file = SpooledTemporaryFile(max_size=4_000_000)  # noqa: SIM115 - the caller closes it
    try:
        with requests.get(
            url,
            params={"RequestedChannels": 1},
            auth=(account, settings.TWILIO["auth_token"]),
            timeout=(1, 10),
            stream=True,
        ) as response:
            if response.status_code == 404:
                raise errors.NotFound("Twilio has no such recording yet.")
            response.raise_for_status()
            _copy_to_file(file, response.iter_content(65_536))
    except requests.RequestException as error:
        file.close()
        raise errors.Unavailable("The recording cannot be fetched at the moment.") from error
    except BaseException:
        file.close()
        raise
    return cast("IO[bytes]", file)


def _copy_to_file(file: "SpooledTemporaryFile[bytes]", chunks: Iterable[bytes]) -> None:
    max_bytes = settings.TELEPHONY["call_minutes"] * 60 * WAV_BYTES_PER_SECOND + 1_000_000
    for chunk in chunks:
        file.write(chunk)
        if file.tell() > max_bytes:
            raise ValueError("the recording is longer than a call may be")
    file.seek(0)
    head = file.read(12)
    if (head[:4], head[8:]) != (b"RIFF", b"WAVE"):
        raise ValueError("the recording is no WAV file")
    file.seek(0)


def delete_recording(sid: str) -> None:
    """Delete a recording at Twilio, if it is still there."""
    client.ignore_404(lambda rest: rest.recordings(sid).delete())
