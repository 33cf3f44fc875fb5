"""The connection of this process to DynamoDB, and its threads for concurrent reads."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from pynamodb.connection import Connection

from config import costs

CONNECT_TIMEOUT, READ_TIMEOUT = 1.0, 1.5
"""Seconds of one attempt."""


@cache
def get_connection() -> Connection:
    """The connection of this process, created at the first call."""
    new_connection = Connection(
        region=settings.DYNAMODB["region"],
        host=settings.DYNAMODB["endpoint"] or None,
        connect_timeout_seconds=CONNECT_TIMEOUT,
        read_timeout_seconds=READ_TIMEOUT,
        max_retry_attempts=0,
        max_pool_connections=64,
    )
    new_connection.client.meta.events.register("before-parse.dynamodb", _check_response_json)
    return new_connection


class InvalidResponse(Exception):
    """DynamoDB answered 200 with a body that is not JSON."""


def _check_response_json(response_dict: Mapping[str, Any], **_: Any) -> None:
    """botocore reads a body that is not JSON as an empty answer, so an item would seem missing."""
    if response_dict["status_code"] == 200:
        try:
            orjson.loads(response_dict["body"])
        except orjson.JSONDecodeError as error:
            raise InvalidResponse from error


@cache
def _thread_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(32, thread_name_prefix="dynamo")


def _drop_connections() -> None:
    """Forget what a fork copied: processes that share a socket read each other's answers.

    Threads are not copied at all, so the pool of the parent would never run anything.
    """
    get_connection.cache_clear()
    _thread_pool.cache_clear()


os.register_at_fork(after_in_child=_drop_connections)


def gather(*reads: Callable[[], Any]) -> list[Any]:
    """Read concurrently, in the time of one round trip; raises the first error."""
    first_read, *other_reads = reads
    futures = [_thread_pool().submit(costs.bind_to_request(read)) for read in other_reads]
    return [first_read(), *(future.result() for future in futures)]
