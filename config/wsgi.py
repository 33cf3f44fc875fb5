"""Django as a WSGI application, and what `config.asgi` runs of it in threads."""

import gc
import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from config import optional_imports

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
optional_imports.import_without_extras()

application = get_wsgi_application()

from django.conf import settings  # noqa: E402 - they need the applications

from config import zone_rules  # noqa: E402
from config.api import routes, throttling  # noqa: E402
from config.api.headers import encode_headers  # noqa: E402
from config.api.stack import ApiStackMiddleware, is_page  # noqa: E402
from config.dynamodb import key_checks  # noqa: E402
from config.outbox.tasks import load_tasks  # noqa: E402

# No log line has these, which take a third of the time that its record takes.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
key_checks.require_right_keys()
zone_rules.refresh()
zone_rules.start_refreshing()
_answer_api = ApiStackMiddleware(application.get_response)
WARM_UP_SECONDS = 2.0
"""How long a process waits for Redis and vendors before it listens without them."""
GARBAGE_THRESHOLDS = (20_000, 10, 10)
"""Of the collector of cycles: requests leave none, so it need not look after every 700 objects."""


@dataclass(frozen=True)
class Response:
    """What Django answers: a body, or a stream, which must be closed."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""
    stream: Any = None


def answer(environ: dict[str, Any]) -> Response:
    """Answer a request, in this thread.

    Only pages use what Django cleans up around each request of WSGI, such as database connections.
    """
    if is_page(environ["PATH_INFO"]):
        response: Any = application(environ, lambda *_: lambda _: None)
        close = response.close
    else:
        request = WSGIRequest(environ)
        response, close = _answer_api(request), request.close
    headers = encode_headers(response)
    if response.streaming:
        return Response(response.status_code, headers, stream=response)
    try:
        return Response(response.status_code, headers, response.content)
    finally:
        close()


def warm_up() -> None:
    """Import, connect and load what the first requests would wait for: half a second of CPU time.

    Nothing here fails or waits long if a vendor or Redis does not answer; looking up a name has no
    timeout. What a process has loaded by then lives as long as the process, so the garbage
    collector need not look at it again.
    """
    routes.load()
    load_tasks()  # the first message that is written asks for its lane
    limiter = throttling.get_limiter()
    tasks = [partial(limiter.check_costs, "", ""), *map(import_string, settings.WARM_UP_TASKS)]
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + WARM_UP_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
