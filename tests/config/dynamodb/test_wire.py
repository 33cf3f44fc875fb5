"""Calls over our own connections: broken answers, and that none reaches another request."""

import base64
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pynamodb.exceptions import VerboseClientError

from config.dynamodb import signing
from config.dynamodb.encryption import PersonKey
from config.dynamodb.http_connection import ConnectionFailed
from config.dynamodb.signing import AwsKeys
from config.dynamodb.wire import DynamoDBWire, InvalidResponse
from tests.config.dynamodb.scripted_server import Connection, ScriptedServer, answer_bytes, echo, pause

KEYS = AwsKeys("AKIDEXAMPLE", "secret")


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[ScriptedServer, DynamoDBWire]]]:
    """Start a server with a script, and a wire to it."""
    with ExitStack() as stack:

        def start(
            script: Callable[[Connection], None], keys: AwsKeys = KEYS, read_timeout: float = 0.5
        ) -> tuple[ScriptedServer, DynamoDBWire]:
            server = stack.enter_context(ScriptedServer(script))
            wire = DynamoDBWire(
                server.url, "eu-central-1", lambda: keys, connect_timeout=0.5, read_timeout=read_timeout
            )
            stack.callback(wire.close)
            return server, wire

        yield start


def test_signature_is_that_of_botocore() -> None:
    at = datetime(2026, 11, 29, 7, 0, 1, tzinfo=UTC)
    for keys in (KEYS, AwsKeys("AKIDEXAMPLE", "other", "a-session-token")):
        headers = signing.signed_headers(
            keys, "us-east-1", "host.example:8000", "DynamoDB_20120810.GetItem", b"{}", int(at.timestamp())
        )
        request = AWSRequest("POST", "http://host.example:8000/", data=b"{}")
        request.headers["Content-Type"] = signing.CONTENT_TYPE
        request.headers["X-Amz-Target"] = "DynamoDB_20120810.GetItem"
        auth = SigV4Auth(Credentials(keys.access_key, keys.secret_key, keys.token or None), "dynamodb", "us-east-1")
        request.context["timestamp"] = "20261129T070001Z"
        request.headers["X-Amz-Date"] = "20261129T070001Z"
        if keys.token:
            request.headers["X-Amz-Security-Token"] = keys.token
        expected = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

        assert headers.endswith(f"Signature={expected}\r\n")


def test_records_read_binary_values_as_bytes(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    def script(connection: Connection) -> None:
        while request := connection.read_request():
            connection.send(answer_bytes({"Item": request[1]["Item"]}))

    _, wire = serve(script)
    item = PersonKey(person="usr_x", sealed=b"\x00\xff", created_at=datetime.now(UTC)).serialize()

    answered = wire.call("PutItem", {"Item": item})["Item"]

    assert answered["sealed"] == {"B": "AP8="}
    assert [PersonKey.from_item(stored).sealed for stored in (answered, item)] == [b"\x00\xff"] * 2  # botocore's last


def test_binary_values_are_base64_on_the_wire(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    server, wire = serve(echo)
    wire.call("PutItem", {"Item": {"key": {"B": b"\x00\xff"}}})

    assert server.connections[0].requests[0][1] == {"Item": {"key": {"B": base64.b64encode(b"\x00\xff").decode()}}}


def test_one_connection_serves_calls_in_sequence(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    server, wire = serve(echo)
    answers = [wire.call("GetItem", {"Asked": number})["Item"]["asked"]["S"] for number in range(50)]

    assert answers == [str(number) for number in range(50)]
    assert len(server.connections) == 1


def test_calls_together_are_all_sent_before_an_answer_is_read(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]],
) -> None:
    all_arrived = threading.Barrier(3)

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            all_arrived.wait(5)
            connection.send(answer_bytes({"Item": {"asked": {"S": str(request[1]["Asked"])}}}))

    server, wire = serve(script, read_timeout=5)
    for first in (0, 10):
        finishes = wire.start([("GetItem", {"Asked": first + number}) for number in range(3)])
        answers = [finish()["Item"]["asked"]["S"] for finish in finishes]
        assert answers == [str(first + number) for number in range(3)]
    assert len(server.connections) == 3


def test_calls_together_fail_each_by_itself_and_by_one_deadline(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]],
) -> None:
    def script(connection: Connection) -> None:
        request = connection.read_request()
        if request and request[1]["Asked"] == 1:
            connection.send(answer_bytes({"Item": {"asked": {"S": "1"}}}))
        pause(2)

    _, wire = serve(script, read_timeout=0.5)
    started = time.monotonic()
    first, second, third = wire.start([("GetItem", {"Asked": number}) for number in range(3)])

    assert time.monotonic() - started < 0.95
    assert second() == {"Item": {"asked": {"S": "1"}}}
    for failed in (first, third):
        with pytest.raises(ConnectionFailed):
            failed()


def test_calls_together_try_one_connection_to_a_host_that_accepts_none() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as stack:
        for _ in range(6):  # fill the queue of the listener, which never accepts
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        wire = DynamoDBWire(url, "eu-central-1", lambda: KEYS, connect_timeout=0.2, read_timeout=5)
        started = time.monotonic()
        finishes = wire.start([("GetItem", {}) for _ in range(9)])

        assert time.monotonic() - started < 1
        for finish in finishes:
            with pytest.raises(ConnectionFailed):
                finish()


def test_session_token_is_sent_and_signed(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    server, wire = serve(echo, AwsKeys("AKIDEXAMPLE", "secret", "temporary"))
    wire.call("GetItem", {})
    headers = server.connections[0].requests[0][0]

    assert headers["x-amz-security-token"] == "temporary"
    assert "x-amz-security-token" in headers["authorization"]


def test_idle_connection_that_ended_is_replaced(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    def script(connection: Connection) -> None:
        if request := connection.read_request():
            connection.send(answer_bytes({"Item": {"asked": {"S": str(request[1]["Asked"])}}}))

    server, wire = serve(script)
    answers = [wire.call("GetItem", {"Asked": number})["Item"]["asked"]["S"] for number in range(20)]

    assert answers == [str(number) for number in range(20)]
    assert len(server.connections) == 20


def test_idle_connection_that_ends_on_the_request_is_replaced_once(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]],
) -> None:
    def script(connection: Connection) -> None:
        for number in range(2 if connection.number == 0 else 99):
            request = connection.read_request()
            if request is None or (connection.number == 0 and number == 1):
                return  # the second request of the first connection is read and never answered
            connection.send(answer_bytes({"Number": connection.number}))

    server, wire = serve(script)

    assert [wire.call("GetItem", {})["Number"] for _ in range(3)] == [0, 1, 1]
    assert len(server.connections) == 2


def test_new_connection_that_ends_is_a_failure(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    server, wire = serve(lambda connection: connection.read_request() and None)

    with pytest.raises(ConnectionFailed):
        wire.call("PutItem", {})
    assert len(server.connections) == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer_bytes({"Item": {}})[:-3], id="truncated"),
        pytest.param(answer_bytes({"Item": {}})[:20], id="cut in the head"),
        pytest.param(b"nonsense\r\n\r\n", id="not HTTP"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="interim"),
        pytest.param(answer_bytes({"Item": {}}).replace(b"Item", b"Itam"), id="corrupted"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 40000000\r\n\r\n" + b"x" * 33_000_000, id="too large"),
    ],
)
def test_broken_answer_is_a_failure_and_ends_the_connection(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]], data: bytes
) -> None:
    def script(connection: Connection) -> None:
        if connection.number == 0:
            connection.read_request()
            connection.send(data)
            return
        echo(connection)

    server, wire = serve(script, read_timeout=5.0)
    with pytest.raises(ConnectionFailed):
        wire.call("GetItem", {"Asked": "first"})

    assert wire.call("GetItem", {"Asked": "second"})["Item"]["asked"]["S"] == "second"
    assert len(server.connections) == 2


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null"])
def test_success_without_a_json_object_is_invalid(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]], body: bytes
) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer_bytes(body))

    _, wire = serve(script)
    with pytest.raises(InvalidResponse):
        wire.call("GetItem", {})


def test_answer_with_more_behind_it_ends_the_connection(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]],
) -> None:
    def script(connection: Connection) -> None:
        while request := connection.read_request():
            surplus = answer_bytes({"Item": {"asked": {"S": "somebody else's"}}}) if connection.number == 0 else b""
            connection.send(answer_bytes({"Item": {"asked": {"S": str(request[1]["Asked"])}}}) + surplus)

    server, wire = serve(script)
    answers = [wire.call("GetItem", {"Asked": number})["Item"]["asked"]["S"] for number in range(3)]

    assert answers == ["0", "1", "2"]
    assert len(server.connections) == 2


def test_late_answer_reaches_nobody(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    def script(connection: Connection) -> None:
        while request := connection.read_request():
            if request[1]["Asked"] == "slow":
                pause(0.4)
            connection.send(answer_bytes({"Item": {"asked": {"S": str(request[1]["Asked"])}}}))

    _, wire = serve(script, read_timeout=0.2)
    with pytest.raises(ConnectionFailed):
        wire.call("GetItem", {"Asked": "slow"})
    answers = set()
    for _ in range(5):
        answers.add(wire.call("GetItem", {"Asked": "quick"})["Item"]["asked"]["S"])
        pause(0.1)

    assert answers == {"quick"}


def test_answer_that_trickles_ends_at_the_deadline(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(30):
            connection.send(b"x")
            pause(0.1)

    _, wire = serve(script, read_timeout=0.3)
    begun_at = datetime.now(UTC)
    with pytest.raises(ConnectionFailed):
        wire.call("GetItem", {})

    assert datetime.now(UTC) - begun_at < timedelta(seconds=2)


def test_cancelled_transaction_names_its_reasons(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    body = {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "ConditionalCheckFailed", "Message": "failed", "Item": {"key": {"B": "AP8="}}},
        ],
    }

    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer_bytes(body, 400, headers="x-amzn-requestid: R1\r\n"))

    _, wire = serve(script)
    with pytest.raises(VerboseClientError) as raised:
        wire.call("TransactWriteItems", {})

    assert raised.value.response["Error"]["Code"] == "TransactionCanceledException"
    first, second = raised.value.cancellation_reasons
    assert first is None
    assert second is not None
    assert (second.code, second.message, second.raw_item) == (
        "ConditionalCheckFailed",
        "failed",
        {"key": {"B": "AP8="}},
    )


@pytest.mark.parametrize("body", [b"<html>Bad gateway</html>", b"", b'{"message": "x"}', b"[1]"])
def test_error_of_a_proxy_has_its_status_as_code(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]], body: bytes
) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.send(answer_bytes(body, 502))

    _, wire = serve(script)
    with pytest.raises(VerboseClientError) as raised:
        wire.call("GetItem", {})

    assert raised.value.response["Error"]["Code"] == "502"


@pytest.mark.parametrize("minutes", [-45, 45])
def test_wrong_clock_is_corrected(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]], minutes: int) -> None:
    def script(connection: Connection) -> None:
        while request := connection.read_request():
            service_time = datetime.now(UTC) + timedelta(minutes=minutes)
            signed_at = datetime.strptime(request[0]["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            date = f"date: {format_datetime(service_time, usegmt=True)}\r\n"
            if abs(service_time - signed_at) > timedelta(minutes=15):
                message = "Signature expired: is now earlier" if minutes > 0 else "Signature not yet current: is later"
                fault = {"__type": "com.amazon.coral.service#InvalidSignatureException", "message": message}
                connection.send(answer_bytes(fault, 400, headers=date))
            else:
                connection.send(answer_bytes({"Asked": request[1]["Asked"]}, headers=date))

    server, wire = serve(script)

    assert [wire.call("GetItem", {"Asked": number})["Asked"] for number in range(3)] == [0, 1, 2]
    assert len(server.connections[0].requests) == 4  # only the first was refused

    _, wire = serve(script)
    finishes = wire.start([("GetItem", {"Asked": number}) for number in range(3)])
    assert [finish()["Asked"] for finish in finishes] == [0, 1, 2]


def test_wrong_clock_is_corrected_once_for_each_call(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    """A service whose time jumps with each answer."""

    def script(connection: Connection) -> None:
        fault = {"__type": "com.amazon.coral.service#InvalidSignatureException", "message": "Signature expired: is"}
        while connection.read_request():
            service_time = datetime.now(UTC) + timedelta(hours=len(connection.requests))
            date = f"date: {format_datetime(service_time, usegmt=True)}\r\n"
            connection.send(answer_bytes(fault, 400, headers=date))

    server, wire = serve(script)
    with pytest.raises(VerboseClientError):
        wire.call("GetItem", {})
    assert len(server.connections[0].requests) == 2


def test_wrong_key_is_no_wrong_clock(serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]]) -> None:
    def script(connection: Connection) -> None:
        while connection.read_request():
            message = "The request signature we calculated does not match the signature you provided."
            fault = {"__type": "com.amazon.coral.service#InvalidSignatureException", "message": message}
            date = "date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
            connection.send(answer_bytes(fault, 400, headers=date))

    server, wire = serve(script)
    with pytest.raises(VerboseClientError):
        wire.call("GetItem", {})
    assert len(server.connections[0].requests) == 1


def _write_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


def test_certificate_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate_file, key_file = _write_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate_file, key_file)

    def new_wire(url: str) -> DynamoDBWire:
        return DynamoDBWire(url, "eu-central-1", lambda: KEYS, connect_timeout=1, read_timeout=1)

    with ScriptedServer(echo, tls) as server:
        with pytest.raises(ConnectionFailed):
            new_wire(server.url).call("GetItem", {})
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate_file))
        trusting = new_wire(server.url)
        answers = [trusting.call("GetItem", {"Asked": number})["Item"]["asked"]["S"] for number in range(3)]
        with pytest.raises(ConnectionFailed):
            new_wire(server.url.replace("127.0.0.1", "localhost")).call("GetItem", {})

        assert answers == ["0", "1", "2"]
        assert len(server.connections) == 1
        trusting.close()


def test_ten_thousand_requests_get_their_own_answers_under_cuts(
    serve: Callable[..., tuple[ScriptedServer, DynamoDBWire]], record_figure: Callable[[str], None]
) -> None:
    chance = random.Random(19)
    lock = threading.Lock()

    def script(connection: Connection) -> None:
        while request := connection.read_request():
            answer = answer_bytes({"Item": {"asked": {"S": str(request[1]["Asked"])}}})
            with lock:
                fault = chance.random()
                cut = chance.randrange(len(answer))
            if fault < 0.02:
                return
            if fault < 0.04:
                connection.send(answer[:cut])
                return
            if fault < 0.06:
                connection.send(answer.replace(b"asked", b"azked"))
                continue
            if fault < 0.063:
                pause(0.25)  # later than anybody waits
            if fault < 0.08:
                answer += answer[:cut]
            connection.send(answer)

    server, wire = serve(script, read_timeout=0.2)

    def judge(number: int, get_response: Callable[[], dict[str, Any]]) -> str:
        try:
            response = get_response()
        except ConnectionFailed:
            return "failed"
        return "own" if response["Item"]["asked"]["S"] == str(number) else "foreign"

    def ask(number: int) -> list[str]:
        """One request, or three together."""
        if number % 4:
            return [judge(number, partial(wire.call, "GetItem", {"Asked": number}))]
        numbers = (number, number + 20_000, number + 40_000)
        finishes = wire.start([("GetItem", {"Asked": item}) for item in numbers])
        return [judge(item, finish) for item, finish in zip(numbers, finishes, strict=True)]

    with ThreadPoolExecutor(32) as executor:
        results = [result for group in executor.map(ask, range(6_667)) for result in group]

    assert results.count("foreign") == 0
    assert results.count("own") > 9_000
    failed = results.count("failed")
    record_figure(f"10,000 requests under cuts: {failed} failed, 0 foreign, {len(server.connections)} connections")
