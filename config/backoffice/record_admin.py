"""The base of every page about records: lists by cursor, forms that call rules, buttons that ask.

A module's admin names what is shown and which function changes it. Nothing is written here, and
Django's own log stays empty: the audit is kept by the functions.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from config import dynamodb, errors
from config.backoffice import operator_permissions
from config.backoffice.forms.actions import ButtonAdmin
from config.backoffice.forms.record_form import RecordForm, view_values
from config.backoffice.records import query_plan
from config.backoffice.records.changelist import AutocompletePaginator, CursorChangeList, unsupported_filter_error

SESSION_CUSTOMER = "back_office_customer"
"""In the session: whose things the lists show."""
MAX_BULK_RECORDS = 500
"""Records that one bulk action takes."""


class RecordAdmin(ButtonAdmin):
    """Lists, shows and changes the projections of one record."""

    icon: ClassVar[str] = "database"
    section: ClassVar[str] = "More"
    customer_field: ClassVar[str | None] = "customer_id"
    """The attribute that says whose it is."""
    choose_customer_hint: ClassVar[str] = "Choose a customer first: search for one above, or open its page."
    is_addable: ClassVar[bool] = False
    search_hint: ClassVar[str] = ""
    """What the search box takes; empty: there is none."""
    search_help_text = ""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_sheet = False
    list_filter_submit = False
    paginator = AutocompletePaginator
    actions_selection_counter = True
    change_list_template = "backoffice/list.html"
    change_form_template = "backoffice/form.html"
    form: ClassVar[Any] = forms.ModelForm

    # --- who may ----------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return operator_permissions.has_right(request, operator_permissions.READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operator_permissions.has_right(request, operator_permissions.READ)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_addable and operator_permissions.has_right(request, operator_permissions.WRITE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return issubclass(self.form, RecordForm) and operator_permissions.has_right(request, operator_permissions.WRITE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing is a button that asks for the name."""
        return False

    # --- what each module says --------------------------------------------------------------------
    def save_record(self, request: HttpRequest, obj: Any, form: RecordForm) -> dynamodb.Record:
        """Make (``before`` is None) or change a record by the function that may. Raises refusals.

        ``form.asked`` holds what is wanted, checked as the API checks it.
        """
        raise PermissionDenied

    def before_view(self, request: HttpRequest, obj: Any) -> None:
        """Somebody is about to see the page of a thing."""

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """Somebody saw the page of a thing."""

    def load_related(self, objects: Any) -> None:
        """Read at once what the rows of a list show of other records."""

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        """What the page of a thing shows beside its fields."""
        return {}

    def list_links(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Lists that could be meant where it is not said whose: names and addresses."""
        return []

    def find_pk(self, term: str) -> str | None:
        """The primary key of the one thing that a term names."""
        return None

    def search(self, queryset: Any, term: str) -> Any:
        """The things of a list that a term names."""
        return queryset.none()

    # --- lists ------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = self.model.objects.all()
        return queryset.order_by(*self.get_ordering(request))

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[CursorChangeList]:
        return CursorChangeList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.search_help_text = self.search_hint
        return super().get_changelist_instance(request)

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return ("pk",) if self.search_hint else ()

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()[:200]
        if "autocomplete" in request.path and self.customer_field:
            customer_id = request.GET.get("customer", "-")
            queryset = queryset.filter(**{self.customer_field: customer_id})
        return (self.search(queryset, term) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Fields of the record itself, with the comparisons that DynamoDB knows."""
        name, _, comparison = lookup.partition("__")
        if lookup in {getattr(list_filter, "parameter_name", "") for list_filter in self.list_filter}:
            return True
        fields = {field.attname for field in self.model._meta.concrete_fields}
        return name in fields and (comparison or "exact") in query_plan.LOOKUPS

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        customer_param = f"{self.customer_field}__exact"
        customer = request.session.get(SESSION_CUSTOMER)
        if self._needs_customer_filter(request) and customer and request.method == "GET":
            params = {**request.GET.dict(), customer_param: customer["id"]}
            return HttpResponseRedirect(f"{request.path}?{urlencode(params)}")
        context = {
            "choose_customer_hint": self.choose_customer_hint,
            "list_links": self.list_links(request),
            "add_url": self._add_url(request.GET.get(customer_param)),
            **(extra_context or {}),
        }
        try:
            return super().changelist_view(request, context)
        except (IncorrectLookupParameters, query_plan.UnsupportedQuery) as error:
            raise unsupported_filter_error(query_plan.UnsupportedQuery(str(error))) from error

    def _add_url(self, customer_id: str | None) -> str | None:
        """Where one is made; of a customer, once one is chosen."""
        if not self.is_addable or (self.customer_field and not customer_id):
            return None
        query = f"?{urlencode({'customer_id': customer_id})}" if customer_id else ""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add") + query

    def _needs_customer_filter(self, request: HttpRequest) -> bool:
        if self.customer_field is None:
            return False
        keys = {source.hash_name for source in query_plan.key_sources(self.model.record_class)}
        if self.customer_field not in keys:
            return False
        return not any(name.partition("__")[0] in keys for name in request.GET)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions = dict(super().get_actions(request))
        actions.pop("delete_selected", None)
        return actions

    def apply_to_selected(
        self, request: HttpRequest, queryset: Any, action: Callable[[Any], None], outcome: str
    ) -> None:
        """Do something to each chosen thing; what is refused is told, the rest is done."""
        done_count, refusal_counts = 0, dict[str, int]()
        for index, obj in enumerate(queryset.iterator()):
            if index >= MAX_BULK_RECORDS:
                warning = f"Only the first {MAX_BULK_RECORDS} were taken; choose fewer."
                messages.warning(request, warning)
                break
            try:
                action(obj)
                done_count += 1
            except errors.DomainError as refusal:
                refusal_counts[refusal.detail] = refusal_counts.get(refusal.detail, 0) + 1
        if done_count:
            messages.success(request, f"{done_count} {self.opts.verbose_name_plural} {outcome}.")
        for detail, count in refusal_counts.items():
            messages.error(request, f"{count} not {outcome}: {detail}")

    # --- one thing --------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        obj = self.model.get(object_id)
        if obj is not None and issubclass(self.form, RecordForm):
            for name, value in view_values(self.form.view_serializer, obj.record).items():
                obj.__dict__.setdefault(name, value)  # for who may only look
        return obj

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        form_class = super().get_form(request, obj, change, **kwargs)
        return type(form_class.__name__, (form_class,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        readonly = list(super().get_readonly_fields(request, obj))
        if issubclass(self.form, RecordForm):
            return readonly
        return [*readonly, *(name for name in self.fields or () if name not in readonly)]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        if object_id is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
            if self.customer_field and not request.GET.get("customer_id"):
                return self._redirect_with_customer(request)
            return self._render_form(request, None, form_url, context)
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        self.before_view(request, obj)
        context |= {"buttons": self._available_buttons(request, obj), **self.page_context(request, obj)}
        response = self._render_form(request, object_id, form_url, context)
        if response.status_code == 200:  # also a form that was refused shows the thing
            self.after_view(request, obj)
        return response

    def _render_form(
        self, request: HttpRequest, object_id: str | None, form_url: str, context: dict[str, Any]
    ) -> HttpResponse:
        """The page of a form; one that the rule refused comes back with what was refused."""
        try:
            return super().changeform_view(request, object_id, form_url, context)
        except errors.DomainError as refusal:
            if request.method != "POST" or refusal.status >= 500:
                raise
            request.refusal = refusal  # type: ignore[attr-defined] # the form shows it
            return super().changeform_view(request, object_id, form_url, context)

    def _redirect_with_customer(self, request: HttpRequest) -> HttpResponse:
        """Where a thing is made of the customer that one works on, if there is one."""
        customer = request.session.get(SESSION_CUSTOMER)
        if customer:
            return HttpResponseRedirect(self._add_url(customer["id"]) or self.list_url)
        messages.info(request, self.choose_customer_hint)
        return HttpResponseRedirect(self.list_url)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        record = self.save_record(request, obj if change else None, form)
        obj.__dict__.update(self.model.from_record(record).__dict__)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing hangs on a record that its own function did not keep."""

    def log_addition(self, *_: Any, **__: Any) -> None:
        """The audit is kept by the functions; Django's own log would keep names beyond it."""

    log_change = log_deletion = log_deletions = log_addition

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The audit of whom or what this is about."""
        obj = self.get_object(request, unquote(object_id))
        party = getattr(obj.record, "party", None) if obj else None
        if party is None or not self.has_view_permission(request):
            raise Http404
        query = urlencode({"stream__exact": party.stream})
        return HttpResponseRedirect(f"{reverse('admin:config_auditentry_changelist')}?{query}")

    def object_url(self, obj: Any) -> str:
        """Where the page of a thing is."""
        return self.url_for_pk(str(obj.pk))

    def url_for_pk(self, pk: str) -> str:
        """Where the page of the thing of a primary key is."""
        return admin_change_url(self.opts.app_label, str(self.opts.model_name), pk)

    @property
    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def admin_change_url(app: str, model: str, pk: str) -> str:
    """Where the page of a thing is."""
    return reverse(f"admin:{app}_{model}_change", args=(quote(pk),))


def admin_list_url(app: str, model: str, **filters: str) -> str:
    """Where the list of some things is."""
    return f"{reverse(f'admin:{app}_{model}_changelist')}?{urlencode(filters)}"
