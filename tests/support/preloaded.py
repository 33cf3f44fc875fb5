"""A process that has imported the product, from which processes of the product are forked.

So each costs 0.2 s of CPU instead of 1.7 s. A forked one reads its settings anew. If they differ in
others of those that modules read while they are imported, it becomes a new Python, like any other.

The protocol is JSON lines: `tests.support.forks` sends what to start, or of which process it wants
the exit code.
"""

import atexit
import copy
import gc
import json
import os
import runpy
import sys
import threading
import traceback
from typing import Any
from zoneinfo import ZoneInfo

import django
from django.conf import settings
from django.utils.functional import empty

IMPORTED_MEMBERS = {"DYNAMODB": ("prefix",), "TELEPHONY": ("kept_days",)}
"""What modules read of these settings while they are imported, besides what `_bind_anew` gets."""
READ_AGAIN = {"LOGGING", "REDIS_URL"}
"""By each process when it starts, or by `_bind_anew`."""
OF_INTERPRETER = ("LD_", "MALLOC_", "OTEL_", "PYTHON", "TZ")
"""Beginnings of variables that are read before the settings, or besides them."""


def main() -> None:
    """Start processes until the input ends."""
    _import_product()
    names = vars(settings).keys() - READ_AGAIN - {"_wrapped"}  # Django keeps those that were read
    _read_settings_anew()
    imported = {name: copy.deepcopy(_imported_value(name)) for name in names}
    for line in sys.stdin:
        command = json.loads(line)
        _write_line(_start(command, imported) if "arguments" in command else _read_exit_code(command["pid"]))
    os._exit(0)  # without taking the interpreter down, object by object


def _import_product() -> None:
    """Import what web processes, workers and commands do, without using it."""
    django.setup()

    import celery.app.amqp
    import celery.app.events
    import granian.cli
    import granian.server
    import kombu.transport.redis
    from celery.events import dispatcher, receiver

    import config.urls
    from config.api import routes, stack, throttling
    from config.outbox import celery_tasks, tasks

    assert all((celery, granian, kombu, dispatcher, receiver, config.urls, celery_tasks))
    assert all((routes, stack, throttling, tasks.load_tasks(), ZoneInfo("UTC")))
    gc.collect()
    gc.freeze()  # children neither search nor copy what is loaded here


def _write_line(value: int | None) -> None:
    print(json.dumps(value), flush=True)


def _read_exit_code(pid: int) -> int | None:
    """As of `subprocess.Popen`; None while the process runs."""
    ended_pid, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended_pid else None


def _start(command: dict[str, Any], imported: dict[str, Any]) -> int:
    """Start a process in a session of its own, with output to files; its pid."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    redirect_standard_streams(*command["outputs"])
    environment_before = dict(os.environ)
    os.environ.clear()
    os.environ.update(command["environment"])
    arguments = command["arguments"]
    if not _takes_effect(environment_before, imported):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - no shell is meant
    exit_code = run(arguments)
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads, as the interpreter does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


def redirect_standard_streams(output_path: str, error_path: str) -> None:
    """Read nothing, and append output to these files."""
    for number, (path, flags) in enumerate(
        (
            (os.devnull, os.O_RDONLY),
            (output_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
            (error_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND),
        )
    ):
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)


def _takes_effect(environment_before: dict[str, str], imported: dict[str, Any]) -> bool:
    """Read the settings anew; whether all that changed is read only when it is used."""
    variables = environment_before.keys() | os.environ.keys()
    if any(environment_before.get(n) != os.environ.get(n) for n in variables if n.startswith(OF_INTERPRETER)):
        return False
    try:
        _read_settings_anew()
        if any(_imported_value(name) != value for name, value in imported.items()):
            return False
    except SystemExit:  # a new process refuses them with the same words
        return False
    _bind_anew()
    return True


def _read_settings_anew() -> None:
    for name in [name for name in sys.modules if f"{name}.".startswith("config.settings.")]:
        del sys.modules[name]
    settings._wrapped = empty


def _imported_value(name: str) -> Any:
    value, members = getattr(settings, name), IMPORTED_MEMBERS.get(name)
    return [value[member] for member in members] if members else value


def _bind_anew() -> None:
    from config.celery import app
    from config.dynamodb.records import TableMeta

    TableMeta.host, TableMeta.region = settings.DYNAMODB["endpoint"] or None, settings.DYNAMODB["region"]
    app.conf.update(broker_url=settings.REDIS_URL)


def run(arguments: list[str]) -> int:
    """Run a module, code or a script as Python would with these arguments; the exit code."""
    try:
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        elif arguments[0] == "-c":
            sys.argv = ["-c", *arguments[2:]]
            exec(arguments[1], {"__name__": "__main__"})  # noqa: S102 - as Python does
        else:
            sys.argv = arguments
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as exit_request:
        return _exit_code_of(exit_request)
    except BaseException:  # printed, as by the interpreter
        traceback.print_exc()
        return 1
    return 0


def _exit_code_of(exit_request: SystemExit) -> int:
    """What the interpreter would make of it: a text is printed, and is a failure."""
    if isinstance(exit_request.code, str):
        print(exit_request.code, file=sys.stderr)
        return 1
    return exit_request.code or 0


if __name__ == "__main__":
    main()
