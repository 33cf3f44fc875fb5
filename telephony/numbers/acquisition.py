"""Getting a number at Twilio: bought now or by an earlier attempt, or taken over by adoption."""

from datetime import timedelta

from config import dynamodb, errors
from config.journal import two_phase
from telephony import dialing_rules
from telephony.models import NumberProfile, PhoneNumber
from telephony.numbers import profiles, requirements, reservation
from telephony.numbers.reservation import NumberNotPurchasable
from telephony.twilio import client

TWILIO_LIST_LAG = timedelta(minutes=15)
"""How long Twilio's list may not show a number that was bought."""


def acquire_number(pending_number: PhoneNumber, attempt: two_phase.Attempt) -> client.OwnedNumber:
    """The number at Twilio, with our tag and webhooks; safe to repeat.

    Raises `NumberUnavailable`, `NumberNotPurchasable`, `requirements.ProfileRequired` or
    `errors.Unavailable`.
    """
    tag = client.number_tag(pending_number.purchase_id)
    if pending_number.sid:
        return _take_over(pending_number.sid, tag)
    owned_numbers = client.find_owned_numbers(pending_number.number)
    for owned_number in owned_numbers:
        if owned_number.tag == tag:
            return owned_number
    if owned_numbers:
        raise reservation.number_unavailable_error()
    return _buy(pending_number, tag, attempt)


def _take_over(sid: str, tag: str) -> client.OwnedNumber:
    """A number of the account, which answers with our webhooks from now on."""
    try:
        return client.retag_number(sid, tag=tag)
    except client.TwilioRejected as refusal:
        if refusal.status == 404:
            raise reservation.number_unavailable_error() from refusal
        raise errors.Unavailable("The telephone service rejects the change; retry later.") from refusal


def _buy(pending_number: PhoneNumber, tag: str, attempt: two_phase.Attempt) -> client.OwnedNumber:
    """Buy a number, with what its country demands."""
    customer_id = pending_number.customer_id
    country = dialing_rules.country_of_number(pending_number.number) or ""
    records = attempt.records or dynamodb.batch_get([profiles.profile_key(customer_id, country)])
    profile = records.get(NumberProfile, customer_id, country)
    sids = {
        "address_sid": requirements.usable_address_sid(profile),
        "bundle_sid": profile.bundle_sid if profile else None,
    }
    try:
        return client.buy_number(pending_number.number, tag=tag, **sids)
    except client.TwilioRejected as refusal:
        error = requirements.error_for_refusal(refusal.code, country, profile)
        raise error or _refusal_error(refusal, pending_number, attempt) from refusal


def _refusal_error(
    refusal: client.TwilioRejected, pending_number: PhoneNumber, attempt: two_phase.Attempt
) -> errors.DomainError:
    """After an attempt whose answer was lost, "not available" may mean that the number is ours.

    A later attempt believes it only after `TWILIO_LIST_LAG`.
    """
    if refusal.code in client.UNBUYABLE_CODES:
        return NumberNotPurchasable("This number cannot be purchased.", pointer="/phoneNumber")
    if refusal.code != client.NOT_AVAILABLE_CODE:
        return errors.Unavailable("The telephone service rejects the purchase; retry later.")
    is_first_attempt = attempt.records is not None
    if is_first_attempt or attempt.at - pending_number.created_at > TWILIO_LIST_LAG:
        return reservation.number_unavailable_error()
    return errors.Unavailable("The result of the purchase is not known yet; retry.", retry_after=30)
