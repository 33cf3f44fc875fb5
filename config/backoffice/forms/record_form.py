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
from config.api.fields import Body
from config.backoffice.forms import form_fields

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
            for fault in problem_details.faults(error.detail, ""):
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

    typed = form_fields.text("", required=True, max_length=300)

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
