"""Form fields with the widgets of the back office; most follow from a member of an API body."""

import json
import re
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from rest_framework import serializers
from unfold import widgets

from config import strict_json, zone_names
from config.api.fields import MultilineTextField, TimeZoneField


def for_member(member: serializers.Field[Any, Any, Any, Any], label: str, choices: Any = None, **options: Any) -> Any:
    """The form field for a member of a request body.

    Text, numbers, times and choices are required unless the member takes null or an empty string.
    A list is entered with commas, or checked where ``choices`` are given.
    """
    required = not (member.allow_null or getattr(member, "allow_blank", False))
    if isinstance(member, serializers.ListField):
        return CommaSeparatedField(label) if choices is None else multiple_choice_field(label, choices, **options)
    if isinstance(member, serializers.BooleanField):
        return switch_field(label, **options)
    if isinstance(member, serializers.ChoiceField):
        return choice_field(label, choices or member.choices.items(), required=required, **options)
    if isinstance(member, serializers.IntegerField):
        return number_field(label, required=required, **options)
    if isinstance(member, serializers.JSONField):
        return JSONTextField(label, **options)
    if isinstance(member, serializers.DateTimeField):
        return LocalDateTimeField(label, required=required, **options)
    return _text_field_for(member, label, required=required, **options)


def _text_field_for(member: serializers.Field[Any, Any, Any, Any], label: str, **options: Any) -> Any:
    """The field for a member that is text: a time zone, some lines, or one."""
    options["empty_value"] = None if member.allow_null else ""
    if isinstance(member, TimeZoneField):
        return zone_field(label, has_list=True, **options)
    if isinstance(member, MultilineTextField):
        options["widget"] = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 4})
    return text_field(label, **options)


def label_for(name: str) -> str:
    """The label of a camelCase name: ``settings__timeZone`` is "Time zone"."""
    words = re.sub(r"([A-Z])", r" \1", name.rpartition("__")[2])
    return words.removesuffix(" Id").capitalize()


def text_field(label: str, *, required: bool = True, **options: Any) -> Any:
    """One line of text."""
    options.setdefault("widget", widgets.UnfoldAdminTextInputWidget)
    return forms.CharField(label=label, required=required, **options)


def zone_field(label: str, *, required: bool = True, has_list: bool = False, **options: Any) -> Any:
    """A time zone; browsers complete it from the page's list of id ``zones``.

    ``has_list``: the field brings the list; it must be the only one of the page.
    """
    widget_class = ZoneInput if has_list else widgets.UnfoldAdminTextInputWidget
    options["widget"] = widget_class(attrs={"list": "zones", "autocomplete": "off"})
    options["help_text"] = options.get("help_text") or "Type the city of the zone, or a part of it, such as York."
    return ZoneField(label=label, required=required, max_length=100, **options)


def choice_field(label: str, choices: Any, *, required: bool = True, **options: Any) -> Any:
    """One of several values; without a choice None."""
    all_choices = list(choices) if required else [("", "—"), *choices]
    widget = widgets.UnfoldAdminSelectWidget
    return forms.TypedChoiceField(
        label=label, choices=all_choices, required=required, empty_value=None, widget=widget, **options
    )


def multiple_choice_field(label: str, choices: Any, **options: Any) -> Any:
    """Any of several values."""
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget
    return forms.MultipleChoiceField(label=label, choices=choices, required=False, widget=widget, **options)


def switch_field(label: str, **options: Any) -> Any:
    """Yes or no."""
    return forms.BooleanField(label=label, required=False, widget=widgets.UnfoldBooleanSwitchWidget, **options)


def number_field(label: str, *, required: bool = False, **options: Any) -> Any:
    """A whole number."""
    return forms.IntegerField(label=label, required=required, widget=widgets.UnfoldAdminIntegerFieldWidget, **options)


def related_record_field(text: forms.Field, foreign_key: Any, customer_id: str) -> Any:
    """A field that finds another record by its name, in place of a text field for the id."""
    widget = CustomerAutocompleteSelect(foreign_key, admin.site)
    widget.customer_id = customer_id
    records = foreign_key.remote_field.model.objects.filter(customer_id=customer_id)
    options: dict[str, Any] = {"label": text.label, "required": text.required, "help_text": text.help_text}
    return forms.ModelChoiceField(records, widget=widget, **options)


class CustomerAutocompleteSelect(AutocompleteSelect):
    """Completes names of the records of one customer."""

    customer_id: str

    def get_url(self) -> str:
        return f"{super().get_url()}?{urlencode({'customer': self.customer_id})}"


class ZoneInput(widgets.UnfoldAdminTextInputWidget):
    """A text field with the list of zones from which browsers complete it."""

    def render(self, *args: Any, **kwargs: Any) -> Any:
        zones = format_html_join("", '<option value="{}"></option>', ((name,) for name in zone_names.list_places()))
        return format_html('{}<datalist id="zones">{}</datalist>', super().render(*args, **kwargs), zones)


class ZoneField(forms.CharField):
    """A time zone by its name, or by a city or a part of one."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return zone_names.complete_city(text) if text else text


class LocalDateTimeField(forms.CharField):
    """A local date and time without offset: 2027-01-04T09:00:00."""

    def __init__(self, label: str, **options: Any) -> None:
        widget = widgets.UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        super().__init__(label=label, empty_value=None, max_length=30, widget=widget, **options)
        self.widget.input_type = "datetime-local"

    def prepare_value(self, value: Any) -> Any:
        """A datetime, or text with at least minutes, in the form of the widget."""
        text = value.isoformat() if isinstance(value, datetime) else value
        return str(text)[:16] if text else text

    def to_python(self, value: Any) -> Any:
        local_time = super().to_python(value)
        return f"{local_time}:00" if local_time and len(local_time) == 16 else local_time

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (self.prepare_value(initial) or "") != (self.prepare_value(data) or "")


class CommaSeparatedField(forms.CharField):
    """A list of texts, separated by commas."""

    def __init__(self, label: str) -> None:
        widget = widgets.UnfoldAdminTextInputWidget
        super().__init__(label=label, required=False, help_text="Separate with commas.", widget=widget)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class JSONTextField(forms.CharField):
    """A JSON document, checked as the API checks a request body."""

    def __init__(self, label: str, **options: Any) -> None:
        widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 28, "spellcheck": "false"})
        super().__init__(label=label, required=False, widget=widget, **options)

    def prepare_value(self, value: Any) -> Any:
        return json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        try:
            return strict_json.loads(value.encode()) if value else None
        except strict_json.MalformedJSON as error:
            raise ValidationError(str(error)) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.prepare_value(self.to_python(data)) != self.prepare_value(initial))
        except ValidationError:
            return True
