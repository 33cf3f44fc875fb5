"""The fields of forms, dressed for the back office."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.utils.http import urlencode
from unfold import widgets


def text_field(label: str, *, required: bool = False, empty_value: str | None = None, **options: Any) -> Any:
    """One line."""
    widget = widgets.UnfoldAdminTextInputWidget
    return forms.CharField(label=label, required=required, empty_value=empty_value, widget=widget, **options)


def textarea_field(label: str, *, rows: int = 6, **options: Any) -> Any:
    """Several lines."""
    widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
    return forms.CharField(label=label, required=False, widget=widget, **options)


def choice_field(label: str, choices: Any, *, required: bool = False, **options: Any) -> Any:
    """One of some values; none is null."""
    all_choices = list(choices) if required else [("", "—"), *choices]
    widget = widgets.UnfoldAdminSelectWidget
    return forms.TypedChoiceField(
        label=label, choices=all_choices, required=required, empty_value=None, widget=widget, **options
    )


def multiple_choice_field(label: str, choices: Any = (), **options: Any) -> Any:
    """Some of some values."""
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget
    return forms.MultipleChoiceField(label=label, choices=choices, required=False, widget=widget, **options)


def switch_field(label: str, **options: Any) -> Any:
    """On or off."""
    widget = widgets.UnfoldBooleanSwitchWidget
    return forms.BooleanField(label=label, required=False, widget=widget, **options)


def number_field(label: str, **options: Any) -> Any:
    """A whole number."""
    widget = widgets.UnfoldAdminIntegerFieldWidget
    return forms.IntegerField(label=label, required=False, widget=widget, **options)


class LocalDateTimeField(forms.CharField):
    """A date and time by a local clock: 2027-01-04T09:00:00."""

    def __init__(self, label: str, **options: Any) -> None:
        widget = widgets.UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        super().__init__(label=label, empty_value=None, max_length=30, widget=widget, **options)
        self.widget.input_type = "datetime-local"

    def prepare_value(self, value: Any) -> Any:
        return str(value)[:16] if value else value

    def to_python(self, value: Any) -> Any:
        local_time = super().to_python(value)
        return f"{local_time}:00" if local_time and len(local_time) == 16 else local_time

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (str(initial)[:16] if initial else "") != (str(data)[:16] if data else "")


class CommaSeparatedField(forms.CharField):
    """Words with commas between them."""

    def __init__(self, label: str, **options: Any) -> None:
        options.setdefault("help_text", "With commas between them.")
        super().__init__(label=label, required=False, widget=widgets.UnfoldAdminTextInputWidget, **options)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class CustomerAutocompleteSelect(AutocompleteSelect):
    """A box that completes names; of one customer only."""

    customer_id = "-"

    def get_url(self) -> str:
        return f"{super().get_url()}?{urlencode({'customer': self.customer_id})}"


def related_record_field(label: str, field: Any, **options: Any) -> Any:
    """Another record, found by typing its name; ``field`` is the foreign key that it is for."""
    related_model = field.remote_field.model
    return forms.ModelChoiceField(
        related_model.objects.all(), label=label, widget=CustomerAutocompleteSelect(field, admin.site), **options
    )


def limit_to_customer(field: Any, customer_id: str) -> None:
    """Let a field of `one_of` take records of one customer only."""
    field.queryset = field.queryset.filter(customer_id=customer_id)
    field.widget.customer_id = customer_id
    field.widget.choices = field.choices
