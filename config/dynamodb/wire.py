"""Calls of DynamoDB over connections of our own, at a fraction of the CPU time of botocore.

`DynamoDBWire.call` takes and returns what botocore's client does, and raises what PynamoDB's
connection does. Only binary values in answers, and in items of errors, stay the base64 text that
they are in JSON: `config.dynamodb.attributes.Binary` decodes those of records.
``DYNAMODB_TRANSPORT=botocore`` selects that instead.
Docs: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
"""

import base64
import json
import logging
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

import orjson
from pynamodb.exceptions import CancellationReason, VerboseClientError

from config.dynamodb.http_connection import ConnectionFailed
from config.dynamodb.http_pool import Answer, HttpPool
from config.dynamodb.signing import AwsKeys, signed_headers

MAX_ANSWER_BYTES = 32_000_000
"""DynamoDB's largest answer, a batch of 16 MB, as JSON."""
MAX_IDLE_CONNECTIONS = 64
MIN_CLOCK_CORRECTION_SECONDS = 30.0
_SKEW_CODES = {"InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed"}
_SKEW_TEXTS = ("signature expired", "signature not yet", "request expired", "request time too skewed")
logger = logging.getLogger("dutyline.dynamodb")


class InvalidResponse(Exception):
    """DynamoDB answered 200 with a body that is not a JSON object."""


class DynamoDBWire:
    """Calls of DynamoDB at one endpoint; ``get_keys`` returns the current credentials."""

    def __init__(
        self,
        endpoint: str,
        region: str,
        get_keys: Callable[[], AwsKeys],
        *,
        connect_timeout: float,
        read_timeout: float,
    ) -> None:
        self._pool = HttpPool(
            endpoint,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            max_idle=MAX_IDLE_CONNECTIONS,
            max_answer_bytes=MAX_ANSWER_BYTES,
        )
        self._region, self._get_keys = region, get_keys
        self._clock_error = 0.0
        """Seconds by which this machine is behind the service."""
        self._lock = threading.Lock()

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, read_timeout: float | None = None
    ) -> dict[str, Any]:
        """Make one call; ``read_timeout`` in place of that of all.

        Raises `ConnectionFailed`, `InvalidResponse`, and `VerboseClientError` with DynamoDB's code,
        or with the status where the answer has none.
        """
        (finish,) = self.start([(operation, arguments)], read_timeout=read_timeout)
        return finish()

    def start(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, read_timeout: float | None = None
    ) -> list[Callable[[], dict[str, Any]]]:
        """Make calls in the time of one; each function returns or raises what `call` would."""
        clock_error = self._clock_error
        outcomes = self._request(calls, clock_error, read_timeout)
        return [
            partial(self._finish, clock_error, read_timeout, *call, outcome)
            for call, outcome in zip(calls, outcomes, strict=True)
        ]

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._pool.close()

    def _request(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], clock_error: float, read_timeout: float | None
    ) -> list[Answer | ConnectionFailed]:
        at = int(time.time() + clock_error)
        requests = [self._build_request(operation, _encode(arguments), at) for operation, arguments in calls]
        return self._pool.request_together(requests, _check_checksum, read_timeout)

    def _finish(
        self,
        clock_error: float,
        read_timeout: float | None,
        operation: str,
        arguments: Mapping[str, Any],
        outcome: Answer | ConnectionFailed,
    ) -> dict[str, Any]:
        """The result of a call that was signed with ``clock_error``."""
        if isinstance(outcome, Answer) and outcome.status != 200 and _is_clock_error(outcome):
            self._correct_clock(outcome)
            if clock_error != self._clock_error:  # this answer corrected it, or that of another call
                (outcome,) = self._request([(operation, arguments)], self._clock_error, read_timeout)
        if isinstance(outcome, ConnectionFailed):
            raise outcome
        if outcome.status == 200:
            return _parse_success(outcome)
        raise _to_error(outcome, operation, arguments)

    def _build_request(self, operation: str, body: bytes, at: int) -> bytes:
        target = f"DynamoDB_20120810.{operation}"
        headers = signed_headers(self._get_keys(), self._region, self._pool.host_header, target, body, at)
        return f"POST / HTTP/1.1\r\n{headers}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    def _correct_clock(self, answer: Answer) -> None:
        """Sign with the time of the service from now on."""
        try:
            service_time = parsedate_to_datetime(answer.header(b"date").decode("latin-1"))
        except ValueError:
            return
        clock_error = (service_time - datetime.now(UTC)).total_seconds()
        with self._lock:
            if abs(clock_error - self._clock_error) < MIN_CLOCK_CORRECTION_SECONDS:
                return
            self._clock_error = clock_error
        logger.error("the clock of this machine is wrong; set it", extra={"seconds_behind_aws": round(clock_error)})


def _check_checksum(answer: Answer) -> None:
    check_checksum(answer.header(b"x-amz-crc32").decode("latin-1"), answer.body)


def check_checksum(checksum: str, body: bytes) -> None:
    """Raise `ConnectionFailed` if an answer has another checksum than its header, if any, says."""
    if checksum and checksum != str(zlib.crc32(body)):
        raise ConnectionFailed("the checksum of the answer does not match")


def _encode(arguments: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(arguments, default=_encode_binary)
    except TypeError:  # a lone surrogate: DynamoDB finds no such key, or says that it takes no such value
        return json.dumps(arguments, default=_encode_binary).encode()


def _encode_binary(value: object) -> str:
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    raise TypeError(f"DynamoDB takes no {type(value).__name__}")


def _parse_success(answer: Answer) -> dict[str, Any]:
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError as error:
        raise InvalidResponse from error
    if not isinstance(body, dict):
        raise InvalidResponse
    return body


def _to_error(answer: Answer, operation: str, arguments: Mapping[str, Any]) -> VerboseClientError:
    """The error of an answer, as PynamoDB's connection raises it."""
    body = _error_body(answer)
    code = str(body.get("__type") or body.get("code") or answer.status).rpartition("#")[2].partition(":")[0]
    message = str(body.get("message") or body.get("Message") or "")
    request_id = answer.header(b"x-amzn-requestid").decode("latin-1")
    reasons = body.get("CancellationReasons") or []
    return VerboseClientError(
        {"Error": {"Code": code, "Message": message}},
        operation,
        {"request_id": request_id, "table_name": str(arguments.get("TableName", ""))},
        cancellation_reasons=[
            CancellationReason(code=reason["Code"], message=reason.get("Message"), raw_item=reason.get("Item"))
            if reason.get("Code", "None") != "None"
            else None
            for reason in reasons
        ],
    )


def _error_body(answer: Answer) -> dict[str, Any]:
    """The JSON of an error; empty if it is another's, such as that of a proxy."""
    try:
        body = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _is_clock_error(answer: Answer) -> bool:
    if answer.status not in (400, 403):
        return False
    body = _error_body(answer)
    code = str(body.get("__type", "")).rpartition("#")[2]
    message = str(body.get("message") or body.get("Message") or "").lower()
    return code in _SKEW_CODES and message.startswith(_SKEW_TEXTS)
