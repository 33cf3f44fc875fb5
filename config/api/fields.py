"""Strict serializer fields, and serializers that refuse unknown fields."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from itertools import islice
from typing import Any, ClassVar

from django.core.validators import MaxLengthValidator, ProhibitNullCharactersValidator
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.validators import ProhibitSurrogateCharactersValidator

from config import errors, zone_names
from config.api.number_fields import LimitField
from config.text import RAW_LENGTH_FACTOR, TextTooLong, clean_text


class InvalidQuery(serializers.ValidationError):
    """The query is invalid, not the body."""


OWN_CUSTOMER_HELP = "Must be the signed-in user's customer, which is the default."
"""Of the query parameter `customerId`."""


class StrictSerializer(serializers.Serializer[Any]):
    """A request body or query that refuses unknown fields.

    Two fields with one source are two names of one value: a body may have either, or both if they
    agree.
    """

    default_error_messages = {"invalid": "Must be a JSON object."}
    noun: ClassVar[str] = "field"
    """What a client calls one of its members."""
    record_view: ClassVar[type[serializers.Serializer[Any]] | None] = None
    """Of a body that changes a record: how GET shows it. Its other members may be sent back, too:
    `config.api.read_precondition` refuses those that differ from the stored record."""
    read_only_aliases: ClassVar[Mapping[str, str]] = {}
    """Further names of members of ``record_view``."""

    @classmethod
    def parse(cls, data: Any) -> dict[str, Any]:
        """The validated values. Raises ValidationError."""
        if data is None:
            raise serializers.ValidationError({"non_field_errors": [cls.default_error_messages["invalid"]]})
        return dict(_shared_instance(cls).run_validation(data))

    @classmethod
    def parse_query(cls, request: Request) -> dict[str, Any]:
        """The validated query parameters. Raises InvalidQuery, also for repeated parameters.

        Ignores parameters that begin with an underscore or ``utm_``, as caches and campaigns do.
        """
        names = [name for name in request.query_params if not name.startswith(("_", "utm_"))]
        if repeated := [name for name in names if len(request.query_params.getlist(name)) > 1]:
            raise InvalidQuery(
                {name: ["Send this parameter once."] for name in repeated[: errors.MAX_FIELD_ERRORS + 1]}
            )
        try:
            return cls.parse({name: request.query_params[name] for name in names})
        except serializers.ValidationError as error:
            raise InvalidQuery(error.detail) from error

    @classmethod
    def read_only_values(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The members that the record has and this body cannot change, by name of the body."""
        known = _read_only_names(cls)
        return {name: value for name, value in data.items() if name in known}

    def to_internal_value(self, data: Any) -> Any:
        """Report the errors together, unknown fields included: as many as an answer lists."""
        names = data if isinstance(data, Mapping) else {}
        read_only = self.read_only_values(names)
        unknown_names = (name for name in names if name not in self.fields and name not in read_only)
        field_errors: dict[str, Any] = {
            name: [ErrorDetail(f"Unknown {self.noun}{errors.did_you_mean(name, self.fields)}", code="unknown")]
            for name in islice(unknown_names, errors.MAX_FIELD_ERRORS + 1)
        }
        try:
            values = self._validate_members(data) if isinstance(data, Mapping) else super().to_internal_value(data)
        except serializers.ValidationError as error:
            field_errors = {**(error.detail if isinstance(error.detail, dict) else {}), **field_errors}
        if field_errors:
            raise serializers.ValidationError(field_errors)
        self._check_names_agree(data)
        return values

    def run_validators(self, value: Any) -> None:
        if self.validators:  # of the body as a whole: REST framework gathers defaults for them first
            super().run_validators(value)

    def _validate_members(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """As REST framework does, in a third of the calls: most members need not be sent."""
        values: dict[str, Any] = {}
        field_errors: dict[str, Any] = {}
        for name, field, validate_method in self._writable_members:
            if name not in data and not field.required and field.default is serializers.empty:
                continue
            try:
                value = field.run_validation(field.get_value(data))
                self.set_value(values, field.source_attrs, validate_method(value) if validate_method else value)
            except serializers.ValidationError as error:
                field_errors[name] = error.detail
        if field_errors:
            raise serializers.ValidationError(field_errors)
        return values

    @cached_property
    def _writable_members(self) -> list[tuple[str, Any, Callable[[Any], Any] | None]]:
        """Names and fields, and the methods ``validate_…`` of this class."""
        writable = ((name, field) for name, field in self.fields.items() if not field.read_only)
        return [(name, field, getattr(self, f"validate_{name}", None)) for name, field in writable]

    def _check_names_agree(self, data: Mapping[str, Any]) -> None:
        names_by_source: dict[str, str] = {}
        for name in _names_of_shared_sources(type(self)):
            field = self.fields[name]
            other = names_by_source.setdefault(str(field.source), name) if name in data else name
            if other != name and field.run_validation(data[name]) != field.run_validation(data[other]):
                raise serializers.ValidationError({name: [f"Differs from `{other}`; send one of them."]})


@cache
def _shared_instance(serializer: type[StrictSerializer]) -> StrictSerializer:
    """One for all requests and threads: validating keeps nothing in it; fields are slow to make."""
    shared = serializer()
    shared.fields  # noqa: B018 - made before threads share it
    return shared


@cache
def _read_only_names(body: type[StrictSerializer]) -> frozenset[str]:
    shown = field_names(body.record_view) if body.record_view else ()
    return frozenset({*shown, *body.read_only_aliases} - field_names(body))


@cache
def _names_of_shared_sources(serializer: type[StrictSerializer]) -> list[str]:
    """The fields that have one source with another field."""
    fields = _shared_instance(serializer).fields
    counts = Counter(str(field.source) for field in fields.values())
    return [name for name, field in fields.items() if counts[str(field.source)] > 1]


@cache
def field_names(serializer: type[serializers.Serializer[Any]]) -> frozenset[str]:
    """The names of a serializer's fields."""
    return frozenset(serializer().fields)


class StrictQuery(StrictSerializer):
    """Query parameters; none of its own."""

    noun = "query parameter"


_RULES_OF_CLEAN_TEXT = (ProhibitNullCharactersValidator, ProhibitSurrogateCharactersValidator)
"""What `clean_text` refuses already: REST framework looks at each character once more."""


class TextField(serializers.CharField):
    """A string, trimmed and normalized to NFC; refuses what `config.text` does.

    What is longer in any form is refused before it is looked at; subclasses get at most
    ``max_length`` characters.
    """

    is_multiline = False

    max_length: int

    def __init__(self, *, max_length: int, **options: Any) -> None:
        super().__init__(max_length=max_length, **options)
        self.validators = [rule for rule in self.validators if not isinstance(rule, _RULES_OF_CLEAN_TEXT)]

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is not serializers.empty and data is not None and not isinstance(data, str):
            raise serializers.ValidationError("Must be a string.", code="invalid")
        if isinstance(data, str) and len(data) > self.max_length * RAW_LENGTH_FACTOR:
            self.fail("max_length", max_length=self.max_length)
        if not isinstance(data, str) or not data.strip() or self.read_only:
            return super().run_validation(data)
        value = self.to_internal_value(data)  # what is left of REST framework's for a text that is not blank
        if self._further_validators:
            self.run_validators(value)
        return value

    @cached_property
    def _further_validators(self) -> list[Any]:
        """Those that look at more than the length, which `clean_text` has looked at."""
        return [rule for rule in self.validators if not isinstance(rule, MaxLengthValidator)]

    def to_internal_value(self, data: str) -> str:
        try:
            return clean_text(data, max_length=self.max_length, is_multiline=self.is_multiline)
        except TextTooLong:
            self.fail("max_length", max_length=self.max_length)
        except ValueError as error:
            raise serializers.ValidationError(str(error), code="invalid") from error


class MultilineTextField(TextField):
    """A `TextField` of several lines."""

    is_multiline = True


class PhoneTextField(TextField):
    """A phone number as it is copied: without the direction marks that contact lists have."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        is_short = isinstance(data, str) and len(data) <= self.max_length * RAW_LENGTH_FACTOR
        return super().run_validation(data.translate(_DIRECTION_MARKS) if is_short else data)


_DIRECTION_MARKS = dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class TextListField(serializers.ListField):
    """A list of strings; drops duplicates."""

    def __init__(self, *, max_item_length: int, max_items: int, **options: Any) -> None:
        super().__init__(child=TextField(max_length=max_item_length), max_length=max_items, **options)
        self.max_items = max_items

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list):
            raise serializers.ValidationError("Must be a list of strings.", code="invalid")
        items = {item if isinstance(item, str) else index: item for index, item in enumerate(data)}
        if len(items) > self.max_items:  # before each is checked
            self.fail("max_length", max_length=self.max_items)
        return list(dict.fromkeys(super().to_internal_value(list(items.values()))))


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean; refuses numbers and strings."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise serializers.ValidationError("Must be true or false.", code="invalid")
        return data


class StrictChoiceField(serializers.ChoiceField):
    """One of a set of strings."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in self.choices:
            raise serializers.ValidationError(f"Must be one of {', '.join(self.choices)}.", code="invalid_choice")
        return data


class TimeZoneField(TextField):
    """A time zone by any name that `config.zone_names` knows; the value is the canonical one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=zone_names.MAX_LENGTH, **options)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        name = zone_names.find_canonical_name(text)
        if name is None:
            detail = zone_names.describe_unknown(text)
            raise serializers.ValidationError(detail, code=zone_names.UNKNOWN_TIME_ZONE)
        return name


class PageQuery(StrictQuery):
    """The query of a paginated list."""

    limit = LimitField(maximum=1000, default=1000)
    cursor = TextField(required=False, max_length=2000, help_text="`nextCursor` of the previous page.")


class NextCursorField(serializers.CharField):
    """The cursor of the next page; null at the end."""

    def __init__(self) -> None:
        super().__init__(allow_null=True, help_text="Send as `cursor` to get the next page; null at the end.")


class EmptyBody(StrictSerializer):
    """No body, or an empty object."""


class DeletedRecord(serializers.Serializer[Any]):
    """A deleted record."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["removed"], help_text="Confirms the deletion.")
