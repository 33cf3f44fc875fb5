"""The field of names that e-mails show."""

from typing import Any

from rest_framework import serializers

from config import names
from config.api.fields import TextField

MAX_NAME_LENGTH = 200


class NameField(TextField):
    """A name of a person, business or location: text without a web address.

    Of a change, ``is_new=False``, the domain checks that, as it knows the present name
    (`names.check_change`).
    """

    def __init__(self, *, is_new: bool = True, **options: Any) -> None:
        super().__init__(max_length=MAX_NAME_LENGTH, **options)
        self.is_new = is_new

    def to_internal_value(self, data: str) -> str:
        name = super().to_internal_value(data)
        if self.is_new and names.contains_web_address(name):
            raise serializers.ValidationError(names.WEB_ADDRESS_DETAIL, code=names.WEB_ADDRESS_IN_NAME)
        return name
