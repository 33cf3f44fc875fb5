"""Limits per day (UTC) on what reaches others in a customer's name: e-mails, and calls with codes.

They are counted in DynamoDB, so all processes share them, and so they hold without Redis. A write
of the journal counts in its own transaction: what is refused leaves nothing, and nothing is written
without being counted. Operators see customers who use half of a limit, and whatever is refused.
"""

import hashlib
import hmac
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from config import dynamodb, errors, observation
from config.dynamodb import encryption, unaudited
from config.dynamodb.attributes import Erasure, Number, PersonalData, Text
from config.journal import write_set

RETENTION = timedelta(days=3)
COUNT = PersonalData(
    "technical",
    "limit e-mails and calls to others per day",
    "three days",
    Erasure.EXPIRES,
    withheld_because="counters; e-mail addresses and numbers as HMAC under a key of Dutyline",
)
logger = logging.getLogger("dutyline.limits")


class DailyCount(dynamodb.Record):
    """How much of a limit is used on a day."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("daily-counts")
        ttl = "expires_at"

    by_flag = dynamodb.index("byFlag", "flagged_on", "key", keys_only=True)
    key = Text(COUNT, hash_key=True)
    """The limit, whose it is, and the day."""
    customer_id = Text(COUNT)
    """The customer who used it last."""
    used = Number(COUNT, default=0)
    refused = Number(COUNT, default=0)
    """Attempts beyond the limit."""
    flagged_on = Text(COUNT, null=True)
    """The day, once operators should see it."""
    expires_at = Number(COUNT)


@dataclass(frozen=True)
class DailyLimit:
    """One of ``settings.DAILY_LIMITS``, as it applies to somebody."""

    name: str
    owner: str
    """Whose: an id, or the `pseudonym` of an e-mail address or number."""
    customer_id: str
    """The customer for whom it is used."""
    detail: str
    """What clients are told beyond it; ``{quota}`` stands for the number."""

    @property
    def quota(self) -> int:
        """How often per day."""
        return int(settings.DAILY_LIMITS[self.name])

    @property
    def is_of_customer(self) -> bool:
        """Whether it is one of all people of a customer."""
        return self.owner == self.customer_id

    def key(self, at: datetime) -> str:
        """The key of the count."""
        return f"{self.name} {self.owner} {_day(at)}"


class DailyLimitReached(errors.TooManyRequests):
    """A limit per day is used up; it starts anew at midnight (UTC), see `Retry-After`."""

    code = "daily_limit"
    title = "Daily limit reached"
    example_detail = "At most 50 e-mail addresses per day can be changed by one person; go on tomorrow."

    def __init__(self, detail: str, *, limit: DailyLimit | None = None, retry_after: int = 3_600) -> None:
        super().__init__(detail, retry_after=retry_after)
        self.limit, self.limit_name = limit, limit.name if limit else ""


def pseudonym(value: str) -> str:
    """What a count has in place of an e-mail address or number. It changes with the data key."""
    return hmac.digest(encryption.application_keys("daily limits")[0], value.encode(), hashlib.sha256).hex()


def first_of_day(name: str, owner: str, customer_id: str, at: datetime) -> DailyCount:
    """A record that can be created once a day: of what is done on the first occasion only."""
    key = f"{name} {pseudonym(owner)} {_day(at)}"
    return DailyCount(key=key, customer_id=customer_id, used=1, expires_at=int((at + RETENTION).timestamp()))


def record_keys(limits: Iterable[DailyLimit], at: datetime) -> list[dynamodb.RecordKey]:
    """The counts of customers, to be read in a batch with other records: half of them shows."""
    return [dynamodb.RecordKey(DailyCount, limit.key(at)) for limit in limits if limit.is_of_customer]


def count(write: write_set.Write, limits: Iterable[DailyLimit], records: dynamodb.BatchResult | None = None) -> None:
    """Count once per limit in a write; ``records`` may have those of `record_keys`.

    Call it before other changes: where several conditions fail, the error is that of the first.
    Raises `DailyLimitReached` at the commit; `report_refusals` tells operators.
    """
    for limit in limits:
        stored = records.get(DailyCount, limit.key(write.at)) if records else None
        changes = _changes(limit, write.at)
        if _is_unusual(limit, (int(stored.used) if stored else 0) + 1):
            changes.append(DailyCount.flagged_on.set(_day(write.at)))
            if stored and not stored.flagged_on:
                _log(limit, int(stored.used) + 1)
        error = _limit_reached(limit, write.at)
        write.update(DailyCount(limit.key(write.at)), changes, only_if=_is_below(limit), error=error)


@contextmanager
def report_refusals(at: datetime) -> Iterator[None]:
    """Let operators see that a limit is reached, if the block raises `DailyLimitReached`."""
    try:
        yield
    except DailyLimitReached as refusal:
        report(refusal, at)
        raise


def checked_keys(limits: Iterable[DailyLimit], at: datetime) -> list[dynamodb.RecordKey]:
    """The counts that `check` needs."""
    return [dynamodb.RecordKey(DailyCount, limit.key(at)) for limit in limits]


def check(limits: Iterable[DailyLimit], records: dynamodb.BatchResult, at: datetime) -> None:
    """Raise `DailyLimitReached` if one of these limits is used up, by the counts among the records.

    Nothing is counted; `consume` does that, exactly, with what comes of the request.
    """
    for limit in limits:
        stored = records.get(DailyCount, limit.key(at))
        if stored and stored.used >= limit.quota:
            raise _limit_reached(limit, at)


def consume(limit: DailyLimit, at: datetime) -> None:
    """Count once, without other changes. Raises `DailyLimitReached`."""
    with report_refusals(at):
        item = unaudited.update(DailyCount(limit.key(at)), _changes(limit, at), _is_below(limit))
        if item is None:
            raise _limit_reached(limit, at)
        stored = DailyCount.from_item(item)
        if _is_unusual(limit, int(stored.used)) and not stored.flagged_on:
            unaudited.update(stored, [DailyCount.flagged_on.set(_day(at))], DailyCount.used.exists())
            _log(limit, int(stored.used))


def consume_all(limits: Iterable[DailyLimit], at: datetime) -> None:
    """Count once per limit, without other changes; where one refuses, none counts.

    Raises `DailyLimitReached`.
    """
    counted: list[DailyLimit] = []
    for limit in limits:
        try:
            consume(limit, at)
        except DailyLimitReached:
            for earlier in counted:
                unaudited.update(DailyCount(earlier.key(at)), [DailyCount.used.add(-1)], DailyCount.used > 0)
            raise
        counted.append(limit)


def list_flagged(at: datetime) -> list[DailyCount]:
    """The counts of this day and the one before that operators should see."""

    def query_day(day: str) -> list[DailyCount]:
        values = {":day": {"S": day}}
        return dynamodb.query_records(DailyCount, "#flagged_on = :day", values, IndexName="byFlag", Limit=100)

    days = (_day(at), _day(at - timedelta(days=1)))
    entries = [entry for part in dynamodb.gather(*(partial(query_day, day) for day in days)) for entry in part]
    records = dynamodb.batch_get(entry.record_key for entry in entries)
    return [count for entry in entries if (count := records.get(DailyCount, str(entry.key)))]


def _changes(limit: DailyLimit, at: datetime) -> list[Action]:
    return [
        DailyCount.used.add(1),
        DailyCount.customer_id.set(limit.customer_id),
        DailyCount.expires_at.set(int((at + RETENTION).timestamp())),
    ]


def _is_below(limit: DailyLimit) -> Condition:
    is_below: Condition = DailyCount.used.does_not_exist() | (DailyCount.used < limit.quota)
    return is_below


def _is_unusual(limit: DailyLimit, used: int) -> bool:
    return limit.is_of_customer and used * 2 >= limit.quota


def _limit_reached(limit: DailyLimit, at: datetime) -> DailyLimitReached:
    tomorrow = (at.astimezone(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = int((tomorrow - at).total_seconds()) + 1
    return DailyLimitReached(limit.detail.format(quota=f"{limit.quota:,}"), limit=limit, retry_after=seconds)


def report(refusal: DailyLimitReached, at: datetime) -> None:
    """Let operators see that a limit is reached."""
    if (limit := refusal.limit) is None:
        return
    changes = [
        DailyCount.refused.add(1),
        DailyCount.customer_id.set(limit.customer_id),
        DailyCount.flagged_on.set(_day(at)),
    ]
    item = unaudited.update(DailyCount(limit.key(at)), changes, DailyCount.used.exists())
    if item and DailyCount.from_item(item).refused == 1:
        observation.count("limit", limit.name)
        _log(limit, limit.quota, is_reached=True)


def _log(limit: DailyLimit, used: int, *, is_reached: bool = False) -> None:
    """One line when half of a limit is used, one when the first attempt beyond it is refused."""
    event = "daily limit reached" if is_reached else "half of a daily limit used"
    fields = {"limit": limit.name, "used": used, "quota": limit.quota, "customer": limit.customer_id}
    logger.warning(event, extra=fields)


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d}"
