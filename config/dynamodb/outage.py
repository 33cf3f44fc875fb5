"""Notices that the database does not answer, so that requests do not wait for it in turn."""

import time

from config import costs

FAILURES, SECONDS = 3, 5.0
"""Unanswered calls in succession, the last one in these seconds, that make an outage."""


class Outage:
    """The calls of this process that were not answered since the last one that was."""

    def __init__(self) -> None:
        self._failures, self._failed_at = 0, float("-inf")

    def note_answer(self) -> None:
        self._failures = 0

    def note_failure(self) -> None:
        self._failures, self._failed_at = self._failures + 1, time.monotonic()

    def forbids_call(self, latest_start: float) -> bool:
        """Whether there is an outage, and the request arrived more than ``latest_start`` s ago.

        It may have waited for a thread behind others that waited for the database.
        """
        is_outage = self._failures >= FAILURES and time.monotonic() - self._failed_at < SECONDS
        return is_outage and costs.seconds_since_arrival() > latest_start
