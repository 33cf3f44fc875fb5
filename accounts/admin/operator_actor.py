"""An operator as the actor whom rules ask."""

from django.http import HttpRequest

from accounts import customers, permissions
from accounts.permissions import Actor
from config.backoffice import audit_context, operator_permissions


def actor(request: HttpRequest, customer_id: str) -> Actor:
    """The operator of a request, acting for a customer with the rights of their group."""
    return permissions.operator_actor(
        audit_context.operator_author(request, customer_id), operator_permissions.operator_rights(request.user)
    )


def actor_for_chosen_customer(request: HttpRequest) -> Actor:
    """The operator, acting for the customer that a page was opened for.

    Raises `errors.NotFound` where there is no such customer.
    """
    customer = customers.get_customer(request.GET.get("customer_id", ""))
    return actor(request, str(customer.id))
