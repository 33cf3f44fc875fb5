"""``/customer`` and ``/location``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import customers, locations
from accounts.serializers.customers_and_locations import (
    CustomerChange,
    CustomerView,
    LocationChange,
    LocationGone,
    LocationPage,
    LocationQuery,
    LocationView,
    NewLocation,
)
from accounts.views import examples
from accounts.views.caller import actor_of, signed_in
from config.api import pagination
from config.api.operations import Operations, now, once, one, operation, versions


class CurrentCustomer(Operations):
    """``/customer``."""

    @operation(
        "self:read",
        name="getCustomer",
        tag="Customer",
        summary="One's own customer",
        answers={200: CustomerView},
        example=examples.CUSTOMER,
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The record was read to authenticate the request: nothing more to do."""
        customer = signed_in(request).customer
        return one(request, CustomerView(customer), int(customer.version))

    @operation(
        "customer:update",
        name="updateCustomer",
        tag="Customer",
        summary="Change one's own customer",
        description="Changes the name, or the language and time zone of who chose none.",
        body=CustomerChange,
        body_example={"settings": {"language": "de"}},
        answers={200: CustomerView},
        example=examples.CUSTOMER,
        cost="write",
        etag=True,
    )
    def change(self, request: Request) -> Response:
        customer = customers.change(
            signed_in(request).customer,
            CustomerChange.of(request.data),
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, CustomerView(customer), int(customer.version))


class Locations(Operations):
    """``/location``."""

    @operation(
        "self:read",
        name="listLocations",
        tag="Locations",
        summary="Locations",
        description="The customer's locations by name; who is confined to some sees those.",
        query=LocationQuery,
        answers={200: LocationPage},
        example={"items": [examples.LOCATION], "nextCursor": None},
        refuses=(400,),
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = LocationQuery.of_query(request)
        scope = f"locations for {actor.id}"
        page = locations.within_reach(
            actor,
            limit=query.get("limit", 1000),
            start=pagination.start_of(scope, query.get("cursor")),
        )
        return pagination.answer(scope, page, LocationPage)

    @operation(
        "locations:manage",
        name="createLocation",
        tag="Locations",
        summary="Create a location",
        body=NewLocation,
        body_example={"name": "Boston Harbour", "timeZone": "America/New_York"},
        answers={201: LocationView},
        example=examples.LOCATION,
        refuses=(404, 422),
        cost="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        place = locations.create(
            **NewLocation.of(request.data), actor=actor, at=now(), once=once(request, actor)
        )
        return one(request, LocationView(place), int(place.version), status=201)


class OneLocation(Operations):
    """``/location/{id}``."""

    @operation(
        "locations:manage",
        name="updateLocation",
        tag="Locations",
        summary="Change a location",
        body=LocationChange,
        body_example={"address": "2 Long Wharf, Boston"},
        answers={200: LocationView},
        example=examples.LOCATION,
        refuses=(404,),
        cost="write",
        etag=True,
    )
    def change(self, request: Request, id: str) -> Response:
        place = locations.change(
            id,
            LocationChange.of(request.data),
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, LocationView(place), int(place.version))

    @operation(
        "locations:manage",
        name="deleteLocation",
        tag="Locations",
        summary="Remove a location",
        description="Refused with 409 while people are confined to it or schedules remain.",
        answers={200: LocationGone},
        example={"id": examples.LOCATION["id"], "status": "removed"},
        refuses=(404, 409),
        cost="write",
    )
    def remove(self, request: Request, id: str) -> Response:
        place = locations.remove(id, actor=actor_of(request), at=now())
        return Response(LocationGone({"id": place.id, "status": "removed"}).data)
