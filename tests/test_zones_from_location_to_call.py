"""Each name of a time zone: location, phone, number, shift and answered call, or a refusal."""

import itertools
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import phonenumbers
from django.conf import settings
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from accounts import locations, permissions
from accounts.models import Customer, User, make_name_key
from config import dynamodb, errors, zone_names
from telephony import dialing_rules, phone_verification
from telephony.models import PhoneVerification
from telephony.numbers import purchase
from tests.support.bulk import put_records
from tests.support.users import create_shift, now, simulate_call

REFUSALS = {"time_zone_without_place", "unknown_time_zone"}, {"phone_not_callable"}, {"profile_required"}
"""Codes by what refuses: the creation of the location, the verification, the purchase."""
ANSWERED = "answered"
SHIFT_START, SHIFT_END = datetime(2027, 6, 2, 9), datetime(2027, 6, 2, 17)  # noqa: DTZ001 - wall times
CALLED_AT = datetime(2027, 6, 2, 9, 30)  # noqa: DTZ001 - a wall time
_numbers = itertools.count(1)


def test_each_zone_name_leads_to_an_answered_call_or_to_one_refusal(
    web: str, record_figure: Callable[[str], None]
) -> None:
    """iamkun/dayjs#2784 and its kind: a name is understood if calls there are answered."""
    began_at = now()
    owners = {name: build_owner(name) for name in sorted(zone_names.list_names() | {"Factory", "localtime"})}
    put_records(itertools.chain.from_iterable(owners.values()))
    results = {name: walk(name, owner) for name, (_, owner) in owners.items()}

    assert len(results) > 590
    for name, result in results.items():
        country = zone_names.country_of_zone(name)
        if country is None:
            assert result in REFUSALS[0], name
        elif country not in settings.CALL_COUNTRIES:
            assert result in REFUSALS[1], name
        elif country in ("US", "CA"):
            assert result == ANSWERED, name
        else:
            assert result == ANSWERED or result in REFUSALS[2], name
    seconds = (now() - began_at).total_seconds()
    counts = ", ".join(f"{count} {result}" for result, count in Counter(results.values()).most_common())
    record_figure(f"{len(results)} zone names from location to call in {seconds:.1f} s: {counts}")


def walk(zone: str, owner: User) -> str:
    """`ANSWERED`, or the code of the refusal."""
    actor = permissions.user_actor(owner)
    try:
        location = locations.create_location(actor=actor, name="Branch", time_zone=zone, at=now())
        verify_phone(owner)
        number = new_number(zone, PhoneNumberType.FIXED_LINE)
        purchase.purchase_number(number, location.id, actor=actor, at=now())
    except (errors.InvalidRequest, errors.Conflict) as refusal:
        return refusal.field_errors[0].code if refusal.field_errors else refusal.code
    create_shift(actor, location, owner.id, start=SHIFT_START, end=SHIFT_END)
    called_at = CALLED_AT.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    call = simulate_call(number, at=called_at.isoformat(), phones={owner.phone: "answers"})
    transcript = "\n".join(call["lines"])
    assert f"rings {owner.phone}" in transcript, (zone, transcript)
    assert f"talks with {owner.phone}" in transcript, (zone, transcript)
    return ANSWERED


def build_owner(zone: str) -> tuple[Customer, User]:
    """A customer and its owner, with a phone of the country of the zone, not verified."""
    at = now()
    customer_id, user_id = dynamodb.new_id("cus", at), dynamodb.new_id("usr", at)
    email = f"{user_id.lower()}@zones.example"
    customer = Customer(
        id=customer_id, name="Zimmer", name_key=make_name_key("Zimmer", customer_id), owner_count=1, created_at=at
    )
    owner = User(
        id=user_id,
        customer_id=customer_id,
        email=email,
        email_key=email,
        name="Zoe Zimmer",
        name_key=make_name_key("Zoe Zimmer", user_id),
        phone=new_number(zone, PhoneNumberType.MOBILE),
        settings={"ringing": True},
        locations=["*"],
        role="owner",
        status="active",
        created_at=at,
        updated_at=at,
    )
    return customer, owner


def verify_phone(user: User) -> None:
    """Verify a phone by the code that its call says."""
    actor = permissions.user_actor(user)
    phone_verification.start_verification(user, actor=actor, at=now())
    verification = dynamodb.get_record(PhoneVerification, user.id)
    assert verification
    reply = phone_verification.announce_code(user.id, str(verification.nonce), str(user.phone), at=now())
    code = "".join(character for character in str(reply.instructions[0]) if character.isdigit())
    phone_verification.confirm_code(user, code, actor=actor, at=now())


def new_number(zone: str, number_type: int) -> str:
    """Another number of the country of a zone; of one without numbers an American one."""
    country = zone_names.country_of_zone(zone) or "US"
    example = phonenumbers.example_number_for_type(country, number_type)
    prefix = phonenumbers.format_number(example, PhoneNumberFormat.E164)[:-4] if example else "+1415555"
    candidates = (f"{prefix}{next(_numbers) % 10_000:04}" for _ in range(10_000))
    return next(number for number in candidates if dialing_rules.normalize_number(number))
