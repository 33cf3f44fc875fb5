"""Addresses of number profiles at Twilio: the outbox registers and removes them.

Each profile has a tag of its own, by which its address at Twilio is found; a profile that replaces
a removed one has another. So no run touches the address of another profile, however late it is.
Runs for the same profile may overlap: each makes the address at Twilio that of the profile, and
begins again if the profile has changed meanwhile.
"""

import logging
import uuid
from dataclasses import asdict, dataclass
from typing import Any

from config import audit, dynamodb, errors, journal, outbox
from config.dynamodb import data_keys, encryption
from config.dynamodb.key_rotation import ProtectedAttribute
from telephony.models import NumberProfile
from telephony.twilio import addresses, client

_PURPOSE = "number profiles"
logger = logging.getLogger("dutyline.addresses")


@dataclass(frozen=True)
class Address:
    """Where a business is, in the country of the profile."""

    business_name: str
    street: str
    city: str
    postal_code: str
    region: str = ""
    """State or province; empty where addresses have none."""


def encrypt_address(profile: NumberProfile, address: Address) -> bytes:
    """An address as a profile stores it."""
    return encryption.encrypt_application_json(_PURPOSE, asdict(address), _encryption_context(profile))


def open_profile(profile: NumberProfile) -> NumberProfile:
    """A profile with its address."""
    ciphertext = bytes(profile.encrypted_address)
    fields = encryption.decrypt_application_json(_PURPOSE, ciphertext, _encryption_context(profile))
    profile.address = Address(**fields)
    return profile


def find_profile(country: str, customer_id: str) -> NumberProfile | None:
    """The profile of a customer in a country; None for what is no country."""
    return dynamodb.get_record(NumberProfile, customer_id, country) if len(country) == 2 else None


def new_address_tag(customer_id: str, country: str) -> str:
    """A friendly name for the address of a new profile; Twilio takes 64 characters."""
    return f"{client.NUMBER_TAG_PREFIX}{customer_id}:{country}:{uuid.uuid4().hex[:12]}"


def enqueue_registration(write: journal.Write, profile: NumberProfile) -> None:
    """Have the outbox register the address of a profile; it replaces a message that failed."""
    write.enqueue(
        "telephony.register_address",
        id=registration_id(profile),
        customer_id=profile.customer_id,
        country=profile.country,
        address_tag=profile.address_tag,
    )


def registration_id(profile: NumberProfile) -> str:
    """The id of the message that registers the address of a profile in this version."""
    return f"address-{profile.address_tag}-{int(profile.version)}"


def enqueue_removal(write: journal.Write, profile: NumberProfile) -> None:
    """Have the outbox delete the address of a profile that this write removes."""
    if profile.address_tag:
        write.enqueue("telephony.remove_address", address_tag=profile.address_tag)


@outbox.task("telephony.register_address", lane="telephone")
def register_address(customer_id: str, country: str, address_tag: str, *, job: outbox.TaskContext) -> None:
    """Make the address at Twilio that of the profile, and record the result.

    Safe to repeat, also for a registered address, which is created anew if Twilio has it no more.
    Raises `errors.Unavailable`, or `client.TwilioRejected` for refusals that are our fault: then
    the message becomes a dead letter, which operators see.
    """

    def register() -> None:
        profile = find_profile(country, customer_id)
        if profile is None or profile.address_tag != address_tag:
            addresses.delete_addresses(address_tag)
        elif _needs_registration(profile):
            _register(open_profile(profile), job)

    journal.retry_on_conflict(register)


def _needs_registration(profile: NumberProfile) -> bool:
    """Twilio's examiners have seen the address in a bundle, so that one stays as it is."""
    is_examined = profile.address_status == "registered" and profile.bundle_sid
    return profile.address_status != "rejected" and not is_examined


def _register(profile: NumberProfile, job: outbox.TaskContext) -> None:
    """Raises `journal.StaleRecord` if the profile has changed meanwhile."""
    address: Address = profile.address
    fields = {**asdict(address), "region": address.region or address.city}
    duplicate_sids: list[str] = []
    try:
        sid, duplicate_sids = addresses.register_address(
            tag=profile.address_tag, country=profile.country, fields=fields, known_sid=profile.address_sid
        )
        values: dict[str, Any] = {"address_status": "registered", "address_sid": sid}
    except client.TwilioRejected as refusal:
        if refusal.status == 404:
            raise errors.Unavailable("The address was removed meanwhile; retry.") from refusal
        if refusal.code not in addresses.UNKNOWN_ADDRESS_CODES:
            logger.exception(
                "Twilio refuses to register an address", extra={"code": refusal.code, "tag": profile.address_tag}
            )
            raise
        values = {"address_status": "rejected"}
    _record_result(profile, values, job)
    addresses.delete_by_sid(duplicate_sids)


def _record_result(profile: NumberProfile, values: dict[str, Any], job: outbox.TaskContext) -> None:
    after = profile.with_changes(**values, updated_at=job.at)
    changes = audit.diff_records(profile, after, ("address_status", "address_sid"))
    is_rejected = after.address_status == "rejected"
    action = "numberprofile.address_rejected" if is_rejected else "numberprofile.address_registered"
    if changes:
        with journal.write(job.author, action, after, job.at, changes=changes) as write:
            write.save(profile, after)
        return
    current = find_profile(profile.country, profile.customer_id)
    if current is None or int(current.version) != int(profile.version):
        raise journal.StaleRecord


@outbox.task("telephony.remove_address", lane="telephone")
def remove_address(address_tag: str, *, job: outbox.TaskContext) -> None:
    """Delete the address of a removed profile at Twilio; no other profile has its tag."""
    addresses.delete_addresses(address_tag)


def _encryption_context(profile: NumberProfile) -> str:
    return f"{profile.customer_id} {profile.country}"


_KEY_PURPOSE = encryption.application_purpose(_PURPOSE)
ADDRESSES = ProtectedAttribute(
    "addresses for numbers",
    NumberProfile,
    "encrypted_address",
    get_key_id=lambda profile: data_keys.key_id_of(bytes(profile.encrypted_address)),
    renew=lambda profile: data_keys.encrypt(
        _KEY_PURPOSE,
        data_keys.decrypt(_KEY_PURPOSE, bytes(profile.encrypted_address), _encryption_context(profile)),
        _encryption_context(profile),
    ),
)
