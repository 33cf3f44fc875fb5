"""Audio files are asked for at public addresses only, whatever a configuration names."""

import socket

import pytest

from telephony import audio_files
from telephony.audio_files import AudioResult


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.8"],
        ["169.254.169.254"],
        ["100.64.0.1"],
        ["0.0.0.0"],  # noqa: S104 - an address to refuse
        ["224.0.0.1"],
        ["240.0.0.1"],
        ["::1"],
        ["fe80::1%eth0"],
        ["fd00::1"],
        ["::ffff:127.0.0.1"],
        ["2002:7f00:1::1"],
        ["64:ff9b:1::a00:1"],
        ["93.184.215.14", "192.168.1.1"],
        [],
    ],
)
def test_hosts_with_an_address_that_is_not_public_are_refused(addresses: list[str]) -> None:
    assert audio_files.find_public_address("cdn.example", lambda _: addresses) is None
    assert audio_files.fetch_first_byte("https://cdn.example/a.mp3", lambda _: addresses) == "audio_refused"


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert audio_files.find_public_address("cdn.example", lambda _: [address]) == address


@pytest.mark.parametrize(
    "url",
    [
        "http://cdn.example/a.mp3",
        "https://cdn.example:8443/a.mp3",
        "https://cdn.example:0x50/a.mp3",
        "https://user:secret@cdn.example/a.mp3",
        "https://user@cdn.example/a.mp3",
        "https:///a.mp3",
        "https://[::1/a.mp3",
        "file:///etc/passwd",
        "https://cdn.example:99999/a.mp3",
    ],
)
def test_other_addresses_than_files_of_the_web_are_refused(url: str) -> None:
    def resolve(host: str) -> list[str]:
        raise AssertionError(f"{host} is asked for")

    assert audio_files.fetch_first_byte(url, resolve) == "audio_refused"


def test_unknown_hosts_are_missing_and_failing_resolvers_unknown() -> None:
    def resolver(code: int) -> audio_files.Resolve:
        def resolve(host: str) -> list[str]:
            raise socket.gaierror(code, "no answer")

        return resolve

    url = "https://cdn.example/a.mp3"
    assert audio_files.fetch_first_byte(url, resolver(socket.EAI_NONAME)) == "audio_missing"
    assert audio_files.fetch_first_byte(url, resolver(socket.EAI_AGAIN)) == "audio_unknown"


@pytest.mark.parametrize(
    ("status", "content_type", "result"),
    [
        (200, "audio/mpeg", "audio_ok"),
        (206, "Audio/WAV; x=1", "audio_ok"),
        (206, "application/octet-stream", "audio_ok"),
        (200, "text/html", "audio_wrong_type"),
        (200, "", "audio_wrong_type"),
        (404, "audio/mpeg", "audio_missing"),
        (403, "", "audio_missing"),
        (302, "", "audio_unknown"),
        (500, "", "audio_unknown"),
        (429, "", "audio_unknown"),
    ],
)
def test_responses(status: int, content_type: str, result: AudioResult) -> None:
    assert audio_files.judge_response(status, content_type) == result
