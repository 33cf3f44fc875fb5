"""Numbers that Twilio sells.

Docs: https://www.twilio.com/docs/phone-numbers/api/availablephonenumber-resource
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from telephony.twilio import client

if TYPE_CHECKING:
    from twilio.rest import Client


@dataclass(frozen=True)
class AvailableNumber:
    """A number that can be bought."""

    number: str
    friendly_name: str
    locality: str | None
    region: str | None
    country: str
    address_requirement: str
    """none, any, local or foreign: where the address must be that its purchase has to name."""
    capabilities: dict[str, bool]


def search_numbers(
    country: str, *, area_code: int | None, prefix: str | None, number_type: str = "local"
) -> list[AvailableNumber]:
    """Up to 30 numbers of a type (local, mobile or tollFree) that take calls.

    Twilio knows area codes of local numbers of the US and Canada only; elsewhere ``prefix`` starts
    the number. Raises `TwilioRejected`: 404 where a country has no such numbers.
    """
    filters: dict[str, Any] = {"voice_enabled": True, "limit": 30, "page_size": 30}
    filters |= {"area_code": area_code} if area_code is not None else {"contains": prefix}
    resource_name = {"tollFree": "toll_free"}.get(number_type, number_type)

    def list_resources(sdk: "Client") -> list[Any]:
        return list(getattr(sdk.available_phone_numbers(country), resource_name).list(**filters))

    resources = client.call_twilio(list_resources)
    return [_to_available_number(resource) for resource in resources]


def _to_available_number(resource: Any) -> AvailableNumber:
    supported = resource.capabilities or {}
    return AvailableNumber(
        number=str(resource.phone_number),
        friendly_name=str(resource.friendly_name),
        locality=resource.locality or None,
        region=resource.region or None,
        country=str(resource.iso_country),
        address_requirement=str(resource.address_requirements or "none"),
        capabilities={name: bool(supported.get(name)) for name in ("voice", "sms", "mms")},
    )
