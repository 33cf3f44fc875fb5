"""What telephony adds to the headers of people, locations and customers."""

from collections.abc import Sequence
from typing import Any

from django.utils.html import format_html

from accounts import preferences
from config import dynamodb
from config.backoffice import operators
from config.backoffice.links import link_to
from config.backoffice.record_header import Fact, Moment
from telephony import phone_verification
from telephony.models import Line, Quota
from telephony.numbers import reservation


def person_facts(obj: Any) -> Sequence[Fact]:
    """Whether a person's phone is verified, and whether calls ring it. One round trip."""
    user = obj.record
    state = phone_verification.get_state(user, at=operators.now())
    is_on = preferences.is_ringing_enabled(user.settings)
    verified = "verified" if state.is_verified else "not verified"
    return [
        Fact(
            "Phone", f"{state.phone}, {verified}" if state.phone else "none", is_problem=is_on and not state.is_verified
        ),
        Fact("Calls ring the phone", _describe_ringing(state, is_on=is_on), is_problem=is_on and not state.rings),
    ]


def _describe_ringing(state: phone_verification.PhoneVerificationState, *, is_on: bool) -> str:
    """Whether calls ring a phone, and why not."""
    if not is_on:
        return "No: turned off in the person's settings"
    if not state.rings:
        return "No: the phone is not verified" if state.phone else "No: there is no phone"
    return format_html("No: on a break until {}", Moment(state.paused_until)) if state.paused_until else "Yes"


def location_facts(obj: Any) -> Sequence[Fact]:
    """The number of a location, or the way to one."""
    line = dynamodb.get_record(Line, str(obj.pk))
    if line is None or not line.number:
        return [Fact("Number", "none: nobody can call", is_problem=True)]
    return [
        Fact("Number", link_to("telephony", "phonenumber", str(line.number))),
        Fact("IVR configuration", link_to("telephony", "line", str(obj.pk), "how it answers calls")),
    ]


def customer_facts(obj: Any) -> Sequence[Fact]:
    """How many numbers a customer has, of how many."""
    quota = dynamodb.get_record(Quota, str(obj.pk))
    return [Fact("Numbers", f"{int(quota.held) if quota else 0} of {reservation.number_limit(quota)}")]
