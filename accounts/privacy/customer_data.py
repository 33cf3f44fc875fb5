"""What an export of everything has of a customer's account, people and locations."""

from collections.abc import Iterator

import orjson
from django.utils.text import slugify

from accounts import customers
from accounts.models import Customer, DeletedUser, Location, User
from accounts.privacy import export
from config.privacy.customer_data import ExportSource, read_all, read_by_index, row_of
from config.privacy.data_map import ExportRow

PEOPLE_PER_PAGE = 5
"""Whose whole personal data one step reads: of each, it may be thousands of entries."""


def _read_customer(customer_id: str) -> Iterator[Customer]:
    yield customers.get_customer(customer_id)


def _personal_data(person: User | DeletedUser) -> ExportRow:
    user = person.user() if isinstance(person, DeletedUser) else person
    return {"id": user.id, "name": user.name, "data": orjson.Fragment(export.collect_json(user))}


def _personal_file(row: ExportRow) -> str:
    """The name of a person's file; that of the person alone may occur twice."""
    return f"personal-data/{slugify(row['name'], allow_unicode=True) or 'person'}-{str(row['id'])[-6:].lower()}.json"


SOURCES = (
    ExportSource(
        "customer",
        read_all(_read_customer),
        row_of("id", "name", "status", "settings", "owner_count", "terms_announced", "created_at", "updated_at"),
    ),
    ExportSource(
        "locations",
        read_by_index(Location),
        row_of("id", "name", "address", "time_zone", "settings", "people", "created_at", "updated_at"),
    ),
    ExportSource(
        "people",
        read_by_index(User),
        row_of(
            *("id", "name", "profile_name", "email", "phone", "role", "extra", "denied", "locations", "skills"),
            *("status", "is_setup", "invited_at", "accepted_at", "created_at", "updated_at"),
        ),
    ),
    ExportSource(
        "deleted-people", read_by_index(DeletedUser), row_of("id", "name", "email", "role", "deleted_at", "erase_at")
    ),
    *(
        ExportSource(
            f"personal-data-{word}",
            read_by_index(record_class, limit=PEOPLE_PER_PAGE),
            _personal_data,
            file_name=_personal_file,
        )
        for word, record_class in (("of-people", User), ("of-deleted-people", DeletedUser))
    ),
)
