"""Django's QuerySet, answered by DynamoDB: Django parses, `plans` decides, `reading` reads."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import NotSupportedError, models

from config import dynamodb
from config.backoffice.records import query_plan
from config.backoffice.records.range_reader import Page, Place, Reader

MOST = 2_000
"""Records that are held at once; whoever wants more goes through them one by one."""


class RecordQuerySet(models.QuerySet):
    """Records, as Django's admin asks for them. What DynamoDB cannot answer is refused."""

    if TYPE_CHECKING:
        model: Any  # a `config.backoffice.records.models.Projection`
        _chain: Any
        _prefetch_related_lookups: Any
        _prefetch_done: Any
        _prefetch_related_objects: Any

    def plan(self) -> query_plan.Plan:
        """How this is answered. Raises `plans.Unanswerable`."""
        meta = self.model._meta
        return query_plan.plan(
            self.query.where,
            self.model.record,
            pk=meta.pk.attname,
            order=self._order,
            may_scan=self.model.may_scan,
            widest=self.model.widest,
        )

    def page(self, size: int, place: Place | None = None) -> Page:
        """One page of records."""
        return self._reader().page(size, place)

    def projected(self, records: list[dynamodb.Record]) -> Self:
        """The same query, already answered with these records."""
        clone = self._chain()
        clone._result_cache = [self.model.of(record) for record in records]
        return clone

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Every object, page after page."""
        if self.query.is_empty():
            return iter(())
        every = map(self.model.of, self._reader().every())
        return itertools.islice(every, self.query.low_mark, self.query.high_mark)

    def count(self) -> int:
        """How many there are; reads them."""
        return len(self)

    def exists(self) -> bool:
        if self._result_cache is not None:
            return bool(self._result_cache)
        return next(self.iterator(), None) is not None

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            found = list(itertools.islice(self.iterator(), MOST + 1))
            if len(found) > MOST:
                raise query_plan.Unanswerable(f"There are more than {MOST:,}; name fewer.")
            self._result_cache = found
        if self._prefetch_related_lookups and not self._prefetch_done:
            self._prefetch_related_objects()

    @property
    def _order(self) -> tuple[str, ...]:
        return tuple(name for name in self.query.order_by if isinstance(name, str))

    def _reader(self) -> Reader:
        plan = self.plan()
        order = self._order
        is_by_range = bool(order) and order[0].lstrip("-") == plan.range_name
        return Reader(
            plan,
            self.model.record,
            pk=self.model._meta.pk.attname,
            key_of=self.model.key_of,
            newest_first=is_by_range and order[0].startswith("-"),
        )

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("DynamoDB has no joins, no aggregates and no SQL.")

    def _read_only(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("Records are written by the functions of their module.")

    aggregate = annotate = raw = extra = union = dates = datetimes = select_for_update = _refuse
    values = values_list = _refuse
    update = delete = create = bulk_create = bulk_update = get_or_create = _read_only
