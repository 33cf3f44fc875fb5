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
from config.backoffice.forms.record_form import TypedName


@dataclass(frozen=True)
class Button:
    """Something that can be done to one thing: a page asks, and what is posted does it."""

    name: str
    label: str
    about: str
    """What it will do, for who is about to do it."""
    do: Callable[[HttpRequest, Any, Mapping[str, Any]], str | HttpResponse]
    """Does it; the sentence to show then, or an answer of its own."""
    right: str = operator_permissions.WRITE
    when: Callable[[Any], bool] = lambda _: True
    """Whether it makes sense for a thing as it is."""
    form: type[forms.Form] | None = None
    name_of: Callable[[Any], str] | None = None
    """The name that must be typed, where it cannot be undone."""
    is_grave: bool = False


class Buttons(ModelAdmin):
    """Adds the buttons of a thing, and the pages that they lead to."""

    buttons: ClassVar[Sequence[Button]] = ()

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.do_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_do"
        return [path("<path:object_id>/do/<slug:button>/", view, name=name), *super().get_urls()]

    def _offered(self, request: HttpRequest, obj: Any) -> list[dict[str, Any]]:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_do"
        return [
            {
                "label": one.label,
                "is_grave": one.is_grave or one.name_of is not None,
                "url": reverse(name, args=(quote(obj.pk), one.name)),
            }
            for one in self.buttons
            if operator_permissions.may(request, one.right) and one.when(obj)
        ]

    def do_view(self, request: HttpRequest, object_id: str, button: str) -> HttpResponse:
        """Ask, and do what was asked for once it is posted."""
        one = next((b for b in self.buttons if b.name == button), None)
        if one is None:
            raise Http404
        if not operator_permissions.may(request, one.right):
            raise PermissionDenied
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            raise Http404
        if not one.when(obj):
            messages.error(request, f"“{one.label}” makes no sense any more: it changed meanwhile.")
            return HttpResponseRedirect(self.page_of(obj))
        form = self._asked(one, obj, request)
        if request.method == "POST" and (form is None or form.is_valid()):
            done = self._done(one, obj, request, form.cleaned_data if form else {})
            if done is not None:
                return done
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": one.label,
            "subtitle": str(obj),
            "button": one,
            "is_grave": one.is_grave or one.name_of is not None,
            "asked": form,
            "back": self.page_of(obj),
        }
        return TemplateResponse(request, "backoffice/ask.html", context)

    def _done(
        self, one: Button, obj: Any, request: HttpRequest, given: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Where it led; None where it was refused, which the page then says."""
        try:
            done = one.do(request, obj, given)
        except errors.Refusal as refusal:
            if refusal.status >= 500:
                raise
            messages.error(request, refusal.detail)
            return None
        if isinstance(done, HttpResponse):
            return done
        messages.success(request, done)
        is_there = self.model.get(str(obj.pk)) is not None
        return HttpResponseRedirect(self.page_of(obj) if is_there else self.list_url)

    def _asked(self, one: Button, obj: Any, request: HttpRequest) -> forms.Form | None:
        data = request.POST if request.method == "POST" else None
        if one.name_of is not None:
            return TypedName(data, name=one.name_of(obj))
        return one.form(data) if one.form else None
