"""Limits per minute, counted in Redis so that all web processes share them.

An operation names the limit of its requests in ``@operation(rate_limit=…)``. Besides, each person
and each customer has a budget of `COST_LIMITS`: what a request has cost (`config.costs`) is charged
after it. A request costs one round trip to Redis at most, and none on a lease: see `RateCounters`.
A charge travels with a later count of this process; one that a crash loses is one that nobody
misses. ``settings.RATE_LIMITS`` holds all numbers.
"""

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request

from config import errors
from config.api import concurrency
from config.api.rate_counters import COST_LIMITS, WINDOW_SECONDS, CounterKey, RateCounters
from config.costs import Cost

LEASED_LIMITS = ("read", "write")
"""Limits of requests that neither cost money nor take long: processes may count them on a lease."""

logger = logging.getLogger("dutyline.web")


@dataclass(frozen=True)
class RateLimitStatus:
    """The remaining requests of a quota, and the seconds until it resets."""

    name: str
    quota: int
    remaining: int
    reset_seconds: int

    def headers(self) -> dict[str, str]:
        """Headers of draft-ietf-httpapi-ratelimit-headers."""
        return {
            "RateLimit-Policy": f'"{self.name}";q={self.quota};w=60',
            "RateLimit": f'"{self.name}";r={self.remaining};t={self.reset_seconds}',
        }


class QuotaExceeded(errors.TooManyRequests):
    """The caller has used up a quota."""

    def __init__(self, detail: str, status: RateLimitStatus) -> None:
        super().__init__(detail, retry_after=status.reset_seconds)
        self.rate_limit_status, self.limit_name = status, status.name


class RateLimiter:
    """Counts requests and costs per minute."""

    def __init__(self, counters: RateCounters) -> None:
        self.counters = counters

    def count_request(self, name: str, caller_key: str, customer_id: str = "") -> RateLimitStatus:
        """Count one request. Raises `QuotaExceeded`.

        With the caller's customer, the costs of both are checked as well.
        """
        request_key = (name, caller_key)
        payers = _payers(caller_key, customer_id) if customer_id else ()
        amounts = {request_key: 1, **dict.fromkeys(payers, 0)}
        counts = self.counters.add_leased(amounts) if name in LEASED_LIMITS else self.counters.add(amounts)
        status = self._status(name, counts.pop(request_key))
        self._check_costs(counts)
        return status

    def check_costs(self, person_id: str, customer_id: str) -> None:
        """Raise `QuotaExceeded` if either has used up its budget; for requests without a token."""
        self._check_costs(self.counters.add_leased(dict.fromkeys(_payers(person_id, customer_id), 0)))

    def charge(self, person_id: str, customer_id: str, cost: Cost) -> None:
        """Charge what a request has cost."""
        self.counters.add_later(dict.fromkeys(_payers(person_id, customer_id), cost.units))

    def _status(self, name: str, used: int) -> RateLimitStatus:
        """The status of a limit of which this much is used. Raises `QuotaExceeded`."""
        quota = self.counters.quotas[name]
        reset_seconds = math.ceil(WINDOW_SECONDS - time.time() % WINDOW_SECONDS)
        status = RateLimitStatus(name, quota, max(0, quota - used), reset_seconds)
        if used > quota:
            raise QuotaExceeded(f"At most {quota} requests of this kind per minute.", status)
        return status

    def _check_costs(self, counts: Mapping[CounterKey, int]) -> None:
        """Raise `QuotaExceeded` if a budget of costs is used up."""
        for (name, _), used in counts.items():
            if used < self.counters.quotas[name]:
                continue
            logger.warning("a budget of costs is used up", extra={"limit": name, "used": used})
            whose = "Your requests have" if name == COST_LIMITS[0] else "The requests of your business have"
            detail = f"{whose} used up the computing time of this minute; send fewer or smaller ones."
            raise QuotaExceeded(detail, self._status(name, self.counters.quotas[name]))


def _payers(person_id: str, customer_id: str) -> tuple[CounterKey, CounterKey]:
    return (COST_LIMITS[0], person_id), (COST_LIMITS[1], customer_id)


def set_payer(request: HttpRequest, person_id: str, customer_id: str) -> None:
    """Have the cost of a request charged to a person and their customer when it is answered."""
    request.META["dutyline.payer"] = (person_id, customer_id)


def take_place(request: HttpRequest | Request, person_id: str) -> None:
    """Have a person hold a place until the request is answered, whatever comes of it.

    Raises `errors.TooManyRequests` if they hold too many.
    """
    concurrency.get_person_places().take(person_id)
    request.META["dutyline.place"] = person_id


def free_place(request: HttpRequest) -> None:
    """Free the place of a request that was answered, if it has one."""
    if person_id := request.META.pop("dutyline.place", ""):
        concurrency.get_person_places().free(person_id)


def charge_payer(request: HttpRequest, cost: Cost) -> None:
    """Charge a request that was answered, if anybody pays for it."""
    if payer := request.META.get("dutyline.payer"):
        person_id, customer_id = payer
        get_limiter().charge(person_id, customer_id, cost)


@cache
def get_limiter() -> RateLimiter:
    """The limiter of this process."""
    return RateLimiter(RateCounters(settings.REDIS_URL, settings.RATE_LIMITS, settings.RATE_LIMIT_LEASE_SECONDS))
