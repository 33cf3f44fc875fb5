"""Forms over API bodies: the body checks what is typed, and a domain function saves it.

A field has the name of the body's member; two underscores lead into a nested member
(``settings__language``). An error is shown at the field that its pointer names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from rest_framework import serializers

from config import dynamodb, errors, journal
from config.api import problem_details
from config.api.fields import StrictSerializer
from config.backoffice.forms import form_fields
from config.backoffice.middleware import UNAVAILABLE_ADVICE

STALE_MESSAGE = (
    "Somebody else changed this record while you were editing it. Nothing was saved yet: compare your "
    "values with the stored ones, then save again."
)
FieldValues = dict[str, Any]


class RecordForm(forms.ModelForm):
    """A form with fields derived from the API bodies that create and change a record."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    request: ClassVar[HttpRequest]
    view_serializer: ClassVar[type[serializers.Serializer[Any]]]
    create_body: ClassVar[type[StrictSerializer]]
    change_body: ClassVar[type[StrictSerializer]]
    labels: ClassVar[Mapping[str, str]] = {}
    """Labels that differ from the field's name in words."""
    help_texts: ClassVar[Mapping[str, str]] = {}
    choices: ClassVar[Mapping[str, Any]] = {}
    """Choices of list fields, or that replace those of the body."""
    aliases: ClassVar[Mapping[str, str]] = {}
    """Fields by the name that the API's view and error pointers have for them."""
    body: FieldValues

    @classmethod
    def for_page(cls, request: HttpRequest, model: Any, names: Sequence[str], *, is_change: bool) -> Any:
        """The form with the fields of a page: those declared, and the others from the body."""
        members: Any = (cls.change_body if is_change else cls.create_body)().fields
        hidden = dict.fromkeys(set(cls.base_fields) - set(names))  # None removes a declared field
        generated = {name: cls._build_field(name, members) for name in names if name not in cls.base_fields}
        form_class = type(cls.__name__, (cls,), {"request": request, **hidden, **generated})
        return forms.modelform_factory(model, form=form_class, fields=())

    @classmethod
    def _build_field(cls, name: str, members: Any) -> Any:
        *path, last = name.split("__")
        for part in path:
            members = members[part].fields
        label = cls.labels.get(name) or form_fields.label_for(name)
        help_text = cls.help_texts.get(name, "")
        return form_fields.for_member(members[last], label, cls.choices.get(name), help_text=help_text)

    @classmethod
    def stored_values(cls, record: Any) -> FieldValues:
        """A record's values by field, as the API shows them."""
        data = cls.view_serializer(record).data
        values = {**data, **dict(_flatten(data))}
        return values | {field: values[name] for name, field in cls.aliases.items()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.is_change:
            self._load_initial()
        for foreign_key in self._meta.model._meta.concrete_fields:
            name = f"{foreign_key.name}Id"
            if foreign_key.remote_field and name in self.fields:
                self.fields[name] = form_fields.related_record_field(self.fields[name], foreign_key, self.customer_id)
        self.prepare_fields()
        self._restore_unsent(getattr(self.request, "unsent_form", None))

    def _load_initial(self) -> None:
        record = self.instance.record
        self.initial = {**self.initial, **self.stored_values(record), "version": int(record.version)}

    def _restore_unsent(self, unsent: QueryDict | None) -> None:
        """Show what was typed before the session ended, with its version: it may be outdated."""
        if unsent is not None and not self.is_bound:
            files: Any = {}
            typed = {name: f.widget.value_from_datadict(unsent, files, name) for name, f in self.fields.items()}
            self.initial = {**self.initial, **typed}

    @property
    def is_change(self) -> bool:
        return hasattr(self.instance, "record")

    @property
    def customer_id(self) -> str:
        """The customer of the record, or the one that the page was opened for."""
        if not self.is_change:
            return self.request.GET.get("customer_id", "")
        return str(getattr(self.instance.record, "customer_id", self.instance.pk))

    @property
    def precondition(self) -> journal.Precondition:
        """The record has the version that the page showed."""
        value = self.cleaned_data.get("version")
        return journal.Precondition([int(value)] if value is not None else None)

    def prepare_fields(self) -> None:
        """Set choices that depend on the record or the request."""

    def to_body(self, field_values: FieldValues) -> FieldValues:
        """The request body for the values of fields. May raise `serializers.ValidationError`."""
        return to_nested(field_values)

    def save_record(self) -> dynamodb.Record:
        """Create or change the record from ``self.body``. Raises `errors.DomainError`."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or self.cleaned_data)
        self.body = {}
        if self.errors:
            return values
        field_values = {name: getattr(value, "pk", value) for name, value in values.items() if name != "version"}
        if self.is_change:
            field_values = {name: value for name, value in field_values.items() if name in self.changed_data}
            if not field_values:
                return values
        else:
            field_values = {name: value for name, value in field_values.items() if value not in (None, [], "", False)}
        body_class = self.change_body if self.is_change else self.create_body
        identity = {"id": self.instance.pk, "customerId": self.customer_id}
        try:
            identity = {name: value for name, value in identity.items() if name in body_class().fields}
            self.body = body_class.parse(identity | self.to_body(field_values))
        except serializers.ValidationError as error:
            for field_error in problem_details.to_field_errors(error.detail, ""):
                self._add_field_error(field_error)
        for name in ("id", "customer_id"):
            self.body.pop(name, None)
        return values

    def _post_clean(self) -> None:
        """Save; a refusal of the domain function becomes errors of this form."""
        if self.errors:
            return
        try:
            record = self.save_record()
        except errors.DomainError as error:
            if isinstance(error, errors.Unavailable):
                self.add_error(None, self.unavailable_text(error))
            elif error.status >= 500:
                raise
            else:
                self._add_domain_error(error)
        else:
            self.instance.__dict__.update(self.instance.from_record(record).__dict__)

    def _add_domain_error(self, error: errors.DomainError) -> None:
        if isinstance(error, errors.PreconditionFailed):
            self.add_error(None, STALE_MESSAGE)
            self._show_stored_values()
        elif not error.field_errors:
            self.add_error(None, error.detail)
        for field_error in error.field_errors:
            self._add_field_error(field_error)

    def _show_stored_values(self) -> None:
        """Name the stored value at each changed field, and let the next save replace it."""
        changed_names = [name for name in self.changed_data if name != "version"]
        if stored := self.instance.get(self.instance.pk):
            self.instance.__dict__.update(stored.__dict__)
            self._load_initial()
        if isinstance(self.data, QueryDict):
            self.data = self.data.copy()
            self.data["version"] = str(self.instance.record.version)
        for name in changed_names:
            value = self.fields[name].prepare_value(self.get_initial_for_field(self.fields[name], name))
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            self.add_error(name, f"Stored value: {'none' if text in (None, '') else text}.")

    def _add_field_error(self, field_error: errors.FieldError) -> None:
        """Show an error at the field of its pointer, or above the form."""
        parts = field_error.pointer.lstrip("/?").split("/")
        for length in range(len(parts), 0, -1):
            name = "__".join(parts[:length])
            name = self.aliases.get(name, name)
            if name in self.fields:
                self.add_error(name, self.error_text(self._with_labels(field_error.detail), "/".join(parts[length:])))
                return
        self.add_error(None, self._with_labels(field_error.detail))

    def _with_labels(self, detail: str) -> str:
        """A sentence of the API, in which fields have the names that the form shows."""

        def to_label(match: re.Match[str]) -> str:
            field = self.fields.get(self.aliases.get(match[1], match[1]))
            return f"“{field.label}”" if field else match[0]

        return re.sub(r"`(\w{1,40})`", to_label, detail)

    def unavailable_text(self, error: errors.Unavailable) -> str:
        """What the form says where a vendor does not answer."""
        return f"{error.detail} {UNAVAILABLE_ADVICE}"

    def error_text(self, detail: str, path: str) -> str:
        """An error as its field shows it; ``path`` leads to the place within the field's value."""
        return detail


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


class ConfirmNameForm(forms.Form):
    """Asks for a name, to confirm what cannot be undone."""

    typed = form_fields.text_field("", max_length=300)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["typed"].label = f"Type “{name}” to confirm"

    def clean_typed(self) -> str:
        """Exactly the name."""
        typed_name = str(self.cleaned_data["typed"])
        if typed_name != self.name.strip():
            raise ValidationError("The name does not match.")
        return typed_name
