"""What telephony adds to the headers of people, locations and customers."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html

from accounts import preferences
from config import dynamodb, phone_numbers
from config.backoffice import operators
from config.backoffice.links import link_to
from config.backoffice.record_header import Fact, Moment
from telephony import phone_verification
from telephony.models import Line, Quota
from telephony.numbers import reservation

_STATUS_REASONS = {
    "pending": "they are not invited yet",
    "invited": "they have not signed in yet",
    "blocked": "they are blocked",
    "deleting": "they are being deleted",
}


def person_facts(obj: Any) -> Sequence[Fact]:
    """Whether a person's phone is verified, and whether calls ring it. One round trip."""
    user = obj.record
    state = phone_verification.get_state(user, at=operators.now())
    is_on = preferences.is_ringing_enabled(user.settings)
    verified = "verified" if state.is_verified else "not verified"
    phone = f"{phone_numbers.to_readable(state.phone)}, {verified}" if state.phone else "none"
    return [
        Fact("Phone", phone, is_problem=is_on and not state.is_verified),
        Fact(
            "Calls ring the phone",
            _describe_ringing(str(user.status), state, is_on=is_on),
            is_problem=is_on and not state.rings,
        ),
    ]


def _describe_ringing(status: str, state: phone_verification.PhoneVerificationState, *, is_on: bool) -> str:
    """Whether calls ring a phone, and why not: first what has to be mended first."""
    if status in _STATUS_REASONS:
        return f"No: {_STATUS_REASONS[status]}"
    if not state.phone:
        return "No: there is no phone"
    if not state.is_verified:
        return "No: the phone is not verified yet"
    if not is_on:
        return "No: turned off in the person's settings"
    return format_html("No: on a break until {}", Moment(state.paused_until)) if state.paused_until else "Yes"


def location_facts(obj: Any) -> Sequence[Fact]:
    """The number of a location, or the way to one."""
    line = dynamodb.get_record(Line, str(obj.pk))
    if line is None or not line.number:
        return [Fact("Number", "none: nobody can call", is_problem=True)]
    return [
        Fact(
            "Number", link_to("telephony", "phonenumber", str(line.number), phone_numbers.to_readable(str(line.number)))
        ),
        Fact("IVR configuration", link_to("telephony", "line", str(obj.pk), "how it answers calls")),
    ]


def count_numbers(customer_ids: Sequence[str]) -> Mapping[str, int]:
    """How many numbers customers have, by their ids; one read."""
    quotas = dynamodb.batch_get(dynamodb.RecordKey(Quota, id) for id in customer_ids)
    return {id: int(quota.held) for id in customer_ids if (quota := quotas.get(Quota, id))}


def customer_facts(obj: Any) -> Sequence[Fact]:
    """How many numbers a customer has, of how many."""
    quota = dynamodb.get_record(Quota, str(obj.pk))
    return [Fact("Numbers", f"{int(quota.held) if quota else 0} of {reservation.number_limit(quota)}")]
