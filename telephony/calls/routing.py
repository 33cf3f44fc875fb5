"""Whom a call rings: who is on duty, or who is named, and why somebody is not rung."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from accounts import preferences, users
from config import dynamodb
from staffing.schedules import on_duty
from telephony import dialing_rules, ivr
from telephony.lines import Answering
from telephony.models import Proof

if TYPE_CHECKING:
    from accounts.models import User

MOST = 10
"""People that one ring action rings."""
BUDGET = 2.0
"""Seconds for finding out; a caller is not kept waiting longer."""


@dataclass(frozen=True)
class Candidate:
    """Somebody who could be rung. ``phone`` is empty where they are not, ``why_not`` says why."""

    id: str
    """Of the user; or the number that the configuration names."""
    name: str
    why: str
    """scheduled, moved, covering, handing_over or named"""
    phone: str = ""
    why_not: str = ""
    until: datetime | None = None


def staff_on_duty(line: Answering, at: datetime, grace: timedelta) -> list[on_duty.OnDuty]:
    """Who is on duty there, then who has just left."""
    return on_duty.on_duty(line.location_id, at, customer_id=line.customer_id, grace=grace)


def candidates(line: Answering, target: Mapping[str, Any], at: datetime) -> list[Candidate]:
    """Everybody a ring action may ring, in order, with those it does not. Three round trips.

    Rung are those with a verified phone, in the location's country, who switched ringing on.
    """
    if "numbers" in target:
        return [_of_number(number, line.country) for number in target["numbers"]]
    if "users" in target:
        wanted = _named(line, target["users"])
    else:
        wanted = _there(line, target["onDuty"], at)
    proofs = dynamodb.fetch(dynamodb.Key(Proof, one[0].id) for one in wanted)
    found = [
        _judged(user, why, until, why_not, proofs.get(Proof, user.id), line.country)
        for user, why, until, why_not in wanted
    ]
    rung = [one.id for one in found if one.phone][:MOST]
    return [_unless_too_many(one, rung) for one in found]


def _unless_too_many(one: Candidate, rung: list[str]) -> Candidate:
    if one.phone and one.id not in rung:
        return Candidate(one.id, one.name, one.why, why_not="too_many", until=one.until)
    return one


def _named(line: Answering, ids: list[str]) -> "list[tuple[User, str, datetime | None, str]]":
    people = users.named(ids, line.customer_id)
    return [(people[id], "named", None, "") for id in ids if id in people]


def _there(
    line: Answering, asked: Mapping[str, Any], at: datetime
) -> "list[tuple[User, str, datetime | None, str]]":
    wanted: dict[str, tuple[User, str, datetime | None, str]] = {}
    for one in staff_on_duty(line, at, ivr.grace_of(asked)):
        why = "handing_over" if one.is_over else one.reason
        wanted.setdefault(one.user.id, (one.user, why, one.until, _filtered(one.user, asked)))
    return list(wanted.values())


def _filtered(user: "User", asked: Mapping[str, Any]) -> str:
    if "roles" in asked and user.role not in asked["roles"]:
        return "other_role"
    if "skills" in asked and not set(asked["skills"]) & set(user.skills):
        return "other_skill"
    return ""


def _judged(
    user: "User",
    why: str,
    until: datetime | None,
    why_not: str,
    proof: Proof | None,
    country: str | None,
) -> Candidate:
    phone = user.phone or ""
    reason = why_not or _why_not(user, phone, proof, country)
    return Candidate(user.id, user.name, why, "" if reason else phone, reason, until)


def _why_not(user: "User", phone: str, proof: Proof | None, country: str | None) -> str:
    if user.status not in on_duty.WORKING:
        return "blocked"
    if not phone:
        return "no_phone"
    if not preferences.wants_ringing(user.settings):
        return "ringing_off"
    if proof is None or proof.phone != phone:
        return "phone_not_verified"
    return dialing_rules.why_not(phone, country)


def _of_number(number: str, country: str | None) -> Candidate:
    why_not = dialing_rules.why_not(number, country)
    return Candidate(number, number, "named", "" if why_not else number, why_not)
