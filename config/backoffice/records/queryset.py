"""Django's QuerySet over DynamoDB: Django parses, `query_plan` decides, `range_reader` reads."""

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Self

from django.db import NotSupportedError, models

from config import dynamodb
from config.backoffice.records import query_plan
from config.backoffice.records.range_reader import PlanReader
from config.dynamodb.pagination import Cursor, CursorPage

MAX_RECORDS = 2_000
"""The most records in memory at once; `iterator` reads more, one by one."""


class RecordQuerySet(models.QuerySet):
    """Records, as Django's admin queries them. Raises `UnsupportedQuery`."""

    if TYPE_CHECKING:
        model: Any  # a `config.backoffice.records.models.Projection`
        _chain: Any
        _prefetch_related_lookups: Any
        _prefetch_done: Any
        _prefetch_related_objects: Any

    def plan(self) -> query_plan.QueryPlan:
        """How DynamoDB answers. Raises `query_plan.UnsupportedQuery`."""
        meta = self.model._meta
        return query_plan.plan_query(
            self.query.where,
            self.model.record_class,
            pk=meta.pk.attname,
            order=self._order_names,
            may_scan=self.model.may_scan,
            least_selective_key=self.model.least_selective_key,
        )

    def page(self, size: int, start: Cursor | None = None) -> CursorPage[Any]:
        """One page of records."""
        return self._reader().page(size, start)

    def with_records(self, records: list[dynamodb.Record]) -> Self:
        """The same query, already answered with these records."""
        clone = self._chain()
        clone._result_cache = [self.model.from_record(record) for record in records]
        return clone

    def with_objects(self, objects: list[Any]) -> Self:
        """The same query, already answered with these projections."""
        clone = self._chain()
        clone._result_cache = objects
        return clone

    def iterator(self, chunk_size: int | None = None) -> Iterator[Any]:
        """Every object, page after page."""
        if self.query.is_empty():
            return iter(())
        objects = map(self.model.from_record, self._reader().iter_records())
        return itertools.islice(objects, self.query.low_mark, self.query.high_mark)

    def count(self) -> int:
        """The number of records; reads them."""
        return len(self)

    def exists(self) -> bool:
        if self._result_cache is not None:
            return bool(self._result_cache)
        return next(self.iterator(), None) is not None

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            objects = list(itertools.islice(self.iterator(), MAX_RECORDS + 1))
            if len(objects) > MAX_RECORDS:
                raise query_plan.UnsupportedQuery(f"More than {MAX_RECORDS:,} records match; select fewer.")
            self._result_cache = objects
        if self._prefetch_related_lookups and not self._prefetch_done:
            self._prefetch_related_objects()

    @property
    def _order_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.query.order_by if isinstance(name, str))

    def _reader(self) -> PlanReader:
        plan = self.plan()
        order = self._order_names
        is_by_range = bool(order) and order[0].lstrip("-") == plan.range_name
        return PlanReader(plan, self.model, newest_first=is_by_range and order[0].startswith("-"))

    def _raise_unsupported(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("DynamoDB has no joins, no aggregates and no SQL.")

    def _raise_read_only(self, *_: Any, **__: Any) -> NoReturn:
        raise NotSupportedError("Domain functions write records.")

    aggregate = annotate = raw = extra = union = dates = datetimes = select_for_update = _raise_unsupported
    values = values_list = _raise_unsupported
    update = delete = create = bulk_create = bulk_update = get_or_create = _raise_read_only
