"""Forms that speak the API's shapes: what is typed is checked by the same bodies and rules.

A field is named as the member it stands for; two underscores lead into a member of a member
(``settings__language``). A refusal is shown at the field its pointer names.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode
from rest_framework import serializers
from unfold import widgets

from config import errors
from config.api import problems
from config.api.fields import Body

STALE = (
    "It was changed by somebody else while this page was open. Nothing was saved and nothing you "
    "typed is lost: look at what is stored now, then save again."
)
Asked = dict[str, Any]


class RecordForm(forms.ModelForm):
    """What an operator types about a record. The rules check it; the form only reads it."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    request: ClassVar[HttpRequest]
    view: ClassVar[type[serializers.Serializer[Any]]]
    """How the API shows the record."""
    new: ClassVar[type[Body]]
    changed: ClassVar[type[Body]]
    """How the API takes a new one, and a change."""
    pointers: ClassVar[Mapping[str, str]] = {}
    """Which field a refusal's pointer means, where it has another name."""
    asked: Asked

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.is_change:
            known = {**shown(self.view, self.instance.kept), **self.initial_more()}
            self.initial = {**self.initial, **known}
            self.initial["version"] = int(self.instance.kept.version)
        self.prepare()

    @property
    def is_change(self) -> bool:
        return hasattr(self.instance, "kept")

    def prepare(self) -> None:
        """Fill choices that depend on the record or the request."""

    def initial_more(self) -> Asked:
        """What fields show that are no members of the API's shape."""
        return {}

    def wire(self, given: Asked) -> Asked:
        """The body that the fields make."""
        return nested(given)

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or self.cleaned_data)
        self.asked = {}
        if self.errors:
            return values
        names = [name for name in self.fields if name != "version"]
        if self.is_change:
            names = [name for name in names if name in self.changed_data]
        given = {name: getattr(values[name], "pk", values[name]) for name in names}
        if self.is_change and not given:
            return values
        body = self.changed if self.is_change else self.new
        try:
            self.asked = body.of(self.wire(given))
        except serializers.ValidationError as error:
            for fault in problems.faults(error.detail, ""):
                self.add_error(self._field_of(fault.pointer), ValidationError(fault.detail))
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
            self._tell(refusal)

    def _tell(self, refusal: errors.Refusal) -> None:
        is_stale = isinstance(refusal, errors.PreconditionFailed)
        if is_stale:
            self._show_what_is_stored()
        told = [(self._field_of(fault.pointer), fault.detail) for fault in refusal.faults]
        if not told or is_stale:
            told.insert(0, (None, STALE if is_stale else refusal.detail))
        for name, sentence in told:
            self.add_error(name, ValidationError(sentence))

    def _show_what_is_stored(self) -> None:
        changed = [name for name in self.changed_data if name != "version"]
        if isinstance(self.data, QueryDict):
            given = self.data.copy()
            given["version"] = str(self.instance.kept.version)
            self.data = given
        for name in changed:
            now = self.get_initial_for_field(self.fields[name], name)
            self.add_error(name, ValidationError(f"Stored now: {told(now) or 'nothing'}."))

    def _field_of(self, pointer: str) -> str | None:
        parts = pointer.lstrip("/?").split("/")
        for length in range(len(parts), 0, -1):
            name = "__".join(parts[:length])
            name = self.pointers.get(name, name)
            if name in self.fields:
                return name
        return None


def shown(view: type[serializers.Serializer[Any]], record: Any) -> Asked:
    """A record as the API shows it, with members of members as fields are named."""
    return dict(_flat(view(record).data))


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}__")
        else:
            yield before + name, value


def nested(given: Asked) -> Asked:
    """Fields as members of members."""
    made: Asked = {}
    for name, value in given.items():
        *path, last = name.split("__")
        inside = made
        for part in path:
            inside = inside.setdefault(part, {})
        inside[last] = value
    return made


def told(value: Any) -> str:
    """A value as a sentence shows it."""
    if isinstance(value, list | tuple | set):
        return ", ".join(str(part) for part in value)
    return "" if value is None else str(value)


class TypedName(forms.Form):
    """Typing a name confirms what cannot be undone."""

    typed = forms.CharField(max_length=300, widget=widgets.UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, name: str, **more: Any) -> None:
        super().__init__(*args, **more)
        self.name = name
        self.fields["typed"].label = f"Type “{name}” to confirm"

    def clean_typed(self) -> str:
        """Exactly the name."""
        given = str(self.cleaned_data["typed"])
        if given != self.name.strip():
            raise ValidationError("That is another name.")
        return given


# --- fields ---------------------------------------------------------------------------------------
def text(label: str, *, required: bool = False, empty: str | None = None, **more: Any) -> Any:
    """One line."""
    widget = widgets.UnfoldAdminTextInputWidget
    return forms.CharField(label=label, required=required, empty_value=empty, widget=widget, **more)


def area(label: str, *, rows: int = 6, **more: Any) -> Any:
    """Several lines."""
    widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": rows, "spellcheck": "false"})
    return forms.CharField(label=label, required=False, widget=widget, **more)


def choice(label: str, choices: Any, *, required: bool = False, **more: Any) -> Any:
    """One of some values; none is null."""
    given = list(choices) if required else [("", "—"), *choices]
    widget = widgets.UnfoldAdminSelectWidget
    return forms.TypedChoiceField(
        label=label, choices=given, required=required, empty_value=None, widget=widget, **more
    )


def several(label: str, choices: Any = (), **more: Any) -> Any:
    """Some of some values."""
    widget = widgets.UnfoldAdminCheckboxSelectMultipleWidget
    return forms.MultipleChoiceField(
        label=label, choices=choices, required=False, widget=widget, **more
    )


def switch(label: str, **more: Any) -> Any:
    """On or off."""
    widget = widgets.UnfoldBooleanSwitchWidget
    return forms.BooleanField(label=label, required=False, widget=widget, **more)


def number(label: str, **more: Any) -> Any:
    """A whole number."""
    widget = widgets.UnfoldAdminIntegerFieldWidget
    return forms.IntegerField(label=label, required=False, widget=widget, **more)


class WallTime(forms.CharField):
    """A date and time by a local clock: 2027-01-04T09:00:00."""

    def __init__(self, label: str, **more: Any) -> None:
        widget = widgets.UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"})
        super().__init__(label=label, empty_value=None, max_length=30, widget=widget, **more)
        self.widget.input_type = "datetime-local"

    def prepare_value(self, value: Any) -> Any:
        return str(value)[:16] if value else value

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return f"{text}:00" if text and len(text) == 16 else text

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (str(initial)[:16] if initial else "") != (str(data)[:16] if data else "")


class Words(forms.CharField):
    """Words with commas between them."""

    def __init__(self, label: str, **more: Any) -> None:
        more.setdefault("help_text", "With commas between them.")
        super().__init__(
            label=label, required=False, widget=widgets.UnfoldAdminTextInputWidget, **more
        )

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != self.to_python(data)


class Completing(AutocompleteSelect):
    """A box that completes names; of one customer only."""

    customer_id = "-"

    def get_url(self) -> str:
        return f"{super().get_url()}?{urlencode({'customer': self.customer_id})}"


def one_of(label: str, field: Any, **more: Any) -> Any:
    """Another record, found by typing its name; ``field`` is the foreign key that it is for."""
    related = field.remote_field.model
    return forms.ModelChoiceField(
        related.objects.all(), label=label, widget=Completing(field, admin.site), **more
    )


def confine(field: Any, customer_id: str) -> None:
    """Let a field of `one_of` take records of one customer only."""
    field.queryset = field.queryset.filter(customer_id=customer_id)
    field.widget.customer_id = customer_id
    field.widget.choices = field.choices
