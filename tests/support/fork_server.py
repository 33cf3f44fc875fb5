"""A process with the product loaded, that forks one child for each thing to do.

The crash harness speaks to it in JSON lines: it sends an order, reads the child's pid, says "go",
and reads what became of it. A child has no connections of its parent's, and may be killed at any
moment, as a web process or a worker may.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import django


def main() -> None:
    """Take orders until the input ends."""
    django.setup()
    _load_late_imports()
    for line in sys.stdin:
        order = json.loads(line)
        gate, opened = os.pipe()
        result, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(opened)
            os.read(gate, 1)
            os.write(told, json.dumps(_do(order)).encode())
            os._exit(0)
        os.close(told)
        os.close(gate)
        _say(pid)
        sys.stdin.readline()
        os.write(opened, b"x")
        os.close(opened)
        with os.fdopen(result, "rb") as reader:
            answer = reader.read()
        os.waitpid(pid, 0)
        _say(json.loads(answer) if answer else None)


def _load_late_imports() -> None:
    """What a process that has run for a while has loaded; nothing here opens a connection."""
    import auth0.management.tickets.client
    import auth0.management.users.client  # noqa: F401
    from django.template.loader import get_template

    import config.urls
    from accounts.auth import tokens
    from accounts.clients import auth0_http
    from config import celery, dynamodb
    from config.api import throttling
    from config.outbox import worker
    from telephony.twilio import client

    assert dynamodb.connection().client
    assert auth0_http._client().users
    assert auth0_http._client().tickets
    assert config.urls.urlpatterns
    assert worker.tasks()
    assert tokens.http()
    assert [get_template(f"email/{name}") for name in ("letter.html", "invitation.en.txt")]
    assert throttling.limiter()
    assert client._client().incoming_phone_numbers
    celery.app.finalize()


def _say(value: Any) -> None:
    print(json.dumps(value), flush=True)


def _do(order: dict[str, Any]) -> Any:
    return _sweep(order) if order["do"] == "sweep" else _request(order)


def _request(order: dict[str, Any]) -> dict[str, Any]:
    from django.test import Client

    from config.celery import _bell

    answer = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1").generic(
        order["method"],
        order["path"],
        json.dumps(order.get("body", {})),
        content_type="application/json",
        headers=order["headers"],
    )
    _bell.flush()
    return {"status": answer.status_code, "body": json.loads(answer.content or b"null")}


def _sweep(order: dict[str, Any]) -> bool:
    """Sweep at later and later times; whether nothing was due at the end."""
    from config import outbox
    from config.outbox import worker

    for round in range(order["rounds"]):
        shift = timedelta(seconds=order["later"] + 1200 * round)
        report = worker.Report()
        for shard in outbox.SHARDS:
            _drain(shard, shift, report)
        if not report.counts:
            return True
    return False


def _drain(shard: str, shift: timedelta, report: Any) -> None:
    from config.outbox import worker

    worker.drain(shard, clock=lambda: datetime.now(UTC) + shift, report=report)


if __name__ == "__main__":
    main()
