"""Lists by cursor, in both directions: a page costs what it shows, and nothing is counted."""

from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR
from django.core.paginator import Page as DjangoPage
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from config.api import pagination
from config.backoffice.records import query_plan
from config.backoffice.records.list_filters import CURSOR_PARAM, BarFilter
from config.backoffice.records.queryset import RecordQuerySet
from config.dynamodb.pagination import Cursor, CursorPage

AUTOCOMPLETE_SIZE = 20


class CursorChangeList(ChangeList):
    """Reads pages by an encrypted cursor in ``?p=`` instead of a number."""

    filter_specs: list[Any]

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str]:
        """The order of the keys, which only the column that shows it reverses."""
        first, *rest = self.model_admin.get_ordering(request) or ("",)
        index, name = self._sort_index, first.lstrip("-")
        direction = {str(index): name, f"-{index}": f"-{name}"}.get(request.GET.get(ORDER_VAR, ""))
        self._first_order = direction or first if index is not None else first
        return [name for name in (self._first_order, *rest) if name]

    def get_ordering_field_columns(self) -> dict[int, str]:
        if self._sort_index is None:
            return {}
        return {self._sort_index: "desc" if self._first_order.startswith("-") else "asc"}

    @property
    def _sort_index(self) -> int | None:
        """The place of the column by which the list can be sorted."""
        names = list(self.list_display)
        return names.index(self.model_admin.sort_column) if self.model_admin.sort_column in names else None

    def get_filters(self, request: HttpRequest) -> Any:
        """As Django has it, with the two values of a range, which Django leaves as one text."""
        specs, has_specs, params, may_repeat, has_active = super().get_filters(request)
        for name, values in params.items():
            if name.endswith("__range"):
                params[name] = [_split_range(value) for value in values]
        return specs, has_specs, params, may_repeat, has_active

    def get_results(self, request: HttpRequest) -> None:
        self.needs_key, self.folded_count = False, 0
        key_names = {source.hash_name for source in query_plan.key_sources(self.model.record_class)}
        self.is_filtered = any(name.partition("__")[0] not in key_names for name in self.filter_params)
        specs = self.filter_specs
        self.bar_filters = [spec for spec in specs if isinstance(spec, BarFilter)]
        self.filter_specs = [spec for spec in specs if not isinstance(spec, BarFilter)]
        self.has_filters = bool(self.filter_specs)
        shown = {name for spec in self.bar_filters if not spec.is_hidden for name in spec.parameter_names}
        others = request.GET.items()
        self.other_parameters = [(name, value) for name, value in others if name not in {*shown, CURSOR_PARAM}]
        self.bar_choices = [choice for spec in self.bar_filters for choice in spec.choices(self)]
        try:
            cursor = pagination.decode_cursor(self._cursor_scope, request.GET.get(CURSOR_PARAM))
            page = self.queryset.page(self.list_per_page, cursor)
        except query_plan.KeyRequired:
            self.needs_key, page = True, CursorPage([])
        self.result_list = self.queryset.with_records(page.records)
        self.model_admin.load_related(self.result_list)
        self.scanned_count = page.scanned_count
        self.is_incomplete = page.next_cursor is not None and len(page.records) < self.list_per_page
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
        self.sortable_by = (self.model_admin.sort_column,)

    def _cursor_url(self, cursor: Cursor | None) -> str | None:
        encoded = pagination.encode_cursor(self._cursor_scope, cursor)
        return str(self.get_query_string({CURSOR_PARAM: encoded})) if encoded else None

    @property
    def _cursor_scope(self) -> str:
        filters = sorted((name, *values) for name, values in self.filter_params.items())
        return f"admin list {self.model._meta.label} {filters} {self._first_order}"


def _split_range(value: Any) -> list[str]:
    ends = str(value).split(",")
    if len(ends) != 2 or not all(ends):
        raise IncorrectLookupParameters("a range has two values, separated by a comma")
    return ends


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
