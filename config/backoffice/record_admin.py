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
from config.backoffice.forms.actions import Buttons
from config.backoffice.forms.record_form import RecordForm, shown
from config.backoffice.records import query_plan
from config.backoffice.records.changelist import CursorList, NamesPaginator, refuse_unknown

CUSTOMER = "back_office_customer"
"""In the session: whose things the lists show."""
MOST_AT_ONCE = 500
"""Records that one bulk action takes."""


class RecordAdmin(Buttons):
    """Lists, shows and changes the projections of one record."""

    icon: ClassVar[str] = "database"
    section: ClassVar[str] = "More"
    of_customer: ClassVar[str | None] = "customer_id"
    """The attribute that says whose it is."""
    whose: ClassVar[str] = "Choose a customer first: search for one above, or open its page."
    adds: ClassVar[bool] = False
    searches: ClassVar[str] = ""
    """What the search box takes; empty: there is none."""
    search_help_text = ""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_sheet = False
    list_filter_submit = False
    paginator = NamesPaginator
    actions_selection_counter = True
    change_list_template = "backoffice/list.html"
    change_form_template = "backoffice/form.html"
    form: ClassVar[Any] = forms.ModelForm

    # --- who may ----------------------------------------------------------------------------------
    def has_module_permission(self, request: HttpRequest) -> bool:
        return operator_permissions.may(request, operator_permissions.READ)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operator_permissions.may(request, operator_permissions.READ)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.adds and operator_permissions.may(request, operator_permissions.WRITE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return issubclass(self.form, RecordForm) and operator_permissions.may(
            request, operator_permissions.WRITE
        )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Removing is a button that asks for the name."""
        return False

    # --- what each module says --------------------------------------------------------------------
    def keep(self, request: HttpRequest, before: Any, form: RecordForm) -> dynamodb.Record:
        """Make (``before`` is None) or change a record by the function that may. Raises refusals.

        ``form.asked`` holds what is wanted, checked as the API checks it.
        """
        raise PermissionDenied

    def entered(self, request: HttpRequest, obj: Any) -> None:
        """Somebody is about to see the page of a thing."""

    def looked(self, request: HttpRequest, obj: Any) -> None:
        """Somebody saw the page of a thing."""

    def prepare(self, objects: Any) -> None:
        """Read at once what the rows of a list show of other records."""

    def about(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        """What the page of a thing shows beside its fields."""
        return {}

    def ways(self, request: HttpRequest) -> list[tuple[str, str]]:
        """Lists that could be meant where it is not said whose: names and addresses."""
        return []

    def find(self, term: str) -> str | None:
        """The primary key of the one thing that a term names."""
        return None

    def search(self, queryset: Any, term: str) -> Any:
        """The things of a list that a term names."""
        return queryset.none()

    # --- lists ------------------------------------------------------------------------------------
    def get_queryset(self, request: HttpRequest) -> Any:
        queryset = self.model.objects.all()
        return queryset.order_by(*self.get_ordering(request))

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[CursorList]:
        return CursorList

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        self.search_help_text = self.searches
        return super().get_changelist_instance(request)

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return ("pk",) if self.searches else ()

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        term = search_term.strip()[:200]
        if "autocomplete" in request.path and self.of_customer:
            whose = request.GET.get("customer", "-")
            queryset = queryset.filter(**{self.of_customer: whose})
        return (self.search(queryset, term) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Fields of the record itself, with the comparisons that DynamoDB knows."""
        name, _, how = lookup.partition("__")
        if lookup in {getattr(one, "parameter_name", "") for one in self.list_filter}:
            return True
        fields = {field.attname for field in self.model._meta.concrete_fields}
        return name in fields and (how or "exact") in query_plan.LOOKUPS

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        whose = f"{self.of_customer}__exact"
        customer = request.session.get(CUSTOMER)
        if self._wants_customer(request) and customer and request.method == "GET":
            given = {**request.GET.dict(), whose: customer["id"]}
            return HttpResponseRedirect(f"{request.path}?{urlencode(given)}")
        more = {
            "whose": self.whose,
            "ways": self.ways(request),
            "add_url": self._add_url(request.GET.get(whose)),
            **(extra_context or {}),
        }
        try:
            return super().changelist_view(request, more)
        except (IncorrectLookupParameters, query_plan.Unanswerable) as error:
            raise refuse_unknown(query_plan.Unanswerable(str(error))) from error

    def _add_url(self, customer_id: str | None) -> str | None:
        """Where one is made; of a customer, once one is chosen."""
        if not self.adds or (self.of_customer and not customer_id):
            return None
        found = f"?{urlencode({'customer_id': customer_id})}" if customer_id else ""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add") + found

    def _wants_customer(self, request: HttpRequest) -> bool:
        if self.of_customer is None:
            return False
        keys = {source.hash_name for source in query_plan.sources(self.model.record)}
        if self.of_customer not in keys:
            return False
        return not any(name.partition("__")[0] in keys for name in request.GET)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found = dict(super().get_actions(request))
        found.pop("delete_selected", None)
        return found

    def in_bulk(
        self, request: HttpRequest, queryset: Any, one: Callable[[Any], None], done: str
    ) -> None:
        """Do something to each chosen thing; what is refused is told, the rest is done."""
        kept, refusals = 0, dict[str, int]()
        for number, obj in enumerate(queryset.iterator()):
            if number >= MOST_AT_ONCE:
                told = f"Only the first {MOST_AT_ONCE} were taken; choose fewer."
                messages.warning(request, told)
                break
            try:
                one(obj)
                kept += 1
            except errors.Refusal as refusal:
                refusals[refusal.detail] = refusals.get(refusal.detail, 0) + 1
        if kept:
            messages.success(request, f"{kept} {self.opts.verbose_name_plural} {done}.")
        for sentence, many in refusals.items():
            messages.error(request, f"{many} not {done}: {sentence}")

    # --- one thing --------------------------------------------------------------------------------
    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        obj = self.model.get(object_id)
        if obj is not None and issubclass(self.form, RecordForm):
            for name, value in shown(self.form.view, obj.kept).items():
                obj.__dict__.setdefault(name, value)  # for who may only look
        return obj

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        made = super().get_form(request, obj, change, **kwargs)
        return type(made.__name__, (made,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        given = list(super().get_readonly_fields(request, obj))
        if issubclass(self.form, RecordForm):
            return given
        return [*given, *(name for name in self.fields or () if name not in given)]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        more = dict(extra_context or {})
        if object_id is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
            if self.of_customer and not request.GET.get("customer_id"):
                return self._with_customer(request)
            return self._form(request, None, form_url, more)
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        self.entered(request, obj)
        more |= {"buttons": self._offered(request, obj), **self.about(request, obj)}
        answer = self._form(request, object_id, form_url, more)
        if answer.status_code == 200:  # also a form that was refused shows the thing
            self.looked(request, obj)
        return answer

    def _form(
        self, request: HttpRequest, object_id: str | None, form_url: str, more: dict[str, Any]
    ) -> HttpResponse:
        """The page of a form; one that the rule refused comes back with what was refused."""
        try:
            return super().changeform_view(request, object_id, form_url, more)
        except errors.Refusal as refusal:
            if request.method != "POST" or refusal.status >= 500:
                raise
            request.refusal = refusal  # type: ignore[attr-defined] # the form shows it
            return super().changeform_view(request, object_id, form_url, more)

    def _with_customer(self, request: HttpRequest) -> HttpResponse:
        """Where a thing is made of the customer that one works on, if there is one."""
        customer = request.session.get(CUSTOMER)
        if customer:
            return HttpResponseRedirect(self._add_url(customer["id"]) or self.list_url)
        messages.info(request, self.whose)
        return HttpResponseRedirect(self.list_url)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        kept = self.keep(request, obj if change else None, form)
        obj.__dict__.update(self.model.of(kept).__dict__)

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
        party = getattr(obj.kept, "party", None) if obj else None
        if party is None or not self.has_view_permission(request):
            raise Http404
        found = urlencode({"stream__exact": party.stream})
        return HttpResponseRedirect(f"{reverse('admin:config_auditentry_changelist')}?{found}")

    def page_of(self, obj: Any) -> str:
        """Where the page of a thing is."""
        return self.page_at(str(obj.pk))

    def page_at(self, pk: str) -> str:
        """Where the page of the thing of a primary key is."""
        return page_of(self.opts.app_label, str(self.opts.model_name), pk)

    @property
    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


def page_of(app: str, model: str, pk: str) -> str:
    """Where the page of a thing is."""
    return reverse(f"admin:{app}_{model}_change", args=(quote(pk),))


def list_of(app: str, model: str, **filters: str) -> str:
    """Where the list of some things is."""
    return f"{reverse(f'admin:{app}_{model}_changelist')}?{urlencode(filters)}"
