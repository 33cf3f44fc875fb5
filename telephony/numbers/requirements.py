"""What countries demand for their numbers: nothing, an address, or a regulatory bundle. Pure.

The table says what to expect, so that a purchase can be refused before anything is reserved. Rules
change, and Twilio decides: a purchase that it refuses for want of an address or a bundle ends with
the same `ProfileRequired`. So the table names only what is certain; of other countries and types of
numbers it demands nothing.

Docs: https://www.twilio.com/en-us/guidelines/regulatory
"""

from dataclasses import dataclass

from config import errors
from telephony import dialing_rules
from telephony.models import NumberProfile

REQUIREMENTS = {
    "none": "nothing more is needed",
    "address": "an address in the country is needed",
    "bundle": "an address in the country and a regulatory bundle are needed",
}
"""A regulatory bundle: documents of the business, which Twilio examines."""
_KNOWN_REQUIREMENTS = {
    ("AT", "local"): "address",
    ("CH", "local"): "address",
    **{(country, "local"): "bundle" for country in ("DE", "ES", "FR", "GB", "IE", "IT", "NL")},
    **{(country, "mobile"): "bundle" for country in ("AT", "CH", "DE", "ES", "FR", "GB", "IE", "IT", "NL")},
    **{
        (country, number_type): "none"
        for country in dialing_rules.NORTH_AMERICA
        for number_type in ("local", "tollFree")
    },
}
"""By country and type of number. What it lacks is unknown: then Twilio decides."""
ADDRESS_CODES, BUNDLE_CODES = {21613, 21615, 21631}, {21649, 21651}
"""Twilio's error codes for purchases that lack an address, or a bundle that contains it."""


class ProfileRequired(errors.Conflict):
    """The country demands an address or a regulatory bundle; see `GET /numberRequirement`."""

    code = "profile_required"
    example_detail = "Numbers of this country need an address: add one with `PUT /numberProfile/DE`."
    example_pointer = "/phoneNumber"


@dataclass(frozen=True)
class Requirement:
    """What a country demands for a type of number, and what of it a customer lacks."""

    country: str
    type: str
    requires: str
    """One of `REQUIREMENTS`."""
    missing: tuple[str, ...]
    """address, bundle"""
    detail: str


def usable_address_sid(profile: NumberProfile | None) -> str | None:
    """Twilio's id of the address that purchases name: that of the bundle, or the registered one."""
    if profile is None:
        return None
    return profile.bundle_address_sid or (profile.address_sid if profile.address_status == "registered" else None)


def get_requirement(country: str, number_type: str, profile: NumberProfile | None) -> Requirement:
    """What numbers of a country need, beyond what the customer's profile has."""
    known_requirement = _KNOWN_REQUIREMENTS.get((country, number_type))
    requires = known_requirement or "none"
    missing = []
    if requires != "none" and not usable_address_sid(profile):
        missing.append("address")
    if requires == "bundle" and not (profile and profile.bundle_sid):
        missing.append("bundle")
    detail = f"In this country {REQUIREMENTS[requires]}."
    if known_requirement is None:
        detail = (
            "Nothing is known to be needed for such numbers; the telephone service decides at the purchase. "
            "The `addressRequirement` of a found number tells whether it needs an address."
        )
    if missing:
        detail += f" {_describe_missing(country, missing[0], profile)}"
    return Requirement(country, number_type, requires, tuple(missing), detail)


def check_profile(country: str, number_type: str, profile: NumberProfile | None) -> None:
    """Raise `ProfileRequired` if the profile lacks what the country demands."""
    requirement = get_requirement(country, number_type, profile)
    if requirement.missing:
        raise profile_required_error(country, requirement.missing[0], profile)


def profile_required_error(country: str, missing: str, profile: NumberProfile | None) -> ProfileRequired:
    """The error for a purchase without an address or a bundle, which says what to do."""
    return ProfileRequired(_describe_missing(country, missing, profile), pointer="/phoneNumber")


def error_for_refusal(code: int, country: str, profile: NumberProfile | None) -> ProfileRequired | None:
    """The error for Twilio's code of a refused purchase, if a profile would help."""
    if code in BUNDLE_CODES:
        if profile and profile.bundle_sid:
            detail = "The telephone service does not accept the regulatory bundle for this number; contact support."
            return ProfileRequired(detail, pointer="/phoneNumber")
        return profile_required_error(country, "bundle" if usable_address_sid(profile) else "address", profile)
    if code not in ADDRESS_CODES:
        return None
    if usable_address_sid(profile):
        detail = (
            f"The address is not accepted for this number: correct it with `PUT /numberProfile/{country}`, "
            "or send the same one again to have it registered anew."
        )
        if profile and profile.bundle_sid:
            detail = "The address in the regulatory bundle is not accepted for this number; contact support."
        return ProfileRequired(detail, pointer="/phoneNumber")
    return profile_required_error(country, "address", profile)


def _describe_missing(country: str, missing: str, profile: NumberProfile | None) -> str:
    if missing == "bundle":
        return (
            "Numbers of this country need a regulatory bundle: send support the documents of the business, "
            "which the telephone service examines."
        )
    if profile is None:
        return f"Numbers of this country need an address: add one with `PUT /numberProfile/{country}`."
    if profile.address_status == "rejected" and profile.bundle_sid:
        return "The telephone service does not know the address in the regulatory bundle; contact support."
    if profile.address_status == "rejected":
        return f"The telephone service does not know the address: correct it with `PUT /numberProfile/{country}`."
    return "The address is being registered with the telephone service; retry in a minute."
