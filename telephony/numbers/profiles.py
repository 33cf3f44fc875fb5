"""Number profiles: a customer's address and regulatory bundle in a country, which purchases name.

An address is stored encrypted and registered at Twilio by the outbox (see
`telephony.numbers.address_registration`). A regulatory bundle contains documents that
people examine, so it is made in Twilio's console; an operator records its id. Customers cannot
name ids of Twilio: one could be another customer's.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.conf import settings

from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal, outbox
from telephony import dialing_rules
from telephony.models import NumberProfile, PhoneNumber
from telephony.numbers import address_registration, requirements
from telephony.numbers.address_registration import Address, find_profile, open_profile
from telephony.twilio import addresses, bundles

_SID_PATTERN = re.compile(r"(AD|BU)[0-9a-f]{32}")


class ProfileInUse(errors.Conflict):
    """The customer has numbers of this country, which need the profile."""

    code = "profile_in_use"
    example_detail = "You have numbers of this country; release them first."


class AddressInBundle(errors.Conflict):
    """The address is part of a regulatory bundle; support can change both."""

    code = "address_in_bundle"


def get_requirement(country: str, number_type: str, *, actor: Actor) -> requirements.Requirement:
    """What numbers of a country need. Raises `errors.InvalidRequest` for one without numbers."""
    actor.require("phone:search")
    if country not in settings.CALL_COUNTRIES:
        raise errors.InvalidRequest("Numbers of this country cannot be purchased.", pointer="/country")
    profile = dynamodb.get_record(NumberProfile, actor.customer_id, country)
    return requirements.get_requirement(country, number_type, profile)


def profile_key(customer_id: str, country: str | None) -> dynamodb.RecordKey:
    """The key of a profile, for a batch read."""
    return dynamodb.RecordKey(NumberProfile, customer_id, country or "-")


def get_profile(country: str, *, actor: Actor) -> NumberProfile:
    """The profile of the actor's customer in a country. Raises `errors.NotFound`."""
    actor.require("phone:search")
    profile = find_profile(country, actor.customer_id)
    if profile is None:
        raise _not_found_error()
    return open_profile(profile)


def list_profiles(actor: Actor) -> list[NumberProfile]:
    """The profiles of the actor's customer, by country."""
    actor.require("phone:search")
    values = {":of": {"S": actor.customer_id}}
    stored_profiles = dynamodb.iter_records(NumberProfile, "#customer_id = :of", values, ConsistentRead=True)
    return [open_profile(profile) for profile in stored_profiles]


def put_address(
    country: str,
    address: Address,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> NumberProfile:
    """Set the address of the actor's customer in a country, and register it at Twilio.

    Raises `errors.NotFound` for a country without numbers, `AddressInBundle` or
    `errors.PreconditionFailed`.
    """
    actor.require("phone:purchase")
    if country not in settings.CALL_COUNTRIES:
        raise errors.NotFound("Numbers of this country cannot be purchased.")

    def decide() -> NumberProfile:
        records = _load_records(country, actor)
        before = records.get(NumberProfile, actor.customer_id, country)
        if before:
            precondition.check(open_profile(before))
            if before.address == address and before.address_status != "rejected":
                return _register_again(before, actor=actor, at=at, records=records)
        elif precondition.versions is not None:
            raise errors.PreconditionFailed("There is no such profile; send the request without If-Match.")
        if before and before.bundle_sid:
            raise AddressInBundle("The address is part of a regulatory bundle; contact support to change it.")
        return _save_address(before, country, address, actor=actor, at=at, records=records)

    saved = journal.retry_on_conflict(decide)
    with suppress(errors.Unavailable):  # the outbox registers it later
        outbox.run_message_now(address_registration.registration_id(saved), clock=lambda: at)
    return get_profile(country, actor=actor)


def _register_again(
    profile: NumberProfile, *, actor: Actor, at: datetime, records: dynamodb.BatchResult
) -> NumberProfile:
    """Register an unchanged address again, which may have failed, or be no longer at Twilio."""
    if profile.address_status == "pending" or not profile.bundle_sid:
        with journal.write_intent(actor, at, prefetched=records) as write:
            address_registration.enqueue_registration(write, profile)
    return profile


def _save_address(
    before: NumberProfile | None,
    country: str,
    address: Address,
    *,
    actor: Actor,
    at: datetime,
    records: dynamodb.BatchResult,
) -> NumberProfile:
    stored = before or NumberProfile(customer_id=actor.customer_id, country=country, version=0)
    values: dict[str, Any] = {
        "encrypted_address": address_registration.encrypt_address(stored, address),
        "address_status": "pending",
        "address_tag": stored.address_tag or address_registration.new_address_tag(actor.customer_id, country),
        "updated_at": at,
    }
    old_address = asdict(before.address) if before else {}
    changes = [
        audit.FieldChange(name, old_address.get(name) or None, value or None)
        for name, value in asdict(address).items()
        if (old_address.get(name) or None) != (value or None)
    ]
    if before is None:
        after = NumberProfile(customer_id=actor.customer_id, country=country, version=1, **values)
    else:
        after = before.with_changes(**values)
    with journal.write(actor, "numberprofile.changed", after, at, changes=changes, prefetched=records) as write:
        if before is None:
            write.put(after, only_if=NumberProfile.country.does_not_exist(), error=journal.StaleRecord())
        else:
            write.save(before, after)
        address_registration.enqueue_registration(write, after)
    return after


def record_bundle(
    country: str, customer_id: str, *, bundle_sid: str, address_sid: str, actor: Actor, at: datetime
) -> NumberProfile:
    """Record a bundle that Twilio approved, and the address in it if it is another than registered.

    Operators only. An empty ``bundle_sid`` removes both. Raises `errors.NotFound` (the profile),
    `errors.InvalidRequest` for what is no approved bundle or no address of the country at Twilio,
    and `errors.Unavailable`.
    """
    actor.require("numbers:adopt")
    for sid, prefix, name in ((bundle_sid, "BU", "bundle"), (address_sid, "AD", "address")):
        if sid and not (sid.startswith(prefix) and _SID_PATTERN.fullmatch(sid)):
            raise errors.InvalidRequest(f"The id of a {name} at Twilio is {prefix} and 32 hexadecimal digits.")

    def decide() -> NumberProfile:
        before = find_profile(country, customer_id)
        if before is None or customer_id != actor.customer_id:
            raise _not_found_error()
        if bundle_sid:
            _check_at_twilio(before, bundle_sid, address_sid)
        after = before.with_changes(
            bundle_sid=bundle_sid or None, bundle_address_sid=(bundle_sid and address_sid) or None, updated_at=at
        )
        audited = ("bundle_sid", "bundle_address_sid")
        return journal.update_record(actor, "numberprofile.bundle_recorded", before, after, at, audited=audited)

    return journal.retry_on_conflict(decide)


def _check_at_twilio(profile: NumberProfile, bundle_sid: str, address_sid: str) -> None:
    """Raise `errors.InvalidRequest` unless purchases in the country can name both."""
    bundle = bundles.find_bundle(bundle_sid)
    if bundle is None:
        raise errors.InvalidRequest("There is no bundle with this id at Twilio.")
    if bundle.country != profile.country:
        raise errors.InvalidRequest(f"This bundle is for numbers of another country ({bundle.country}).")
    if bundle.status not in bundles.APPROVED_STATUSES:
        raise errors.InvalidRequest(f"Twilio has not approved this bundle: its status is {bundle.status}.")
    if address_sid and addresses.find_country(address_sid) != profile.country:
        raise errors.InvalidRequest("There is no address with this id in the country at Twilio.")
    if not address_sid and profile.address_status == "rejected":
        raise errors.InvalidRequest("The customer's address is not registered: name the address in the bundle.")


def delete_profile(country: str, *, actor: Actor, at: datetime) -> NumberProfile:
    """Remove a profile, and its address at Twilio. Raises `ProfileInUse` and `errors.NotFound`."""
    actor.require("phone:purchase")

    def decide() -> NumberProfile:
        records = _load_records(country, actor)
        profile = records.get(NumberProfile, actor.customer_id, country)
        if profile is None:
            raise _not_found_error()
        values = {":of": {"S": actor.customer_id}}
        numbers = dynamodb.iter_records(PhoneNumber, "#customer_id = :of", values, IndexName="byCustomer")
        if any(dialing_rules.country_of_number(number.number) == country for number in numbers):
            raise ProfileInUse("You have numbers of this country; release them first.")
        changes = [audit.FieldChange("country", country, None)]
        with journal.write(actor, "numberprofile.removed", profile, at, changes=changes, prefetched=records) as write:
            write.remove_unchanged(profile)
            address_registration.enqueue_removal(write, profile)
        return profile

    return journal.retry_on_conflict(decide)


def address_fields(values: Mapping[str, Any]) -> Address:
    """An address from the validated values of a body."""
    return Address(**{name: values[name] for name in Address.__dataclass_fields__ if name in values})


def _load_records(country: str, actor: Actor) -> dynamodb.BatchResult:
    streams = journal.stream_keys([actor.stream, actor.customer_id])
    return dynamodb.batch_get([profile_key(actor.customer_id, country[:8]), *streams])


def _not_found_error() -> errors.NotFound:
    return errors.NotFound("There is no profile for numbers of this country.")
