"""Addresses at Twilio, which purchases of numbers in some countries name.

Each carries a tag, its friendly name, by which a repeated request finds it.
Docs: https://www.twilio.com/docs/usage/api/address
"""

import logging
from collections.abc import Iterable, Mapping

from telephony.twilio import client

logger = logging.getLogger("dutyline.addresses")


UNKNOWN_ADDRESS_CODES = {21628, 21629}
"""Twilio's error codes for an address that it cannot find; 21629 proposes another one."""


def register_address(
    *, tag: str, country: str, fields: Mapping[str, str], known_sid: str | None = None
) -> tuple[str, list[str]]:
    """Change the address with this sid or else with this tag, or create it if there is none.

    ``fields`` are those of `telephony.numbers.address_registration.Address`. Returns its sid, and
    those of duplicates, which parallel requests have created. Raises `TwilioRejected`, with
    `UNKNOWN_ADDRESS_CODES` for an address that Twilio cannot find, and `errors.Unavailable`.
    """
    options = {
        "customer_name": fields["business_name"],
        **{name: fields[name] for name in ("street", "city", "region", "postal_code")},
    }
    tagged_sids = _list_sids(tag)
    for sid in dict.fromkeys([known_sid, *tagged_sids] if known_sid else tagged_sids):
        if _update_address(sid, options):
            return sid, [tagged_sid for tagged_sid in tagged_sids if tagged_sid != sid]
    new_sid = client.call_twilio(
        lambda sdk: str(sdk.addresses.create(friendly_name=tag, iso_country=country, **options).sid)
    )
    return new_sid, []


def find_country(sid: str) -> str | None:
    """The country of an address; None if the account has no such address."""
    try:
        return client.call_twilio(lambda sdk: str(sdk.addresses(sid).fetch().iso_country))
    except client.TwilioRejected as refusal:
        if refusal.status != 404:
            raise
        return None


def _update_address(sid: str, options: Mapping[str, str]) -> bool:
    """Whether there is such an address to change."""
    try:
        client.call_twilio(lambda sdk: sdk.addresses(sid).update(**options))
    except client.TwilioRejected as refusal:
        if refusal.status != 404:
            raise
        return False
    return True


def delete_addresses(tag: str) -> None:
    """Delete the addresses with this tag."""
    delete_by_sid(_list_sids(tag))


def delete_by_sid(sids: Iterable[str]) -> None:
    """Delete addresses. Twilio keeps one that a number uses, which is logged."""
    for sid in sids:
        try:
            client.call_twilio(lambda sdk, sid=sid: sdk.addresses(sid).delete())  # type: ignore[misc]
        except client.TwilioRejected as refusal:
            if refusal.status != 404:
                logger.warning("an address stays at Twilio", extra={"code": refusal.code})


def _list_sids(tag: str) -> list[str]:
    resources = client.call_twilio(lambda sdk: list(sdk.addresses.list(friendly_name=tag, limit=10, page_size=50)))
    return sorted(str(resource.sid) for resource in resources if resource.friendly_name == tag)
