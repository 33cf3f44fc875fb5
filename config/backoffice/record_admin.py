"""The base of the admin pages of records: lists by cursor, forms over domain functions, buttons.

A model's admin declares what to show. Nothing is written here, and Django's own log stays empty:
the domain functions write and audit.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

from config import dynamodb
from config.backoffice import checks, operators, record_header
from config.backoffice.bulk import pages as bulk_pages
from config.backoffice.finding import FindableAdmin
from config.backoffice.forms.actions import Button
from config.backoffice.forms.record_form import RecordForm
from config.backoffice.forms.shown_values import show_record
from config.backoffice.links import admin_list_url
from config.backoffice.page_customer import is_closed, set_page_customer
from config.backoffice.record_header import RecordHeader
from config.backoffice.record_list import RecordListAdmin
from config.backoffice.record_navigation import RecordNavigation


class RecordAdmin(FindableAdmin, RecordListAdmin, RecordNavigation):
    """Lists, shows and changes the projections of one kind of record."""

    section: ClassVar[str]
    """The section of the menu."""
    icon: ClassVar[str] = "database"
    is_addable: ClassVar[bool] = False
    id_prefix: ClassVar[str] = ""
    """Of records whose primary key is an id of ours."""
    subject_type: ClassVar[str] = ""
    """The type that audit entries about these records name."""
    change_form_template = "backoffice/form.html"
    form: ClassVar[Any] = forms.ModelForm

    # --- permissions ------------------------------------------------------------------------------
    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return operators.has_right(request, operators.READ)

    has_module_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_addable and operators.has_right(request, operators.WRITE) and not is_closed(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and is_closed(request):
            return False
        return issubclass(self.form, RecordForm) and operators.has_right(request, operators.WRITE)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting is a button that asks for the name."""
        return False

    # --- what each model declares -----------------------------------------------------------------
    def header(self, request: HttpRequest, obj: Any) -> RecordHeader:
        """What a record's page shows first: see `config.backoffice.record_header`."""
        return RecordHeader(name=str(obj))

    def after_view(self, request: HttpRequest, obj: Any) -> None:
        """Called after a record was shown."""

    def related_links(self, obj: Any) -> list[tuple[str, str]]:
        """Links from a record's page to others: names and URLs."""
        return []

    def page_context(self, request: HttpRequest, obj: Any) -> Mapping[str, Any]:
        """What a record's page shows beside its fields."""
        return {"links": self.related_links(obj)}

    def _permitted_links(self, request: HttpRequest, links: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        rights = {link: self.link_rights.get(link[0], operators.READ) for link in links}
        if is_closed(request):
            return [link for link, right in rights.items() if right == operators.READ]
        return [link for link, right in rights.items() if operators.has_right(request, right)]

    def find_pk(self, term: str) -> str | None:
        """The primary key of the one record that a term names."""
        return term if self.id_prefix and dynamodb.is_id(self.id_prefix, term) and self.model.get(term) else None

    def _add_url(self, customer_id: str | None) -> str | None:
        """The URL of the add page; None until a customer is chosen."""
        if not self.is_addable or (self.customer_field and not customer_id):
            return None
        query = f"?{urlencode({'customer_id': customer_id})}" if customer_id else ""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_add") + query

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The buttons that apply to selected records."""
        if is_closed(request):
            return {}
        return {
            button.name: (partial(RecordAdmin.run_for_selected, button=button), button.name, button.label)
            for button in self.buttons
            if button.bulk_outcome and operators.has_right(request, button.required_right)
        }

    def run_for_selected(self, request: HttpRequest, queryset: Any, *, button: Button) -> HttpResponse:
        """Lead to the page that shows what would be changed, and runs it in the background."""
        return bulk_pages.start_preview(request, self, queryset, button)

    # --- one record -------------------------------------------------------------------------------
    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        return self.model.get(object_id)

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm]:
        if not issubclass(self.form, RecordForm):
            return super().get_form(request, obj, change, **kwargs)
        shown_only = self.get_readonly_fields(request, obj)
        names = [name for name in flatten_fieldsets(self.get_fieldsets(request, obj)) if name not in shown_only]
        form_class: type[forms.ModelForm] = self.form.for_page(request, self.model, names, is_change=change)
        return form_class

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
            set_page_customer(request, request.GET.get("customer_id"))
            if self.customer_field and not request.GET.get("customer_id"):
                messages.info(request, self.choose_customer_hint)
                return HttpResponseRedirect(self.list_url)
            return super().changeform_view(request, None, form_url, context)
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        set_page_customer(request, self.owner_of(obj))
        context |= {
            "list_url": self.menu_url(request),
            "show_save_and_add_another": False,
            "shown_fieldsets": show_record(self, request, obj),
            "record_header": record_header.complete(self.header(request, obj), obj),
            "buttons": self._available_buttons(request, obj),
        }
        check_panel, page_context = dynamodb.gather(
            lambda: None if is_closed(request) else checks.load_checks(request, obj),
            lambda: self.page_context(request, obj),
        )
        context |= {"check_panel": check_panel, **page_context}
        context["links"] = self._permitted_links(request, context.get("links", ()))
        response = super().changeform_view(request, object_id, form_url, context)
        if response.status_code == 200:  # a form with errors shows the record, too
            self.after_view(request, obj)
        return response

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing: the form saved the record when it was validated."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Nothing: records have no inlines."""

    def log_addition(self, *_: Any, **__: Any) -> None:
        """Nothing: the audit has it, and erases names that Django's log would keep."""

    log_change = log_deletion = log_deletions = log_addition

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the audit entries about the record."""
        obj = self.get_object(request, unquote(object_id))
        party = getattr(obj.record, "party", None) if obj else None
        if party is None or not self.has_view_permission(request):
            raise Http404
        return HttpResponseRedirect(admin_list_url("config", "auditentry", stream__exact=party.stream))
