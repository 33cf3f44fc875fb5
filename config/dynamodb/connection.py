"""The connection of this process to DynamoDB, and its threads for concurrent reads."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any, Protocol, TypeVar

import orjson
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
)
from botocore.session import Session, get_session
from django.conf import settings
from pynamodb.connection import Connection

from config import computing, costs
from config.dynamodb import wire
from config.dynamodb.http_connection import ConnectionFailed
from config.dynamodb.signing import AwsKeys
from config.dynamodb.waiting import EARLY_READ_TIMEOUT, READ_TIMEOUT

T = TypeVar("T")
CONNECT_TIMEOUT = 1.0
"""Seconds of one attempt, where it may take longer as a whole."""
MAX_THREADS = 32
CONNECTION_ERRORS = (
    ConnectionFailed,
    EndpointConnectionError,
    ConnectTimeoutError,
    ReadTimeoutError,
    ConnectionClosedError,
    HTTPClientError,
    IncompleteReadError,
)
"""A call was not answered, or not by DynamoDB."""
CREDENTIAL_ERRORS = (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError)
"""A call was not sent: there is nothing to sign it with."""


class Transport(Protocol):
    """Makes calls as PynamoDB's connection does: `wire.DynamoDBWire`, or botocore."""

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, read_timeout: float = READ_TIMEOUT
    ) -> dict[str, Any]:
        """Make one call. Raises `VerboseClientError`, or an error of `CONNECTION_ERRORS`."""

    def start(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, read_timeout: float = READ_TIMEOUT
    ) -> list[Callable[[], dict[str, Any]]]:
        """Make calls in the time of one; each function returns or raises what `call` would."""

    def close(self) -> None:
        """Close the connections that are not in use."""


class BotocoreTransport:
    """Calls through botocore, with its configuration of proxies, profiles and endpoints."""

    def __init__(self) -> None:
        self._connections = {  # by their timeout, which botocore sets for a whole client
            read_timeout: Connection(
                region=settings.DYNAMODB["region"],
                host=settings.DYNAMODB["endpoint"] or None,
                connect_timeout_seconds=min(CONNECT_TIMEOUT, read_timeout),
                read_timeout_seconds=read_timeout,
                max_retry_attempts=0,
                max_pool_connections=64,
            )
            for read_timeout in (READ_TIMEOUT, EARLY_READ_TIMEOUT)
        }
        for connection in self._connections.values():
            connection.client.meta.events.register("before-parse.dynamodb", _check_response)

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, read_timeout: float = READ_TIMEOUT
    ) -> dict[str, Any]:
        """As `Transport`."""
        # dispatch() would add a parameter that table operations do not know.
        with computing.waiting():
            return dict(self._connections[read_timeout]._make_api_call(operation, dict(arguments)))  # noqa: SLF001

    def start(
        self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, read_timeout: float = READ_TIMEOUT
    ) -> list[Callable[[], dict[str, Any]]]:
        """As `Transport`."""
        return [_begin_in_thread(partial(self.call, *call, read_timeout=read_timeout)) for call in calls]

    def close(self) -> None:
        """As `Transport`."""
        for connection in self._connections.values():
            connection.client.close()


def _check_response(response_dict: Mapping[str, Any], **_: Any) -> None:
    """Raise `ConnectionFailed` for an answer that is not whole.

    botocore reads a body that is not JSON as an empty answer, so an item would seem missing, and
    looks at checksums only to retry. Below it, `http.client` takes a head that is cut for a whole
    one, and the body, whose length is not known then, for empty.
    """
    wire.check_checksum(response_dict["headers"].get("x-amz-crc32", ""), response_dict["body"])
    if response_dict["status_code"] == 200:
        try:
            orjson.loads(response_dict["body"])
        except orjson.JSONDecodeError as error:
            raise ConnectionFailed("the answer is not JSON, or cut") from error


@cache
def get_transport() -> Transport:
    """The transport of this process, created at the first call."""
    if settings.DYNAMODB["transport"] == "botocore":
        return BotocoreTransport()
    session = _get_session()
    endpoint, region = settings.DYNAMODB["endpoint"], settings.DYNAMODB["region"]
    if not endpoint:
        endpoint = session.create_client("dynamodb", region_name=region).meta.endpoint_url
    # Those of `get_credentials` are kept by the session, with a lock that a fork may copy locked.
    credentials = session.get_component("credential_provider").load_credentials()
    lasting = _to_keys(credentials) if type(credentials) is Credentials else None

    def get_keys() -> AwsKeys:
        if lasting:
            return lasting
        if credentials is None:
            raise NoCredentialsError
        try:
            return _to_keys(credentials.get_frozen_credentials())  # renews those that expire
        except (BotoCoreError, ClientError) as error:  # of the service that issues them
            raise CredentialRetrievalError(provider=credentials.method, error_msg=type(error).__name__) from error

    return wire.DynamoDBWire(endpoint, region, get_keys, connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)


def _to_keys(credentials: Any) -> AwsKeys:
    return AwsKeys(credentials.access_key, credentials.secret_key, credentials.token or "")


@cache
def _get_session() -> Session:
    """botocore's session, which forks share: it has no connections, and takes 15 ms of CPU."""
    return get_session()


@cache
def _thread_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="dynamo")


def _drop_connections() -> None:
    """Forget what a fork copied: processes that share a socket read each other's answers.

    Threads are not copied at all, so the pool of the parent would never run anything.
    """
    get_transport.cache_clear()
    _thread_pool.cache_clear()


os.register_at_fork(after_in_child=_drop_connections)


def gather(*reads: Callable[[], Any]) -> list[Any]:
    """Read concurrently, in the time of one round trip; raises the first error.

    Reads may gather others: see `_begin_in_thread`.
    """
    first_read, *other_reads = reads
    finishes = [_begin_in_thread(read) for read in other_reads]
    return [first_read(), *(finish() for finish in finishes)]


def _begin_in_thread(task: Callable[[], T]) -> Callable[[], T]:
    """Begin a task in a thread; the function returns its result, or raises its error.

    That function does a task that no thread has begun itself, so that tasks which begin others
    never wait for the threads that they occupy.
    """
    future = _thread_pool().submit(costs.bind_to_request(task))

    def finish() -> T:
        if future.cancel():
            return task()
        with computing.waiting():
            return future.result()

    return finish
