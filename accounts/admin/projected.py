"""Records of accounts as Django models."""

from django.db import models

from accounts import models as records
from accounts import permissions
from config.backoffice.records.models import Projection


def to_choices(*values: str) -> list[tuple[str, str]]:
    """Choices of a field, labelled with their capitalized values."""
    return [(value, value.capitalize()) for value in values]


LANGUAGE_CHOICES = [("en", "English"), ("de", "German"), ("es", "Spanish")]


class Customer(Projection, record=records.Customer):
    """A customer."""

    status = models.CharField(max_length=20, choices=to_choices(*records.CUSTOMER_STATUSES, *records.DELETED_STATUSES))


class Location(Projection, record=records.Location):
    """A location of a customer."""


class User(Projection, record=records.User):
    """A person of a customer."""

    role = models.CharField(max_length=20, choices=to_choices(*reversed(permissions.ROLES)))
    status = models.CharField(max_length=20, choices=to_choices(*records.USER_STATUSES))

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return f"{self.record.name} <{self.record.email}>"


class DeletedUser(Projection, record=records.DeletedUser):
    """A deleted person of a customer."""

    least_selective_key = "listed"

    class Meta:
        verbose_name = "deleted person"
        verbose_name_plural = "deleted people"

    def __str__(self) -> str:
        return f"{self.record.name} <{self.record.email}>"


class TermsAcceptance(Projection, record=records.TermsAcceptance):
    """The proof that a person accepted the terms."""

    def __str__(self) -> str:
        return f"{self.record.user_id}, terms of {self.record.version}"
