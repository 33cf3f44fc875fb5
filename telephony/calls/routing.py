"""Whom a call rings: who is on duty, or who is named, and why somebody is not rung."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accounts import preferences, users
from config import dynamodb
from staffing.schedules import on_duty
from telephony import dialing_rules, ivr
from telephony.lines import ResolvedLine
from telephony.models import PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User

MAX_RINGING = 10
"""People that one ring action rings."""
LOOKUP_BUDGET = 2.0
"""Seconds for finding out; a caller is not kept waiting longer."""


@dataclass(frozen=True)
class RingCandidate:
    """Somebody who could be rung. ``phone`` is empty where they are not, ``why_not`` says why."""

    id: str
    """Of the user; or the number that the configuration names."""
    name: str
    why: str
    """scheduled, moved, covering, handing_over or named"""
    phone: str = ""
    why_not: str = ""
    until: datetime | None = None


def staff_on_duty(line: ResolvedLine, at: datetime, grace: timedelta) -> list[on_duty.OnDuty]:
    """Who is on duty there, then who has just left."""
    return on_duty.list_on_duty(line.location_id, at, customer_id=line.customer_id, grace=grace)


def list_candidates(line: ResolvedLine, target: Mapping[str, Any], at: datetime) -> list[RingCandidate]:
    """Everybody a ring action may ring, in order, with those it does not. Three round trips.

    Rung are those with a verified phone, in the location's country, who switched ringing on.
    """
    if "numbers" in target:
        return [_number_candidate(number, line.country) for number in target["numbers"]]
    if "users" in target:
        matches = _match_named_users(line, target["users"])
    else:
        matches = _match_on_duty(line, target["onDuty"], at)
    verifications = dynamodb.batch_get(dynamodb.RecordKey(PhoneVerification, candidate[0].id) for candidate in matches)
    all_candidates = [
        _to_candidate(user, why, until, filter_reason, verifications.get(PhoneVerification, user.id), line.country)
        for user, why, until, filter_reason in matches
    ]
    ringing_ids = [candidate.id for candidate in all_candidates if candidate.phone][:MAX_RINGING]
    return [_skip_if_too_many(candidate, ringing_ids) for candidate in all_candidates]


def _skip_if_too_many(candidate: RingCandidate, ringing_ids: list[str]) -> RingCandidate:
    if candidate.phone and candidate.id not in ringing_ids:
        return RingCandidate(candidate.id, candidate.name, candidate.why, why_not="too_many", until=candidate.until)
    return candidate


def _match_named_users(line: ResolvedLine, user_ids: list[str]) -> "list[tuple[User, str, datetime | None, str]]":
    users_by_id = users.load_users(user_ids, line.customer_id)
    return [(users_by_id[user_id], "named", None, "") for user_id in user_ids if user_id in users_by_id]


def _match_on_duty(
    line: ResolvedLine, duty_target: Mapping[str, Any], at: datetime
) -> "list[tuple[User, str, datetime | None, str]]":
    matches: dict[str, tuple[User, str, datetime | None, str]] = {}
    for duty_entry in staff_on_duty(line, at, ivr.duty_grace_period(duty_target)):
        why = "handing_over" if duty_entry.is_over else duty_entry.reason
        matches.setdefault(
            duty_entry.user.id, (duty_entry.user, why, duty_entry.until, _filter_reason(duty_entry.user, duty_target))
        )
    return list(matches.values())


def _filter_reason(user: "User", duty_target: Mapping[str, Any]) -> str:
    if "roles" in duty_target and user.role not in duty_target["roles"]:
        return "other_role"
    if "skills" in duty_target and not set(duty_target["skills"]) & set(user.skills):
        return "other_skill"
    return ""


def _to_candidate(
    user: "User",
    why: str,
    until: datetime | None,
    filter_reason: str,
    verification: PhoneVerification | None,
    country: str | None,
) -> RingCandidate:
    phone = user.phone or ""
    skip_reason = filter_reason or _skip_reason(user, phone, verification, country)
    return RingCandidate(user.id, user.name, why, "" if skip_reason else phone, skip_reason, until)


def _skip_reason(user: "User", phone: str, verification: PhoneVerification | None, country: str | None) -> str:
    if user.status not in on_duty.WORKING_STATUSES:
        return "blocked"
    if not phone:
        return "no_phone"
    if not preferences.is_ringing_enabled(user.settings):
        return "ringing_off"
    if verification is None or verification.phone != phone:
        return "phone_not_verified"
    return dialing_rules.rejection_reason(phone, country)


def _number_candidate(number: str, country: str | None) -> RingCandidate:
    skip_reason = dialing_rules.rejection_reason(number, country)
    return RingCandidate(number, number, "named", "" if skip_reason else number, skip_reason)
