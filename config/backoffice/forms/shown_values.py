"""A record as operators see it who may not change it: the labels and values of the form, as text.

What the form asks about the change itself, such as which shifts it applies to, is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.admin.utils import flatten_fieldsets, label_for_field, lookup_field
from django.http import HttpRequest
from django.utils.html import format_html

from config.backoffice import clock
from config.backoffice.forms.form_fields import JSONTextField, LocalDateTimeField
from config.backoffice.forms.record_form import RecordForm
from config.backoffice.links import admin_change_url


@dataclass(frozen=True)
class ShownField:
    """A label and a value: text, or safe HTML."""

    label: str
    value: Any
    is_long: bool = False
    """Whether line breaks count."""


@dataclass(frozen=True)
class ShownFieldset:
    """Fields under a title."""

    title: str
    fields: Sequence[ShownField]


def show_record(model_admin: Any, request: HttpRequest, obj: Any) -> list[ShownFieldset]:
    """The fieldsets of a record as text, for an operator who may not change it; else none."""
    fieldsets = model_admin.get_fieldsets(request, obj)
    own_fields = set(flatten_fieldsets(fieldsets)) - set(model_admin.get_readonly_fields(request, obj))
    is_form = issubclass(model_admin.form, RecordForm) and bool(own_fields)
    if not is_form or model_admin.has_change_permission(request, obj):
        return []
    form = model_admin.get_form(request, obj, change=True)(instance=obj)
    shown = [
        ShownFieldset(str(title or ""), list(_show_fields(model_admin, form, options["fields"])))
        for title, options in fieldsets
    ]
    return [fieldset for fieldset in shown if fieldset.fields]


def _show_fields(model_admin: Any, form: RecordForm, names: Sequence[str]) -> Iterator[ShownField]:
    stored = form.stored_values(form.instance.record)
    for name in names:
        field = form.fields.get(name)
        if field is None:
            _, attribute, value = lookup_field(name, form.instance, model_admin)
            label = str(label_for_field(name, form.instance.__class__, model_admin))
            yield ShownField(label, _to_yes_or_no(value) if getattr(attribute, "boolean", False) else value)
        elif name in stored and not field.widget.is_hidden:
            is_long = isinstance(field, JSONTextField) or isinstance(field.widget, forms.Textarea)
            yield ShownField(str(field.label), _show_value(field, stored[name]), is_long)


def _show_value(field: forms.Field, value: Any) -> Any:
    if isinstance(field, forms.BooleanField):
        return _to_yes_or_no(value)
    if value in (None, "", []):
        return "—"
    if isinstance(field, forms.ModelChoiceField):
        return _link_to(field, str(value))
    if isinstance(field, LocalDateTimeField):
        return clock.format_day_time(datetime.fromisoformat(str(value)))
    if isinstance(field, forms.MultipleChoiceField):
        labels = _labels_of(field)
        return ", ".join(labels.get(str(item), str(item)) for item in value)
    if isinstance(field, forms.ChoiceField):
        return _labels_of(field).get(str(value), value)
    return field.prepare_value(value)


def _labels_of(field: forms.ChoiceField) -> Mapping[str, str]:
    choices: Any = field.choices
    return {str(key): str(label) for key, label in choices}


def _link_to(field: forms.ModelChoiceField, pk: str) -> str:
    records: Any = field.queryset
    model = records.model
    obj = model.get(pk)
    if obj is None:
        return "deleted"
    url = admin_change_url(model._meta.app_label, model._meta.model_name, pk)
    return format_html('<a href="{}">{}</a>', url, obj.record.name)


def _to_yes_or_no(value: Any) -> str:
    return "Yes" if value else "No"
