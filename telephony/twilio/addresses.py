"""Addresses at Twilio, which purchases of numbers in some countries name.

Each carries a tag, its friendly name, by which a repeated request finds it.
Docs: https://www.twilio.com/docs/usage/api/address
"""

import logging
from collections.abc import Mapping

from telephony.twilio import client

logger = logging.getLogger("dutyline.addresses")


def register_address(*, tag: str, country: str, fields: Mapping[str, str]) -> str:
    """Create the address with this tag, or change it if it exists. Returns its sid.

    ``fields`` are those of `telephony.numbers.profiles.Address`. Raises `TwilioRejected`, with 400
    for an address that Twilio cannot find, and `errors.Unavailable`.
    """
    options = {
        "customer_name": fields["business_name"],
        **{name: fields[name] for name in ("street", "city", "region", "postal_code")},
    }
    if sids := _list_sids(tag):
        return client.call_twilio(lambda sdk: str(sdk.addresses(sids[0]).update(**options).sid))
    return client.call_twilio(
        lambda sdk: str(sdk.addresses.create(friendly_name=tag, iso_country=country, **options).sid)
    )


def delete_addresses(tag: str) -> None:
    """Delete the addresses with this tag. Twilio keeps one that a number uses, which is logged."""
    for sid in _list_sids(tag):
        try:
            client.call_twilio(lambda sdk, sid=sid: sdk.addresses(sid).delete())  # type: ignore[misc]
        except client.TwilioRejected as refusal:
            logger.warning("an address stays at Twilio", extra={"code": refusal.code})


def _list_sids(tag: str) -> list[str]:
    resources = client.call_twilio(lambda sdk: list(sdk.addresses.list(friendly_name=tag, limit=10, page_size=50)))
    return [str(resource.sid) for resource in resources]
