"""How the people and locations of a customer are erased, here and at Auth0."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from accounts import permissions
from accounts.models import CustomerExport, DeletedUser, Location, User
from accounts.privacy import customer_export
from accounts.users import delete, erase
from config import dynamodb, errors
from config.privacy.customer_data import read_all, read_by_index
from config.privacy.customer_erasure import Erasure, ErasureStep

PEOPLE_AT_ONCE = 5
"""Each is a request to Auth0."""


def _erase_people(people: Sequence[User], erasure: Erasure) -> None:
    actor = permissions.system_actor(erasure.customer_id)
    for user in people:
        with suppress(errors.NotFound):  # a creation that Auth0 refused is withdrawn
            delete.delete_user(str(user.id), actor=actor, at=erasure.at, erases_now=True)
        erasure.save_point()


def _erase_deleted_people(people: Sequence[DeletedUser], erasure: Erasure) -> None:
    actor = permissions.system_actor(erasure.customer_id)
    for deleted in people:
        with suppress(errors.NotFound):
            erase.erase_deleted_user(str(deleted.id), actor=actor, at=erasure.at)
        erase.erase_afterwards(str(deleted.id))
        erasure.save_point()


def _iter_exports(customer_id: str) -> Iterator[CustomerExport]:
    if export := dynamodb.get_record(CustomerExport, customer_id):
        yield export


def _forget_exports(exports: Sequence[Any], erasure: Erasure) -> None:
    for export in exports:
        customer_export.forget(erasure.customer_id, str(export.id))


STEPS = (
    ErasureStep("people", 30, read_by_index(User, limit=PEOPLE_AT_ONCE), _erase_people),
    ErasureStep("deleted-people", 31, read_by_index(DeletedUser, limit=PEOPLE_AT_ONCE), _erase_deleted_people),
    ErasureStep("personal-data-of-people", 0, None),
    ErasureStep("personal-data-of-deleted-people", 0, None),
    ErasureStep("locations", 80, read_by_index(Location)),
    ErasureStep("exports", 90, read_all(_iter_exports), _forget_exports),
    ErasureStep("customer", 0, None),  # comes last: `customer_deletion`
)
