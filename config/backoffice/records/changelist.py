"""Lists by cursor: a page costs what it shows, in both directions; nothing is counted."""

from typing import Any

from django.core.paginator import Page as DjangoPage
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from config import errors
from config.api import pagination
from config.backoffice.records import query_plan, range_reader
from config.backoffice.records.queryset import RecordQuerySet
from config.backoffice.records.range_reader import Place

PAGE = "p"
SHOWN_BY_NAME = 20


class CursorList(ChangeList):
    """``?p=`` holds a sealed cursor instead of a number."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        """As the keys have it: no column can be chosen."""
        return list(self.model_admin.get_ordering(request))

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        self.needs_key = False
        try:
            page = self.queryset.page(self.list_per_page, self._place(request))
        except query_plan.NeedsKey:
            self.needs_key, page = True, range_reader.Page([])
        self.result_list = self.queryset.projected(page.records)
        self.model_admin.prepare(self.result_list)
        self.read = page.read
        self.plan = "nothing chosen" if self.needs_key else str(self.queryset.plan())
        self.next_url = self._link(page.next)
        self.previous_url = self._link(page.previous)
        self.first_url = self.get_query_string(remove=[PAGE]) if PAGE in request.GET else None
        self.multi_page = bool(page.next or page.previous)
        # More than is shown here makes the action bar offer to take all that match.
        self.result_count = len(page.records) + (1 if self.multi_page else 0)
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = bool(page.records)
        self.can_show_all = False
        self.paginator = Paginator(page.records, self.list_per_page)
        self.sortable_by = ()

    def _place(self, request: HttpRequest) -> Place | None:
        given = pagination.start_of(self._scope, request.GET.get(PAGE))
        return Place(**given) if given else None

    def _link(self, place: Place | None) -> str | None:
        if place is None:
            return None
        return str(self.get_query_string({PAGE: pagination.cursor(self._scope, place.told())}))

    @property
    def _scope(self) -> str:
        filters = sorted((name, *values) for name, values in self.filter_params.items())
        return f"back office {self.model._meta.label} {filters}"


class NamesPaginator(Paginator):
    """For a field that completes names: reads one more than it shows, and counts nothing."""

    count = SHOWN_BY_NAME

    def page(self, number: Any) -> DjangoPage:
        queryset = self.object_list
        if not isinstance(queryset, RecordQuerySet):
            return super().page(number)
        try:
            found = queryset.page(SHOWN_BY_NAME).records
        except query_plan.NeedsKey:
            found = []
        return DjangoPage(list(queryset.projected(found)), 1, self)

    def get_page(self, number: Any) -> DjangoPage:
        return self.page(1)


def refuse_unknown(error: query_plan.Unanswerable) -> errors.Invalid:
    """What a list says to a filter that only reading everything would answer."""
    return errors.Invalid(f"This list cannot be asked that: {error}")
