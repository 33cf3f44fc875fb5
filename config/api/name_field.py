"""The field of names that e-mails show."""

from typing import Any

from rest_framework import serializers

from config import errors, names
from config.api.fields import TextField

WEB_ADDRESS_IN_NAME = errors.define_field_code("web_address_in_name", "A name must not contain a web address.")
MAX_NAME_LENGTH = 200


class NameField(TextField):
    """A name of a person, business or location: text without a web address."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_NAME_LENGTH, **options)

    def to_internal_value(self, data: str) -> str:
        name = super().to_internal_value(data)
        if names.contains_web_address(name):
            raise serializers.ValidationError(
                "Must be a name without a web address: no “://”, no “www.”, and a blank after a dot.",
                code=WEB_ADDRESS_IN_NAME,
            )
        return name
