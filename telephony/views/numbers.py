"""``/userManagement/find-phone-numbers`` and ``…/purchase-phone-number``, ``/phoneNumber``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of
from config.api import pagination
from config.api.fields import Nothing
from config.api.operations import Operations, now, once, operation
from telephony.numbers import inventory, purchase
from telephony.serializers.numbers import (
    AvailableNumbers,
    HeldView,
    NumberPage,
    NumberQuery,
    NumberView,
    Purchase,
    Wanted,
)
from telephony.views import examples

TAG = "Phone Numbers"


class Search(Operations):
    """``/userManagement/find-phone-numbers``."""

    @operation(
        "phone:search",
        name="findPhoneNumbers",
        tag=TAG,
        summary="Find available phone numbers",
        description=(
            "Up to 30 numbers that can be called and need no address: in the US and Canada by area "
            "code, elsewhere by how they begin."
        ),
        body=Wanted,
        body_example={"country": "US", "areaCode": "415"},
        answers={200: AvailableNumbers},
        example=examples.FOUND,
        cost="costly",
    )
    def find(self, request: Request) -> Response:
        wanted = Wanted.of(request.data)
        found = inventory.search(**wanted, actor=actor_of(request))
        return Response(AvailableNumbers({"items": found}).data)


class Purchases(Operations):
    """``/userManagement/purchase-phone-number``."""

    @operation(
        "phone:purchase",
        name="purchasePhoneNumber",
        tag=TAG,
        summary="Purchase a phone number",
        description=(
            "Buys a number and has the location answer it: callers are greeted, and whoever is on "
            "duty is rung. Repeating it for the same number and location is the same purchase. "
            "After a 503 it is still finished by itself; repeat it to hear of it."
        ),
        body=Purchase,
        body_example=examples.PURCHASE,
        answers={200: HeldView},
        example=examples.HELD,
        refuses=(404, 409, 422),
        cost="costly",
    )
    def purchase(self, request: Request) -> Response:
        actor = actor_of(request)
        wanted = Purchase.of(request.data)
        held = purchase.purchase(**wanted, actor=actor, at=now(), once=once(request, actor))
        return Response(HeldView(held).data)


class Numbers(Operations):
    """``/phoneNumber``."""

    @operation(
        "phone:search",
        name="listPhoneNumbers",
        tag=TAG,
        summary="Phone numbers",
        description=(
            "The customer's numbers; who works in some locations only sees those of these. A page "
            "may hold fewer than `limit` before the list ends."
        ),
        query=NumberQuery,
        answers={200: NumberPage},
        example={"items": [examples.HELD_NUMBER], "nextCursor": None},
        refuses=(400,),
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = NumberQuery.of_query(request)
        scope = f"numbers for {actor.id}"
        page = inventory.of_customer(
            actor,
            limit=query.get("limit", 1000),
            start=pagination.start_of(scope, query.get("cursor")),
        )
        return pagination.answer(scope, page, NumberPage)


class OneNumber(Operations):
    """``/phoneNumber/{number}``."""

    @operation(
        "phone:release",
        name="releasePhoneNumber",
        tag=TAG,
        summary="Give up a phone number",
        description=(
            "It is not answered from now on, and released after seven days; until then it can be "
            "restored. Its location may have another at once."
        ),
        answers={200: NumberView},
        example={
            **examples.HELD_NUMBER,
            "status": "releasing",
            "releaseAt": "2026-11-30T09:00:00Z",
        },
        refuses=(404, 409),
        cost="write",
    )
    def give_up(self, request: Request, number: str) -> Response:
        found = inventory.give_up(number, actor=actor_of(request), at=now())
        return Response(NumberView(found).data)


class Restoring(Operations):
    """``/phoneNumber/{number}/restore``."""

    @operation(
        "phone:release",
        name="restorePhoneNumber",
        tag=TAG,
        summary="Restore a phone number",
        description="Has its location answer a number again that was given up.",
        body=Nothing,
        answers={200: HeldView},
        example=examples.HELD,
        refuses=(404, 409),
        cost="write",
    )
    def restore(self, request: Request, number: str) -> Response:
        Nothing.of(request.data)
        held = inventory.restore(number, actor=actor_of(request), at=now())
        return Response(HeldView(held).data)
