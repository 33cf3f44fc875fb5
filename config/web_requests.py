"""What arrives of a request over ASGI: its body, and whether its client is still there."""

import asyncio
import io
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


class UnreadableBody(io.RawIOBase):
    """The body of a request that did not arrive completely: reading it raises the error."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        raise self._error

    def readline(self, size: int | None = -1, /) -> bytes:
        raise self._error


def length_to_read(environ: dict[str, Any]) -> int:
    """The length of the body, or 0 if there is none that is read.

    Bodies that `config.api.middleware.BodyLimitMiddleware` refuses are not read.
    """
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal() or "HTTP_TRANSFER_ENCODING" in environ:
        return 0
    return int(length) if int(length) <= settings.BODY_LIMIT else 0


async def read_body(length: int, receive: Receive) -> io.RawIOBase | io.BytesIO:
    """The complete body, or one that raises an error when it is read: late, or cut off."""
    body = bytearray()
    try:
        async with asyncio.timeout(settings.BODY_SECONDS):
            while len(body) < length:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    break
    except TimeoutError as error:
        return UnreadableBody(error)
    if len(body) < length:
        return UnreadableBody(ConnectionAbortedError())
    return io.BytesIO(body)


class Client:
    """The client of a request that may have to wait, perhaps several times.

    The server tells once that a client has gone: whoever asks again after having been cancelled
    hears that it has, whether or not.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone: asyncio.Task[None] | None = None

    def watch(self) -> asyncio.Future[None]:
        """What ends when the client closes its connection."""
        if self._gone is None:
            self._gone = asyncio.get_running_loop().create_task(self._await_disconnect())
        return self._gone

    def forget(self) -> None:
        """Watch no longer."""
        if self._gone:
            self._gone.cancel()
            self._gone = None  # else the task refers to itself, and only the collector of cycles frees it

    async def _await_disconnect(self) -> None:
        if (await self._receive())["type"] == "http.disconnect":  # or the end of a body that is read
            return
        while (await self._receive())["type"] != "http.disconnect":
            await asyncio.sleep(0.1)  # a body that is refused unread: the client may send it slowly
