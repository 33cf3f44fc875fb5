"""PynamoDB attributes as Django fields."""

from typing import Any
from urllib.parse import quote, unquote

from django.db import models
from pynamodb import attributes

from config import dynamodb

MAX_KEY_LENGTH = 256
_LABELS = {
    "accepted_at": "accepted",
    "created_at": "created",
    "due_at": "due",
    "email": "e-mail",
    "first_due_at": "first due",
    "found_at": "found",
    "release_at": "released on",
    "sid": "Twilio SID",
    "updated_at": "last changed",
}
"""Of attributes whose names are not what operators call them."""


class CompositeKey(models.CharField):
    """A key of two parts as one string: ``hash~range``, each part percent-quoted."""

    @staticmethod
    def join(*parts: object) -> str:
        return "~".join(quote(str(part), safe="").replace("~", "%7E") for part in parts)

    @staticmethod
    def split(value: object) -> list[str]:
        return [unquote(part) for part in str(value).split("~")]


def field_for(attribute: attributes.Attribute[Any]) -> models.Field | None:
    """The field for an attribute; None for encrypted ones, which are never shown."""
    options: dict[str, Any] = {"null": attribute.null, "blank": True}
    if label := _LABELS.get(str(attribute.attr_name)):
        options["verbose_name"] = label
    if isinstance(attribute, attributes.BinaryAttribute):
        return None
    if isinstance(attribute, dynamodb.Timestamp):
        return models.DateTimeField(**options)
    if isinstance(attribute, attributes.BooleanAttribute):
        return models.BooleanField(**options)
    if isinstance(attribute, attributes.NumberAttribute):
        return models.BigIntegerField(**options)
    if isinstance(attribute, attributes.UnicodeAttribute):
        return models.CharField(max_length=MAX_KEY_LENGTH, **options)
    return models.JSONField(**options)


def to_field_value(value: Any) -> Any:
    """A record's value in the field's type."""
    if isinstance(value, set | frozenset):
        return sorted(value)
    return list(value) if isinstance(value, tuple) else value
