"""Phones of people: no number of Dutyline."""

from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from config import errors


class OwnNumber(errors.Conflict):
    """The phone is a number of Dutyline: calls to it would reach people of some customer."""

    code = "phone_of_dutyline"
    example_detail = "This is a number of Dutyline, not the phone of a person."
    example_pointer = "/phone"


def check_phone(phone: str) -> None:
    """Raise `OwnNumber` for a number of Dutyline."""
    is_own_number: Callable[[str], bool] = import_string(settings.IS_OWN_NUMBER)
    if is_own_number(phone):
        raise OwnNumber("This is a number of Dutyline, not the phone of a person.", pointer="/phone")
