"""``/customer`` and ``/location``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import customers, locations
from accounts.serializers.customers_and_locations import (
    CustomerChange,
    CustomerView,
    DeletedLocation,
    LocationChange,
    LocationPage,
    LocationQuery,
    LocationView,
    NewLocation,
)
from accounts.views import examples
from accounts.views.caller import actor_of, authenticated_user
from config.api import pagination
from config.api.operations import (
    OperationViewSet,
    operation,
    read_idempotency_key,
    read_if_match_versions,
    utc_now,
    versioned_response,
)


class CurrentCustomer(OperationViewSet):
    """``/customer``."""

    @operation(
        "self:read",
        operation_id="getCustomer",
        tag="Customer",
        summary="One's own customer",
        responses={200: CustomerView},
        example=examples.CUSTOMER,
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The record was read to authenticate the request: nothing more to do."""
        customer = authenticated_user(request).customer
        return versioned_response(request, CustomerView(customer), int(customer.version))

    @operation(
        "customer:update",
        operation_id="updateCustomer",
        tag="Customer",
        summary="Change one's own customer",
        description="Changes the name, or the language and time zone of who chose none.",
        body=CustomerChange,
        body_example={"settings": {"language": "de"}},
        responses={200: CustomerView},
        example=examples.CUSTOMER,
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request) -> Response:
        customer = customers.update_customer(
            authenticated_user(request).customer,
            CustomerChange.parse(request.data),
            actor=actor_of(request),
            at=utc_now(),
            versions=read_if_match_versions(request),
        )
        return versioned_response(request, CustomerView(customer), int(customer.version))


class Locations(OperationViewSet):
    """``/location``."""

    @operation(
        "self:read",
        operation_id="listLocations",
        tag="Locations",
        summary="Locations",
        description="The customer's locations by name; who is confined to some sees those.",
        query=LocationQuery,
        responses={200: LocationPage},
        example={"items": [examples.LOCATION], "nextCursor": None},
        error_statuses=(400,),
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = LocationQuery.parse_query(request)
        scope = f"locations for {actor.id}"
        page = locations.list_accessible_locations(
            actor, limit=query.get("limit", 1000), cursor=pagination.decode_cursor(scope, query.get("cursor"))
        )
        return pagination.page_response(scope, page, LocationPage)

    @operation(
        "locations:manage",
        operation_id="createLocation",
        tag="Locations",
        summary="Create a location",
        body=NewLocation,
        body_example={"name": "Boston Harbour", "timeZone": "America/New_York"},
        responses={201: LocationView},
        example=examples.LOCATION,
        error_statuses=(404, 422),
        rate_limit="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        location = locations.create_location(
            **NewLocation.parse(request.data),
            actor=actor,
            at=utc_now(),
            idempotency_key=read_idempotency_key(request, actor),
        )
        return versioned_response(request, LocationView(location), int(location.version), status=201)


class LocationDetail(OperationViewSet):
    """``/location/{id}``."""

    @operation(
        "locations:manage",
        operation_id="updateLocation",
        tag="Locations",
        summary="Change a location",
        body=LocationChange,
        body_example={"address": "2 Long Wharf, Boston"},
        responses={200: LocationView},
        example=examples.LOCATION,
        error_statuses=(404,),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request, id: str) -> Response:
        location = locations.update_location(
            id,
            LocationChange.parse(request.data),
            actor=actor_of(request),
            at=utc_now(),
            versions=read_if_match_versions(request),
        )
        return versioned_response(request, LocationView(location), int(location.version))

    @operation(
        "locations:manage",
        operation_id="deleteLocation",
        tag="Locations",
        summary="Remove a location",
        description="Refused with 409 while people are confined to it or schedules remain.",
        responses={200: DeletedLocation},
        example={"id": examples.LOCATION["id"], "status": "removed"},
        error_statuses=(404, 409),
        rate_limit="write",
    )
    def delete(self, request: Request, id: str) -> Response:
        location = locations.delete_location(id, actor=actor_of(request), at=utc_now())
        return Response(DeletedLocation({"id": location.id, "status": "removed"}).data)
