"""Lists of records: by cursor, sorted by the key of an index, filtered, and as CSV."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.admin import ShowFacets
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from unfold.admin import ModelAdmin, checkbox
from unfold.decorators import display

from config import errors
from config.backoffice import list_file, operators
from config.backoffice.page_customer import get_page_customer, set_page_customer
from config.backoffice.records import query_plan
from config.backoffice.records.changelist import AutocompletePaginator, CursorChangeList

MAX_CUSTOMERS = 50
"""Customers that a list offers to choose from."""


class RecordListAdmin(ModelAdmin):
    """The list of one kind of record. Declared beside what Django's admin takes:"""

    customer_field: ClassVar[str | None] = "customer_id"
    """The attribute with the customer's id."""
    choose_customer_hint: ClassVar[str] = "Choose a customer. If it is not here, find it above."
    sort_column: ClassVar[str] = ""
    """The column that shows what the list is ordered by: it can be reversed there."""
    search_help_text = ""  # a list without it has no search box
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_sheet = False
    list_filter_submit = False
    paginator = AutocompletePaginator
    actions_selection_counter = True
    change_list_template = "backoffice/list.html"
    model: Any

    def load_related(self, objects: Any) -> None:
        """Load, in few reads, what the rows of a list show of other records."""

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Lists to choose from where the filters are too wide: names and URLs.

        By default that of each customer, on a page of none; those deleted are left out.
        """
        if get_page_customer(request) or not self.customer_filters("-"):
            return []
        customers = apps.get_model(settings.CUSTOMER_MODEL)
        page = customers.objects.filter(listed="all").order_by("name_key").page(MAX_CUSTOMERS)
        return [
            (str(record.name), f"{self.list_url}?{urlencode(self.customer_filters(str(record.id)))}")
            for record in page.records
            if not record.is_deleted
        ]

    def count_all(self, request: HttpRequest) -> int | None:
        """How many records a list has with the filters of its URL, if a counter says so."""
        return None

    def find_pk(self, term: str) -> str | None:
        """The primary key of the one record that a term names."""
        raise NotImplementedError

    @property
    def list_url(self) -> str:
        """The URL of the list, of all customers."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def customer_filters(self, customer_id: str) -> dict[str, str]:
        """The filters with which the list shows the records of a customer, if it can."""
        return {f"{self.customer_field}__exact": customer_id} if self.customer_field else {}

    def search(self, queryset: Any, term: str) -> Any:
        """The records of a list that a term names: by id, or by the beginning of the name."""
        if pk := self.find_pk(term):
            return queryset.filter(pk=pk)
        return queryset.filter(name_key__startswith=term.casefold())

    def file_table(self, request: HttpRequest) -> list_file.FileTable:
        """The columns and rows of the list as a file; by default those that the list shows."""
        return list_file.shown_columns(self)

    @display(description=checkbox.render("action_toggle_all", 1, {"aria-label": "Select all of this page"}))
    def action_checkbox(self, obj: Any) -> str:
        """The box that selects a row, named as its record."""
        return str(checkbox.render(ACTION_CHECKBOX_NAME, str(obj.pk), {"aria-label": f"Select {obj}"}))

    # --- Django's ---------------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.csv_view)
        return [path("csv/", view, name=f"{self.opts.app_label}_{self.opts.model_name}_csv"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = self.model.objects.all()
        return queryset.order_by(*self.get_ordering(request))

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[CursorChangeList]:
        return CursorChangeList

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return ("pk",) if self.search_help_text else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term[:400].strip()[:200]
        if "autocomplete" in request.path and self.customer_field:
            customer_id = request.GET.get("customer", "-")
            queryset = queryset.filter(**{self.customer_field: customer_id})
        return (self.search(queryset, term) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Fields of the record itself, with the comparisons that DynamoDB knows."""
        name, _, comparison = lookup.partition("__")
        if lookup in set(self._filter_parameters()):
            return True
        fields = {field.attname for field in self.model._meta.concrete_fields}
        return name in fields and (comparison or "exact") in query_plan.LOOKUPS

    def _filter_parameters(self) -> Iterable[str]:
        for list_filter in self.list_filter:
            yield getattr(list_filter, "parameter_name", "")
            yield from getattr(list_filter, "parameter_names", ())

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        set_page_customer(request, self._owner_in_filters(request))
        customer = get_page_customer(request)
        query = request.GET.urlencode()
        context = {
            "title": capfirst(str(self.opts.verbose_name_plural)),
            "choose_customer_hint": self.choose_customer_hint,
            "list_links": partial(self.list_links, request),
            "add_url": self._add_url(customer.id if customer else None),
            "total": self.count_all(request),
            "csv_url": f"{self._csv_url}?{query}" if operators.has_right(request, operators.WRITE) else "",
            **(extra_context or {}),
        }
        try:
            response = super().changelist_view(request, context)
        except list_errors as error:
            raise _to_client_error(error) from error
        if response.status_code == 302 and response["Location"].endswith(f"?{ERROR_FLAG}=1"):
            raise errors.InvalidRequest(f"This list cannot be filtered so: {query_plan.UNFIT_VALUE}.")
        return response

    def _add_url(self, customer_id: str | None) -> str | None:
        return None

    def _owner_in_filters(self, request: HttpRequest) -> str | None:
        """The customer that a list is filtered by, or the person or location."""
        keys = [source.hash_name for source in query_plan.key_sources(self.model.record_class)]
        values = (request.GET.get(f"{name}__exact") for name in ("customer_id", *keys))
        return next((value for value in values if value), None)

    # --- as a file --------------------------------------------------------------------------------
    def csv_view(self, request: HttpRequest) -> HttpResponse:
        """The list as CSV, from its beginning on; audited. For those who may change records."""
        if not operators.has_right(request, operators.WRITE):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseRedirect(self._list_url_of(request))
        return list_file.csv_response(self.read_list(request), self.file_table(request), request, self)

    def read_list(self, request: HttpRequest) -> list_file.ListRows:
        """The rows of the list with the filters of a URL, as far as a file goes."""
        set_page_customer(request, self._owner_in_filters(request))
        try:
            changelist: Any = self.get_changelist_instance(request)
            return list_file.read_rows(changelist.queryset, self.load_related, needs_key=changelist.needs_key)
        except list_errors as error:
            raise _to_client_error(error) from error

    @property
    def _csv_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_csv")

    def _list_url_of(self, request: HttpRequest) -> str:
        return f"{self.list_url}?{request.GET.urlencode()}"


list_errors = (IncorrectLookupParameters, DisallowedModelAdminLookup, query_plan.UnsupportedQuery)


def _to_client_error(error: Exception) -> errors.InvalidRequest:
    cause = error.args[0] if error.args else ""
    detail = " ".join(cause.messages) if isinstance(cause, ValidationError) else str(error)
    return errors.InvalidRequest(f"This list cannot be filtered so: {detail.rstrip('.')}.")
