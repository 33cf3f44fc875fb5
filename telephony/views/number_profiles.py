"""``/numberRequirement``, ``/numberProfile`` and ``/phoneNumber/adopt``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api.fields import DeletedRecord
from config.api.messages import Response
from telephony.numbers import adoption, profiles, reservation
from telephony.serializers.number_profiles import (
    NumberAdoption,
    NumberProfileChange,
    NumberProfiles,
    NumberProfileView,
    NumberRequirementQuery,
    NumberRequirementView,
)
from telephony.serializers.numbers import NumberWithConfigurationView
from telephony.views import examples


def _normalize_country(country: str) -> str:
    """A country of a path in capitals, as the fields of bodies and queries take it."""
    return country.upper() if country.isascii() else country


class NumberRequirements(api.OperationViewSet):
    """``/numberRequirement``."""

    tag = "Phone Numbers"

    @api.operation("getNumberRequirement", "phone:search")
    @api.accepts_query(NumberRequirementQuery)
    @api.returns(NumberRequirementView, examples.NUMBER_REQUIREMENT)
    def retrieve(self, request: Request) -> Response:
        """Get what a country demands for its numbers.

        Many countries sell numbers only to businesses whose address is registered there, or whose
        documents were examined (a regulatory bundle). The US and Canada demand nothing. `none` for
        another country means that nothing is known: the purchase tells, with 409 profile_required.
        """
        query = NumberRequirementQuery.parse_query(request)
        requirement = profiles.get_requirement(query["country"], query.get("type", "local"), actor=actor_of(request))
        return Response(NumberRequirementView(requirement).data)


class NumberProfileList(api.OperationViewSet):
    """``/numberProfile``."""

    tag = "Phone Numbers"

    @api.operation("listNumberProfiles", "phone:search")
    @api.returns(NumberProfiles, {"items": [examples.NUMBER_PROFILE]})
    def list_all(self, request: Request) -> Response:
        """List the customer's number profiles.

        One per country, sorted by country.
        """
        return Response(NumberProfiles({"items": profiles.list_profiles(actor_of(request))}).data)


class NumberProfileDetail(api.OperationViewSet):
    """``/numberProfile/{country}``."""

    tag = "Phone Numbers"

    @api.operation("getNumberProfile", "phone:search", errors=(errors.NotFound,))
    @api.returns(NumberProfileView, examples.NUMBER_PROFILE, etag=True)
    def retrieve(self, request: Request, country: str) -> Response:
        """Get the number profile of a country."""
        profile = profiles.get_profile(_normalize_country(country), actor=actor_of(request))
        return api.versioned_response(request, NumberProfileView(profile))

    @api.operation(
        "putNumberProfile", "phone:purchase", rate_limit="costly", errors=(errors.NotFound, profiles.AddressInBundle)
    )
    @api.accepts(NumberProfileChange, examples.NUMBER_ADDRESS)
    @api.returns(NumberProfileView, examples.NUMBER_PROFILE, etag=True)
    def update(self, request: Request, country: str) -> Response:
        """Create or update the number profile of a country.

        The address is registered with the telephone service, at once or within minutes:
        `addressStatus` tells. For countries that demand a regulatory bundle, send support the
        documents afterwards. 409 once the address is part of a bundle.
        """
        profile = profiles.put_address(
            _normalize_country(country),
            profiles.address_fields(NumberProfileChange.parse(request.data)),
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, NumberProfileView(profile))

    @api.operation(
        "deleteNumberProfile", "phone:purchase", rate_limit="write", errors=(errors.NotFound, profiles.ProfileInUse)
    )
    @api.returns(DeletedRecord, {"id": "DE", "status": "removed"})
    def delete(self, request: Request, country: str) -> Response:
        """Delete the number profile of a country.

        409 while the customer has numbers of this country.
        """
        profile = profiles.delete_profile(_normalize_country(country), actor=actor_of(request), at=datetime.now(UTC))
        return Response(DeletedRecord({"id": profile.country, "status": "removed"}).data)


class PhoneNumberAdoptions(api.OperationViewSet):
    """``/phoneNumber/adopt``."""

    tag = "Phone Numbers"

    @api.operation(
        "adoptPhoneNumber",
        "phone:purchase",
        rate_limit="costly",
        idempotent=True,
        errors=(
            *(errors.NotFound, errors.RequestInProgress, reservation.NumberUnavailable, reservation.NumberReleasing),
            *(reservation.LocationHasNumber, reservation.NumberQuotaReached, reservation.NumberNotPurchasable),
        ),
    )
    @api.accepts(NumberAdoption, examples.PURCHASE)
    @api.returns(NumberWithConfigurationView, examples.NUMBER_WITH_CONFIGURATION)
    def adopt(self, request: Request) -> Response:
        """Adopt a phone number.

        Gives a location a number that you brought: one that was ported or transferred to Dutyline
        and that support has reserved for you. Its calls are answered by the location from then on.
        404 for every other number. Repeating the request changes nothing more; after a 503 it
        still completes in the background.
        """
        result = adoption.adopt_number(
            **NumberAdoption.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
        )
        return Response(NumberWithConfigurationView(result).data)
