"""Uses up limits, as a caller who sends many requests does."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings

from config.api import rate_counters, throttling


@contextmanager
def use_up(names: Iterable[str], key: str) -> Iterator[None]:
    """Exhaust limits of a caller during a block, which must be short: they end with the minute."""
    await_minute()
    used = {(name, key): settings.RATE_LIMITS[name] for name in names}
    counters = throttling.get_limiter().counters
    assert counters.add(used)
    try:
        yield
    finally:
        assert counters.add({counter: -amount for counter, amount in used.items()})


def clear(names: Iterable[str], key: str) -> None:
    """Forget what a caller, or a customer, has used this minute."""
    counters = throttling.get_limiter().counters
    for counter, used in counters.add({(name, key): 0 for name in names}).items():
        counters.add({counter: -used})


def await_day(seconds: float = 30) -> None:
    """Wait until at least these seconds of the day (UTC) are left."""
    remaining = 86_400 - time.time() % 86_400
    if remaining < seconds:
        time.sleep(remaining)


def await_minute(seconds: float = 10) -> None:
    """Wait until at least these seconds of the minute are left."""
    remaining = rate_counters.WINDOW_SECONDS - time.time() % rate_counters.WINDOW_SECONDS
    if remaining < seconds:
        time.sleep(remaining)
