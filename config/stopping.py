"""A web process that is to stop: readiness fails first, requests are answered meanwhile.

Granian closes its sockets at the first moment of SIGTERM. Load balancers learn from `/readyz` that
a process stops, and need some seconds for that. Each connection is closed after its next response,
so that none is in use when the sockets close: nginx repeats no change that meets that moment.
"""

import asyncio
import logging
import os
import signal

logger = logging.getLogger("dutyline.web")


class GracefulStop:
    """Passes SIGTERM on to granian some seconds later, as SIGINT, which it takes for the same.

    A second SIGTERM stops at once, and so does SIGINT.
    """

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._is_listening = False
        self.is_stopping = False
        """Whether readiness fails."""

    def listen(self) -> None:
        """Wait for SIGTERM in the running loop, in place of granian, which has begun to."""
        if self._is_listening or not self._seconds:
            return
        self._is_listening = True
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._begin)

    def _begin(self) -> None:
        seconds = 0 if self.is_stopping else self._seconds
        self.is_stopping = True
        logger.info("the process stops", extra={"seconds": seconds})
        asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGINT)
