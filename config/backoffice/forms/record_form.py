"""Forms that speak the API's shapes: what is typed is checked by the same bodies and rules.

A field is named as the member it stands for; two underscores lead into a member of a member
(``settings__language``). A refusal is shown at the field its pointer names.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from rest_framework import serializers

from config import errors
from config.api import problem_details
from config.api.fields import StrictSerializer
from config.backoffice.forms import form_fields

STALE_MESSAGE = (
    "It was changed by somebody else while this page was open. Nothing was saved and nothing you "
    "typed is lost: look at what is stored now, then save again."
)
FieldValues = dict[str, Any]


class RecordForm(forms.ModelForm):
    """What an operator types about a record. The rules check it; the form only reads it."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    request: ClassVar[HttpRequest]
    view_serializer: ClassVar[type[serializers.Serializer[Any]]]
    """How the API shows the record."""
    create_body: ClassVar[type[StrictSerializer]]
    change_body: ClassVar[type[StrictSerializer]]
    """How the API takes a new one, and a change."""
    pointer_fields: ClassVar[Mapping[str, str]] = {}
    """Which field a refusal's pointer means, where it has another name."""
    body: FieldValues

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_change:
            stored_values = {**view_values(self.view_serializer, self.instance.record), **self.extra_initial()}
            self.initial = {**self.initial, **stored_values}
            self.initial["version"] = int(self.instance.record.version)
        self.prepare_fields()

    @property
    def is_change(self) -> bool:
        return hasattr(self.instance, "record")

    def prepare_fields(self) -> None:
        """Fill choices that depend on the record or the request."""

    def extra_initial(self) -> FieldValues:
        """What fields show that are no members of the API's shape."""
        return {}

    def to_body(self, field_values: FieldValues) -> FieldValues:
        """The body that the fields make."""
        return to_nested(field_values)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or self.cleaned_data)
        self.body = {}
        if self.errors:
            return values
        names = [name for name in self.fields if name != "version"]
        if self.is_change:
            names = [name for name in names if name in self.changed_data]
        field_values = {name: getattr(values[name], "pk", values[name]) for name in names}
        if self.is_change and not field_values:
            return values
        body_class = self.change_body if self.is_change else self.create_body
        try:
            self.body = body_class.parse(self.to_body(field_values))
        except serializers.ValidationError as error:
            for fault in problem_details.to_field_errors(error.detail, ""):
                self.add_error(self._field_for_pointer(fault.pointer), ValidationError(fault.detail))
        return values

    @property
    def versions(self) -> list[int] | None:
        """The version that the page showed."""
        value = self.cleaned_data.get("version")
        return [int(value)] if value is not None else None

    def _post_clean(self) -> None:
        """No checks of Django's: the refusal of the rule, if this form was refused before."""
        refusal = getattr(self.request, "refusal", None)
        if refusal is not None:
            self._add_refusal_errors(refusal)

    def _add_refusal_errors(self, refusal: errors.DomainError) -> None:
        is_stale = isinstance(refusal, errors.PreconditionFailed)
        if is_stale:
            self._show_stored_values()
        messages = [(self._field_for_pointer(fault.pointer), fault.detail) for fault in refusal.field_errors]
        if not messages or is_stale:
            messages.insert(0, (None, STALE_MESSAGE if is_stale else refusal.detail))
        for name, message in messages:
            self.add_error(name, ValidationError(message))

    def _show_stored_values(self) -> None:
        changed_names = [name for name in self.changed_data if name != "version"]
        if isinstance(self.data, QueryDict):
            data = self.data.copy()
            data["version"] = str(self.instance.record.version)
            self.data = data
        for name in changed_names:
            stored_value = self.get_initial_for_field(self.fields[name], name)
            self.add_error(name, ValidationError(f"Stored now: {to_text(stored_value) or 'nothing'}."))

    def _field_for_pointer(self, pointer: str) -> str | None:
        parts = pointer.lstrip("/?").split("/")
        for length in range(len(parts), 0, -1):
            name = "__".join(parts[:length])
            name = self.pointer_fields.get(name, name)
            if name in self.fields:
                return name
        return None


def view_values(view: type[serializers.Serializer[Any]], record: Any) -> FieldValues:
    """A record as the API shows it, with members of members as fields are named."""
    return dict(_flatten(view(record).data))


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}__")
        else:
            yield prefix + name, value


def to_nested(field_values: FieldValues) -> FieldValues:
    """Fields as members of members."""
    body: FieldValues = {}
    for name, value in field_values.items():
        *path, last = name.split("__")
        target = body
        for part in path:
            target = target.setdefault(part, {})
        target[last] = value
    return body


def to_text(value: Any) -> str:
    """A value as a sentence shows it."""
    if isinstance(value, list | tuple | set):
        return ", ".join(str(part) for part in value)
    return "" if value is None else str(value)


class ConfirmNameForm(forms.Form):
    """Typing a name confirms what cannot be undone."""

    typed = form_fields.text_field("", required=True, max_length=300)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["typed"].label = f"Type “{name}” to confirm"

    def clean_typed(self) -> str:
        """Exactly the name."""
        typed_name = str(self.cleaned_data["typed"])
        if typed_name != self.name.strip():
            raise ValidationError("That is another name.")
        return typed_name
