"""``/customer`` and ``/location``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import customers, locations, permissions, users
from accounts.auth.authentication import actor_of, authenticated_user
from accounts.serializers.customers_and_locations import (
    CustomerChange,
    CustomerView,
    LocationChange,
    LocationView,
    NewLocation,
)
from accounts.views import examples
from config import api, errors
from config.api import pagination
from config.api.fields import DeletedRecord, PageQuery
from config.api.messages import Response


class CurrentCustomer(api.OperationViewSet):
    """``/customer``."""

    tag = "Customer"

    @api.operation("getCustomer", "self:read")
    @api.returns(CustomerView, examples.CUSTOMER, etag=True)
    def retrieve(self, request: Request) -> Response:
        """Get the signed-in user's customer."""
        return api.versioned_response(request, CustomerView(authenticated_user(request).customer))

    @api.operation("updateCustomer", "customer:update", rate_limit="write")
    @api.accepts(CustomerChange, {"settings": {"language": "de"}})
    @api.returns(CustomerView, examples.UPDATED_CUSTOMER, etag=True)
    def update(self, request: Request) -> Response:
        """Update the signed-in user's customer.

        Changes the name, or the default language and time zone of its users.
        """
        customer = customers.update_customer(
            authenticated_user(request).customer,
            CustomerChange.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, CustomerView(customer))


class Locations(api.OperationViewSet):
    """``/location``."""

    tag = "Locations"

    @api.operation("listLocations", "self:read")
    @api.accepts_query(PageQuery)
    @api.returns_page(LocationView, examples.LOCATION)
    def list_page(self, request: Request) -> Response:
        """List locations.

        Sorted by name. Users who are restricted to some locations see only those.
        """
        actor = actor_of(request)
        query = PageQuery.parse_query(request)
        scope = f"locations for {actor.id}"
        page = locations.list_locations(
            actor, limit=query.get("limit", 1000), cursor=pagination.decode_cursor(scope, query.get("cursor"))
        )
        return pagination.page_response(scope, page, LocationView)

    @api.operation("createLocation", "locations:manage", rate_limit="write", idempotent=True, errors=(errors.NotFound,))
    @api.accepts(NewLocation, examples.NEW_LOCATION)
    @api.returns(LocationView, examples.LOCATION, status=201, etag=True, location="/location/{id}")
    def create(self, request: Request) -> Response:
        """Create a location."""
        location = locations.create_location(
            **NewLocation.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return api.versioned_response(request, LocationView(location), status=201)


class LocationDetail(api.OperationViewSet):
    """``/location/{id}``."""

    tag = "Locations"

    @api.operation("getLocation", "self:read", errors=(errors.Forbidden, errors.NotFound))
    @api.returns(LocationView, examples.LOCATION, etag=True)
    @api.prefetches(lambda request: users.location_keys([api.path_value(request, "id")]))
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a location."""
        known = authenticated_user(request).records
        location = locations.get_location(id, actor=actor_of(request), known=known)
        return api.versioned_response(request, LocationView(location))

    @api.operation(
        "updateLocation", "locations:manage", rate_limit="write", errors=(errors.NotFound, permissions.ForeignCustomer)
    )
    @api.accepts(LocationChange, {"address": "2 Long Wharf, Boston"})
    @api.returns(LocationView, {**examples.LOCATION, "address": "2 Long Wharf, Boston", "version": 2}, etag=True)
    def update(self, request: Request, id: str) -> Response:
        """Update a location."""
        location = locations.update_location(
            id,
            LocationChange.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, LocationView(location))

    @api.operation(
        "deleteLocation", "locations:manage", rate_limit="write", errors=(errors.NotFound, locations.LocationInUse)
    )
    @api.returns(DeletedRecord, {"id": examples.LOCATION_ID, "status": "removed"})
    def delete(self, request: Request, id: str) -> Response:
        """Delete a location.

        409 while users are assigned to it, or it has future shifts or a phone number.
        """
        location = locations.delete_location(id, actor=actor_of(request), at=datetime.now(UTC))
        return Response(DeletedRecord({"id": location.id, "status": "removed"}).data)
