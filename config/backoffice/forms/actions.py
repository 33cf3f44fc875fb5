"""Buttons: what else can be done to a thing. A page asks, and what is posted does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from config import errors
from config.backoffice import operator_permissions
from config.backoffice.forms.record_form import ConfirmNameForm


@dataclass(frozen=True)
class Button:
    """Something that can be done to one thing: a page asks, and what is posted does it."""

    name: str
    label: str
    description: str
    """What it will do, for who is about to do it."""
    run: Callable[[HttpRequest, Any, Mapping[str, Any]], str | HttpResponse]
    """Does it; the sentence to show then, or an answer of its own."""
    required_right: str = operator_permissions.WRITE
    is_available: Callable[[Any], bool] = lambda _: True
    """Whether it makes sense for a thing as it is."""
    form: type[forms.Form] | None = None
    confirmation_name: Callable[[Any], str] | None = None
    """The name that must be typed, where it cannot be undone."""
    is_destructive: bool = False


class ButtonAdmin(ModelAdmin):
    """Adds the buttons of a thing, and the pages that they lead to."""

    buttons: ClassVar[Sequence[Button]] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.button_view)
        url_name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [path("<path:object_id>/do/<slug:button>/", view, name=url_name), *super().get_urls()]

    def _available_buttons(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        url_name = f"admin:{self.opts.app_label}_{self.opts.model_name}_do"
        return [
            {
                "label": button.label,
                "is_destructive": button.is_destructive or button.confirmation_name is not None,
                "url": reverse(url_name, args=(quote(obj.pk), button.name)),
            }
            for button in self.buttons
            if operator_permissions.has_right(request, button.required_right) and button.is_available(obj)
        ]

    def button_view(self, request: HttpRequest, object_id: str, button: str) -> HttpResponse:
        """Ask, and do what was asked for once it is posted."""
        selected = next((candidate for candidate in self.buttons if candidate.name == button), None)
        if selected is None:
            raise Http404
        if not operator_permissions.has_right(request, selected.required_right):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not selected.is_available(obj):
            messages.error(request, f"“{selected.label}” makes no sense any more: it changed meanwhile.")
            return HttpResponseRedirect(self.object_url(obj))
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
            "is_destructive": selected.is_destructive or selected.confirmation_name is not None,
            "form": form,
            "back_url": self.object_url(obj),
        }
        return TemplateResponse(request, "backoffice/ask.html", context)

    def _run_button(
        self, button: Button, obj: Any, request: HttpRequest, form_data: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Where it led; None where it was refused, which the page then says."""
        try:
            result = button.run(request, obj, form_data)
        except errors.DomainError as refusal:
            if refusal.status >= 500:
                raise
            messages.error(request, refusal.detail)
            return None
        if isinstance(result, HttpResponse):
            return result
        messages.success(request, result)
        still_exists = self.model.get(str(obj.pk)) is not None
        return HttpResponseRedirect(self.object_url(obj) if still_exists else self.list_url)

    def _confirmation_form(self, button: Button, obj: Any, request: HttpRequest) -> forms.Form | None:
        data = request.POST if request.method == "POST" else None
        if button.confirmation_name is not None:
            return ConfirmNameForm(data, name=button.confirmation_name(obj))
        return button.form(data) if button.form else None
