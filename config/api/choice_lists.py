"""A field of several words of a set, in a query."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from config.api.fields import TextField


class ChoiceListField(TextField):
    """Words of a set in a query, separated by commas; in the order of the set, each once."""

    def __init__(self, *, choices: Iterable[str], help_text: str, **options: Any) -> None:
        self.choices = tuple(choices)
        text = f"{help_text} One or more of {', '.join(self.choices)}, separated by commas."
        super().__init__(max_length=sum(len(word) + 2 for word in self.choices), help_text=text, **options)

    def to_internal_value(self, data: str) -> Any:
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        if not set(words) <= set(self.choices):
            detail = f"Must be one or more of {', '.join(self.choices)}, separated by commas."
            raise serializers.ValidationError(detail, code="invalid_choice")
        return tuple(choice for choice in self.choices if choice in words)
