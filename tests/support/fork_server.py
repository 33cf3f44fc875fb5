"""A process with the product loaded, which forks a child for each command.

The protocol is JSON lines: `tests.support.forks` sends a command, reads the child's pid, sends a
line to start it, and reads the result. A child inherits no connections and may be killed at any
moment, like a web process or a worker.
"""

import gc
import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import django
from django.test import Client

from tests.support.preloaded import redirect_standard_streams, run

MAX_PASSES = 200
_client = Client(raise_request_exception=False, SERVER_NAME="127.0.0.1")
"""Each child has a copy of its own."""


def main() -> None:
    """Execute commands until the input ends."""
    django.setup()
    _load_late_imports()
    for line in sys.stdin:
        command = json.loads(line)
        start_reader, start_writer = os.pipe()
        result_reader, result_writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(start_writer)
            os.read(start_reader, 1)
            os.write(result_writer, json.dumps(_execute(command)).encode())
            os._exit(0)
        os.close(result_writer)
        os.close(start_reader)
        _write_line(pid)
        sys.stdin.readline()
        os.write(start_writer, b"x")
        os.close(start_writer)
        with os.fdopen(result_reader, "rb") as result_file:
            result_bytes = result_file.read()
        os.waitpid(pid, 0)
        _write_line(json.loads(result_bytes) if result_bytes else None)
    os._exit(0)  # without taking the interpreter down, object by object


def _load_late_imports() -> None:
    """Load what is imported lazily, without opening connections."""
    import auth0.management.tickets.client
    import auth0.management.users.client
    import kombu.transport.redis
    from celery.events import dispatcher, receiver
    from django.template.loader import get_template

    import config.urls
    from accounts.auth import tokens
    from accounts.clients import auth0_http
    from config import celery, dynamodb, zone_names
    from config.api import routes, throttling
    from config.outbox import tasks
    from telephony.twilio import client

    assert dynamodb.get_transport()
    assert all((auth0, kombu, dispatcher, receiver, ZoneInfo("UTC")))
    sign_in = auth0_http._client()
    assert [sign_in.users.authentication_methods, sign_in.user_grants]
    assert sign_in.tickets
    assert config.urls.urlpatterns
    assert tasks.load_tasks()
    assert tokens.http_client()
    assert [get_template(f"email/{name}") for name in ("base.html", "invitation.en.txt")]
    assert throttling.get_limiter()
    assert client._client().incoming_phone_numbers
    assert zone_names.country_of_zone("Europe/Berlin")
    celery.app.finalize()
    assert celery.app.amqp.router
    assert celery.app.pool
    assert celery.app.events
    _client.handler.load_middleware()
    routes.load()
    gc.collect()
    gc.freeze()  # children neither search nor copy what is loaded here


def _write_line(value: Any) -> None:
    print(json.dumps(value), flush=True)


def _execute(command: dict[str, Any]) -> Any:
    actions = {"manage": _run_management_command, "request": _handle_request, "sweep": _process_outbox}
    return actions[command["do"]](command)


def _run_management_command(command: dict[str, Any]) -> int:
    """Run ``manage.py`` as if from a shell, with output to files; its exit code."""
    redirect_standard_streams(*command["outputs"])
    exit_code = run(["manage.py", *command["arguments"]])
    _flush_notifications()
    sys.stdout.flush()
    sys.stderr.flush()
    return exit_code


def _handle_request(command: dict[str, Any]) -> dict[str, Any]:
    if "form" in command:
        content, content_type = urlencode(command["form"]), "application/x-www-form-urlencoded"
    else:
        content, content_type = json.dumps(command.get("body", {})), "application/json"
    response = _client.generic(
        command["method"], command["path"], content, content_type=content_type, headers=command["headers"]
    )
    _flush_notifications()
    text = response.content.decode()
    return {"status": response.status_code, "body": text if "form" in command else json.loads(text or "null")}


def _flush_notifications() -> None:
    from config.celery import _notifier

    _notifier.flush()


def _process_outbox(command: dict[str, Any]) -> bool:
    """Process the outbox at increasingly later times; whether it became idle."""
    for attempt in range(command["rounds"]):
        clock_offset = timedelta(seconds=command["later"] + 1200 * attempt)
        report = _process_shards(clock_offset)
        if not report.counts:
            return True
        if command["rounds"] > 1:  # a message may enqueue the next one into a shard that is done
            _process_until_nothing_is_due(clock_offset)
    return False


def _process_until_nothing_is_due(clock_offset: timedelta) -> None:
    for _ in range(MAX_PASSES):
        if not _process_shards(clock_offset).counts:
            return


def _process_shards(clock_offset: timedelta) -> Any:
    from config import outbox
    from config.outbox import worker

    report = worker.PassReport()
    for shard in outbox.SHARDS:
        _process_shard(shard, clock_offset, report)
    return report


def _process_shard(shard: str, clock_offset: timedelta, report: Any) -> None:
    from config.outbox import worker

    worker.process_shard(shard, clock=lambda: datetime.now(UTC) + clock_offset, report=report)


if __name__ == "__main__":
    main()
