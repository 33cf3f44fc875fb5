"""``/userManagement/find-phone-numbers`` and ``…/purchase-phone-number``, ``/phoneNumber``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import pagination
from config.api.fields import EmptyBody, PageQuery
from config.api.messages import Response
from telephony.numbers import inventory, purchase, requirements, reservation
from telephony.serializers.numbers import (
    AvailableNumbers,
    NumberPurchase,
    NumberWithConfigurationView,
    PhoneNumberSearch,
    PhoneNumberView,
)
from telephony.views import examples

_PURCHASE_ERRORS = (
    *(errors.NotFound, errors.RequestInProgress, reservation.NumberUnavailable, reservation.NumberReleasing),
    *(reservation.LocationHasNumber, reservation.NumberQuotaReached, reservation.NumberNotPurchasable),
    requirements.ProfileRequired,
)


class PhoneNumberSearches(api.OperationViewSet):
    """``/userManagement/find-phone-numbers``."""

    tag = "Phone Numbers"

    @api.operation("findPhoneNumbers", "phone:search", rate_limit="costly")
    @api.accepts(PhoneNumberSearch, {"country": "US", "areaCode": "415"})
    @api.returns(AvailableNumbers, examples.AVAILABLE_NUMBERS)
    def search(self, request: Request) -> Response:
        """Find available phone numbers.

        Up to 30 numbers that accept calls: by area code in the US and Canada, by prefix elsewhere.
        Geographic ones, unless `type` says otherwise. In many countries a purchase needs a
        registered address: see `GET /numberRequirement`.
        """
        criteria = PhoneNumberSearch.parse(request.data)
        available_numbers = inventory.search_numbers(**criteria, actor=actor_of(request))
        return Response(AvailableNumbers({"items": available_numbers}).data)


class PhoneNumberPurchases(api.OperationViewSet):
    """``/userManagement/purchase-phone-number``."""

    tag = "Phone Numbers"

    @api.operation(
        "purchasePhoneNumber", "phone:purchase", rate_limit="costly", idempotent=True, errors=_PURCHASE_ERRORS
    )
    @api.accepts(NumberPurchase, examples.PURCHASE)
    @api.returns(NumberWithConfigurationView, examples.NUMBER_WITH_CONFIGURATION)
    def purchase(self, request: Request) -> Response:
        """Purchase a phone number.

        Buys a number for a location: callers hear a greeting, and the users on duty are called.
        Repeating the request for the same number and location buys nothing more. After a 503 the
        purchase still completes in the background; retry to get the result. 409 profile_required
        where the country demands an address or documents: see `GET /numberRequirement`.
        """
        body = NumberPurchase.parse(request.data)
        result = purchase.purchase_number(
            **body, actor=actor_of(request), at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return Response(NumberWithConfigurationView(result).data)


class PhoneNumbers(api.OperationViewSet):
    """``/phoneNumber``."""

    tag = "Phone Numbers"

    @api.operation("listPhoneNumbers", "phone:search")
    @api.accepts_query(PageQuery)
    @api.returns_page(PhoneNumberView, examples.PHONE_NUMBER)
    def list_page(self, request: Request) -> Response:
        """List phone numbers.

        The customer's numbers. Users who are restricted to some locations see only the numbers of
        those. A page may hold fewer than `limit` items before the end of the list.
        """
        actor = actor_of(request)
        query = PageQuery.parse_query(request)
        scope = f"numbers for {actor.id}"
        page = inventory.list_numbers(
            actor, limit=query.get("limit", 1000), start=pagination.decode_cursor(scope, query.get("cursor"))
        )
        return pagination.page_response(scope, page, PhoneNumberView)


class PhoneNumberDetail(api.OperationViewSet):
    """``/phoneNumber/{number}``."""

    tag = "Phone Numbers"

    @api.operation(
        "releasePhoneNumber",
        "phone:release",
        rate_limit="write",
        errors=(errors.NotFound, reservation.NumberBeingPurchased),
    )
    @api.returns(PhoneNumberView, {**examples.PHONE_NUMBER, "status": "releasing", "releaseAt": "2026-11-30T09:00:00Z"})
    def release(self, request: Request, number: str) -> Response:
        """Release a phone number.

        The number stops accepting calls now and is released after seven days. Until then it can be
        restored. Its location can get another number at once.
        """
        phone_number = inventory.schedule_release(number, actor=actor_of(request), at=datetime.now(UTC))
        return Response(PhoneNumberView(phone_number).data)


class PhoneNumberRestorations(api.OperationViewSet):
    """``/phoneNumber/{number}/restore``."""

    tag = "Phone Numbers"

    @api.operation(
        "restorePhoneNumber",
        "phone:release",
        rate_limit="write",
        idempotent=True,
        errors=(errors.NotFound, reservation.NumberReleasing, reservation.LocationHasNumber),
    )
    @api.accepts(EmptyBody)
    @api.returns(NumberWithConfigurationView, examples.NUMBER_WITH_CONFIGURATION)
    def restore(self, request: Request, number: str) -> Response:
        """Restore a phone number.

        Cancels the pending release of a number; its location accepts calls again.
        """
        EmptyBody.parse(request.data)
        result = inventory.restore_number(
            number, actor=actor_of(request), at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return Response(NumberWithConfigurationView(result).data)
