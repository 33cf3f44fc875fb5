"""What numbers cost in a month, as Twilio lists it for our account.

Docs: https://www.twilio.com/docs/phone-numbers/pricing
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from config import errors
from telephony.twilio import client

if TYPE_CHECKING:
    from twilio.rest import Client

_NAMES = {"local": "local", "mobile": "mobile", "tollFree": "toll free"}


@dataclass(frozen=True)
class Price:
    """A monthly price."""

    amount: str
    """As Twilio writes it, such as ``1.15``."""
    currency: str

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


def find_price(country: str, number_type: str) -> Price | None:
    """The price of numbers of a type in a country; None if Twilio does not say it now."""

    def fetch(sdk: "Client") -> Any:
        return sdk.pricing.v1.phone_numbers.countries(country).fetch()

    try:
        resource = client.call_twilio(fetch)
    except (client.TwilioRejected, errors.Unavailable):
        return None
    for price in resource.phone_number_prices or ():
        if price.get("number_type") == _NAMES[number_type] and price.get("current_price"):
            return Price(str(price["current_price"])[:20], str(resource.price_unit or "").upper()[:3])
    return None
