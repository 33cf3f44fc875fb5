"""What the admin pages of all apps share: operators as actors, their forms and their buttons."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest

from accounts import customers, locations, permissions
from accounts.permissions import Actor
from config.backoffice import operators
from config.backoffice.forms.record_form import RecordForm


def operator_actor(request: HttpRequest, customer_id: str) -> Actor:
    """The operator of a request, acting for a customer with the rights of their group.

    Raises `customers.CustomerDeleted` if the request may change what a deleted customer has.
    """
    if request.method == "POST":
        customers.require_not_deleted(customer_id)
    return leaving_actor(request, customer_id)


def leaving_actor(request: HttpRequest, customer_id: str) -> Actor:
    """The same, for what operators do with deleted customers, too."""
    return permissions.operator_actor(operators.author_of(request, customer_id), operators.rights_of(request.user))


def actor_for(request: HttpRequest, obj: Any) -> Actor:
    """The operator of a request, acting for the customer of a projected record."""
    return operator_actor(request, _customer_id_of(obj))


def leaving_actor_for(request: HttpRequest, obj: Any) -> Actor:
    """The same, for what operators do with records of deleted customers, too."""
    return leaving_actor(request, _customer_id_of(obj))


def _customer_id_of(obj: Any) -> str:
    return str(getattr(obj.record, "customer_id", obj.pk))


def run_command(
    command: Callable[..., object], message: str, *, of_deleted_customers: bool = False, **options: Any
) -> Callable[[HttpRequest, Any, Mapping[str, Any]], str]:
    """A button's function: calls ``command(pk, actor=…, at=…, **options)``, returns ``message``.

    ``message`` is formatted with ``obj``, the projected record. ``of_deleted_customers``: whether
    it runs for records of deleted customers, too.
    """
    find_actor = leaving_actor_for if of_deleted_customers else actor_for

    def run(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
        command(obj.pk, actor=find_actor(request, obj), at=operators.now(), **options)
        return message.format(obj=obj)

    return run


def group_by_customer(objects: Iterable[Any]) -> dict[str, list[Any]]:
    """Projected records by the id of their customer."""
    groups: dict[str, list[Any]] = {}
    for obj in objects:
        groups.setdefault(str(obj.record.customer_id), []).append(obj)
    return groups


def load_location_names(objects: Iterable[Any]) -> None:
    """Set ``location_name`` of projected records, from their ``location_id``."""
    for customer_id, rows in group_by_customer(objects).items():
        locations_by_id = locations.load_locations({str(obj.record.location_id) for obj in rows}, customer_id)
        for obj in rows:
            location = locations_by_id.get(str(obj.record.location_id))
            obj.location_name = location.name if location else None


class OperatorForm(RecordForm):
    """A form with which an operator creates or changes a record of a customer."""

    @property
    def actor(self) -> Actor:
        """The operator. Raises `errors.NotFound` if the page was opened for an unknown customer."""
        if not self.is_change:
            customers.get_customer(self.customer_id)
        return operator_actor(self.request, self.customer_id)

    @property
    def now(self) -> datetime:
        return operators.now()
