"""Lists by cursor, in both directions: a page costs what it shows, and nothing is counted."""

from typing import Any

from django.core.paginator import Page as DjangoPage
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from config.api import pagination
from config.backoffice.records import query_plan
from config.backoffice.records.queryset import RecordQuerySet
from config.dynamodb.pagination import Cursor, CursorPage

CURSOR_PARAM = "p"
AUTOCOMPLETE_SIZE = 20


class CursorChangeList(ChangeList):
    """Reads pages by an encrypted cursor in ``?p=`` instead of a number."""

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        """The order of the keys: operators cannot sort by a column."""
        return list(self.model_admin.get_ordering(request))

    def get_ordering_field_columns(self) -> dict[int, str]:
        return {}

    def get_results(self, request: HttpRequest) -> None:
        self.needs_key = False
        try:
            cursor = pagination.decode_cursor(self._cursor_scope, request.GET.get(CURSOR_PARAM))
            page = self.queryset.page(self.list_per_page, cursor)
        except query_plan.KeyRequired:
            self.needs_key, page = True, CursorPage([])
        self.result_list = self.queryset.with_records(page.records)
        self.model_admin.load_related(self.result_list)
        self.scanned_count = page.scanned_count
        self.plan = "no customer chosen" if self.needs_key else str(self.queryset.plan())
        self.next_url = self._cursor_url(page.next_cursor)
        self.previous_url = self._cursor_url(page.previous_cursor)
        self.first_url = self.get_query_string(remove=[CURSOR_PARAM]) if CURSOR_PARAM in request.GET else None
        self.multi_page = bool(page.next_cursor or page.previous_cursor)
        # More than is shown here makes the action bar offer to take all that match.
        self.result_count = len(page.records) + (1 if self.multi_page else 0)
        self.full_result_count = self.result_count
        self.show_full_result_count = False
        self.show_admin_actions = bool(page.records)
        self.can_show_all = False
        self.paginator = Paginator(page.records, self.list_per_page)
        self.sortable_by = ()

    def _cursor_url(self, cursor: Cursor | None) -> str | None:
        encoded = pagination.encode_cursor(self._cursor_scope, cursor)
        return str(self.get_query_string({CURSOR_PARAM: encoded})) if encoded else None

    @property
    def _cursor_scope(self) -> str:
        filters = sorted((name, *values) for name, values in self.filter_params.items())
        return f"admin list {self.model._meta.label} {filters}"


class AutocompletePaginator(Paginator):
    """The first page of a field that completes names; counts nothing."""

    count = AUTOCOMPLETE_SIZE

    def page(self, number: Any) -> DjangoPage:
        queryset = self.object_list
        if not isinstance(queryset, RecordQuerySet):
            return super().page(number)
        try:
            records = queryset.page(AUTOCOMPLETE_SIZE).records
        except query_plan.KeyRequired:
            records = []
        return DjangoPage(list(queryset.with_records(records)), 1, self)

    def get_page(self, number: Any) -> DjangoPage:
        return self.page(1)
