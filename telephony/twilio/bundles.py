"""Regulatory bundles at Twilio: documents of a business, which Twilio has examined.

Docs: https://www.twilio.com/docs/phone-numbers/regulatory/api/bundles
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from telephony.twilio import client

if TYPE_CHECKING:
    from twilio.rest import Client

APPROVED_STATUSES = ("twilio-approved", "provisionally-approved")
"""Those of bundles with which numbers can be bought."""


@dataclass(frozen=True)
class Bundle:
    """What Twilio says of a bundle."""

    status: str
    country: str
    """Of the numbers that can be bought with it (ISO 3166, two letters)."""


def find_bundle(sid: str) -> Bundle | None:
    """A bundle of the account; None if there is none. Raises `errors.Unavailable`."""

    def fetch(sdk: "Client") -> Bundle:
        compliance = sdk.numbers.v2.regulatory_compliance
        bundle = compliance.bundles(sid).fetch()
        regulation = compliance.regulations(bundle.regulation_sid).fetch()
        return Bundle(str(bundle.status), str(regulation.iso_country))

    try:
        return client.call_twilio(fetch)
    except client.TwilioRejected as refusal:
        if refusal.status != 404:
            raise
        return None
