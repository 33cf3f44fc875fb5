"""``/userManagement/find-phone-numbers`` and ``…/purchase-phone-number``, ``/phoneNumber``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of
from config.api import pagination
from config.api.fields import EmptyBody
from config.api.operations import OperationViewSet, operation, read_idempotency_key, utc_now
from telephony.numbers import inventory, purchase
from telephony.serializers.numbers import (
    AvailableNumbers,
    NumberPurchase,
    NumberWithConfigurationView,
    PhoneNumberPage,
    PhoneNumberQuery,
    PhoneNumberSearch,
    PhoneNumberView,
)
from telephony.views import examples

TAG = "Phone Numbers"


class PhoneNumberSearches(OperationViewSet):
    """``/userManagement/find-phone-numbers``."""

    @operation(
        "phone:search",
        operation_id="findPhoneNumbers",
        tag=TAG,
        summary="Find available phone numbers",
        description=(
            "Up to 30 numbers that can be called and need no address: in the US and Canada by area "
            "code, elsewhere by how they begin."
        ),
        body=PhoneNumberSearch,
        body_example={"country": "US", "areaCode": "415"},
        responses={200: AvailableNumbers},
        example=examples.AVAILABLE_NUMBERS,
        rate_limit="costly",
    )
    def search(self, request: Request) -> Response:
        criteria = PhoneNumberSearch.parse(request.data)
        available_numbers = inventory.search_numbers(**criteria, actor=actor_of(request))
        return Response(AvailableNumbers({"items": available_numbers}).data)


class PhoneNumberPurchases(OperationViewSet):
    """``/userManagement/purchase-phone-number``."""

    @operation(
        "phone:purchase",
        operation_id="purchasePhoneNumber",
        tag=TAG,
        summary="Purchase a phone number",
        description=(
            "Buys a number and has the location answer it: callers are greeted, and whoever is on "
            "duty is rung. Repeating it for the same number and location is the same purchase. "
            "After a 503 it is still finished by itself; repeat it to hear of it."
        ),
        body=NumberPurchase,
        body_example=examples.PURCHASE,
        responses={200: NumberWithConfigurationView},
        example=examples.NUMBER_WITH_CONFIGURATION,
        error_statuses=(404, 409, 422),
        rate_limit="costly",
    )
    def purchase(self, request: Request) -> Response:
        actor = actor_of(request)
        body = NumberPurchase.parse(request.data)
        result = purchase.purchase_number(
            **body, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return Response(NumberWithConfigurationView(result).data)


class PhoneNumbers(OperationViewSet):
    """``/phoneNumber``."""

    @operation(
        "phone:search",
        operation_id="listPhoneNumbers",
        tag=TAG,
        summary="Phone numbers",
        description=(
            "The customer's numbers; who works in some locations only sees those of these. A page "
            "may hold fewer than `limit` before the list ends."
        ),
        query=PhoneNumberQuery,
        responses={200: PhoneNumberPage},
        example={"items": [examples.PHONE_NUMBER], "nextCursor": None},
        error_statuses=(400,),
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = PhoneNumberQuery.parse_query(request)
        scope = f"numbers for {actor.id}"
        page = inventory.list_numbers(
            actor, limit=query.get("limit", 1000), start=pagination.decode_cursor(scope, query.get("cursor"))
        )
        return pagination.page_response(scope, page, PhoneNumberPage)


class PhoneNumberDetail(OperationViewSet):
    """``/phoneNumber/{number}``."""

    @operation(
        "phone:release",
        operation_id="releasePhoneNumber",
        tag=TAG,
        summary="Give up a phone number",
        description=(
            "It is not answered from now on, and released after seven days; until then it can be "
            "restored. Its location may have another at once."
        ),
        responses={200: PhoneNumberView},
        example={**examples.PHONE_NUMBER, "status": "releasing", "releaseAt": "2026-11-30T09:00:00Z"},
        error_statuses=(404, 409),
        rate_limit="write",
    )
    def release(self, request: Request, number: str) -> Response:
        phone_number = inventory.schedule_release(number, actor=actor_of(request), at=utc_now())
        return Response(PhoneNumberView(phone_number).data)


class PhoneNumberRestorations(OperationViewSet):
    """``/phoneNumber/{number}/restore``."""

    @operation(
        "phone:release",
        operation_id="restorePhoneNumber",
        tag=TAG,
        summary="Restore a phone number",
        description="Has its location answer a number again that was given up.",
        body=EmptyBody,
        responses={200: NumberWithConfigurationView},
        example=examples.NUMBER_WITH_CONFIGURATION,
        error_statuses=(404, 409),
        rate_limit="write",
    )
    def restore(self, request: Request, number: str) -> Response:
        EmptyBody.parse(request.data)
        result = inventory.restore_number(number, actor=actor_of(request), at=utc_now())
        return Response(NumberWithConfigurationView(result).data)
