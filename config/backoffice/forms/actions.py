"""Buttons: what operators can do with a record besides editing it. A page asks for confirmation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from config import errors
from config.backoffice import operators
from config.backoffice.forms.record_form import ConfirmNameForm
from config.backoffice.middleware import UNAVAILABLE_ADVICE
from config.backoffice.page_customer import is_closed, set_page_customer


@dataclass(frozen=True)
class Button:
    """An action on one record: its page explains it and asks, a POST runs it."""

    name: str
    label: str
    description: str
    """The consequences, for the operator who is about to run it."""
    run: Callable[[HttpRequest, Any, Mapping[str, Any]], str | HttpResponseBase]
    """Runs it with the form's values; returns the message to show, or a response."""
    details: Callable[[Any], Sequence[str]] = lambda _: ()
    """What it does to this record, point by point."""
    required_right: str = operators.WRITE
    is_available: Callable[[Any], bool] = lambda _: True
    """Whether the record's state permits it."""
    form: type[forms.Form] | None = None
    confirmation_name: Callable[[Any], str] | None = None
    """Of an action that cannot be undone: the name that the operator must type."""
    is_destructive: bool = False
    bulk_outcome: str = ""
    """Of an action that lists offer for selected records, too: what has happened to them then.

    It runs in the background (`config.bulk`), so ``run`` returns a text, adds no messages to the
    request, and may be repeated for one record.
    """
    bulk_details: Callable[[Sequence[str], str | None], Sequence[str]] = lambda ids, customer_id: ()
    """What it does to many records, point by point: by their keys, and the customer of all."""
    opposite: str = ""
    """The button that undoes it, as far as that is possible; lists offer it after this one."""
    is_for_closed_customers: bool = False
    """Whether it is possible for records of a deleted customer, too."""
    is_for_lists_only: bool = False
    """Whether the record's own page does not offer it."""

    @property
    def is_dangerous(self) -> bool:
        """Whether the button is red."""
        return self.is_destructive or self.confirmation_name is not None


class ButtonAdmin(ModelAdmin):
    """Adds buttons to a record's page, and a page for each."""

    buttons: ClassVar[Sequence[Button]] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.button_view)
        url_name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [path("<path:object_id>/do/<slug:button>/", view, name=url_name), *super().get_urls()]

    def _available_buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        url_name = f"admin:{self.opts.app_label}_{self.opts.model_name}_do"
        return [
            {
                "name": button.name,
                "label": button.label,
                "is_dangerous": button.is_dangerous,
                "url": reverse(url_name, args=(quote(obj.pk), button.name)),
            }
            for button in self.buttons
            if operators.has_right(request, button.required_right)
            and button.is_available(obj)
            and not button.is_for_lists_only
            and (button.is_for_closed_customers or not is_closed(request))
        ]

    def button_view(self, request: HttpRequest, object_id: str, button: str) -> HttpResponseBase:
        """Explain an action, and run it when posted."""
        selected = next((candidate for candidate in self.buttons if candidate.name == button), None)
        if selected is None:
            raise Http404
        if not operators.has_right(request, selected.required_right):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        set_page_customer(request, self.owner_of(obj))
        if not selected.is_available(obj):
            messages.error(request, f"“{selected.label}” is no longer possible: the record has changed.")
            return HttpResponseRedirect(self.url_for_pk(str(obj.pk)))
        form = self._confirmation_form(selected, obj, request)
        if request.method == "POST" and (form is None or form.is_valid()):
            response = self._run_button(selected, obj, request, form.cleaned_data if form else {})
            if response is not None:
                return response
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": selected.label,
            "subtitle": str(obj),
            "button": selected,
            "details": selected.details(obj),
            "form": form,
            "back_url": self.url_for_pk(str(obj.pk)),
        }
        return TemplateResponse(request, "backoffice/ask.html", context)

    def _run_button(
        self, button: Button, obj: Any, request: HttpRequest, form_data: Mapping[str, Any]
    ) -> HttpResponseBase | None:
        """The response; None if the action was refused, with the error as a message."""
        try:
            result = button.run(request, obj, form_data)
        except errors.DomainError as error:
            if error.status >= 500 and not isinstance(error, errors.Unavailable):
                raise
            messages.error(request, error.detail)
            if isinstance(error, errors.Unavailable):
                messages.warning(request, UNAVAILABLE_ADVICE)
            return None
        if isinstance(result, HttpResponseBase):
            return result
        messages.success(request, result)
        still_exists = self.model.get(str(obj.pk)) is not None
        return HttpResponseRedirect(self.url_for_pk(str(obj.pk)) if still_exists else self.menu_url(request))

    def _confirmation_form(self, button: Button, obj: Any, request: HttpRequest) -> forms.Form | None:
        data = request.POST if request.method == "POST" else None
        if button.confirmation_name is not None:
            return ConfirmNameForm(data, name=button.confirmation_name(obj))
        return button.form(data) if button.form else None
