"""Who is called: the people on duty or those that an action names, and why others are skipped."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from accounts import preferences, users
from config import dynamodb
from staffing.schedules import on_duty
from telephony import dialing_rules, ivr, reasons
from telephony.calls.rota import ongoing
from telephony.calls.rota.duty import DutyReader
from telephony.lines import ResolvedLine
from telephony.models import LastConversation, OngoingCall, PhonePause, PhoneVerification

if TYPE_CHECKING:
    from accounts.models import User

MAX_RINGING = 10
"""People that one ring action rings."""


@dataclass(frozen=True)
class RingCandidate:
    """Somebody whom a call could ring: either ``phone`` or ``why_not`` is empty."""

    id: str
    """Of the user; or the number that the configuration names."""
    name: str
    why: str
    """One of `reasons.WHY`."""
    phone: str = ""
    why_not: str = ""
    """One of `reasons.WHY_NOT`."""
    until: datetime | None = None
    """End of the shift."""
    paused_until: datetime | None = None
    """Of who is skipped for a break: when it ends."""
    answers_without_key: bool = False
    """Whether picking up is enough to answer."""
    location_id: str | None = None
    """Of a neighbour: the location at which they are on duty."""
    has_spoken_last: bool = False
    """Whether they ring first, as they talked last with this caller."""

    @property
    def reason(self) -> str:
        """Why the candidate rings, or does not, in words."""
        why = reasons.words("why", self.why)
        return f"{why}, does not ring: {reasons.words('why_not', self.why_not)}" if self.why_not else why


@dataclass(frozen=True)
class RingPlan:
    """Whom a ring action rings; ``lookup_failed`` if the rota could not be read in time."""

    candidates: Sequence[RingCandidate] = ()
    lookup_failed: bool = False
    minutes: int = 0
    """Longest conversation, which is reserved."""

    @property
    def ringable(self) -> list[RingCandidate]:
        """The candidates with a phone to ring, in order."""
        return [candidate for candidate in self.candidates if candidate.phone]

    def without_phones(self, why_not: str) -> "RingPlan":
        """The plan if nobody can be rung."""
        return RingPlan([replace(item, phone="", why_not=why_not) for item in self.candidates])


@dataclass(frozen=True)
class Match:
    """A user whom a ring action selects."""

    user: "User"
    why: str
    why_not: str = ""
    until: datetime | None = None
    location_id: str | None = None


def find_entrance(line: ResolvedLine, at: datetime, staff: Sequence[on_duty.OnDuty] | None) -> ivr.Entrance:
    """Where a call enters, with the people on duty; None: they are not known, so one may be.

    That holds on a holiday too: one of them may be planned on purpose.
    """

    def is_planned_for(day: date, zone: str) -> bool:
        return any(entry.is_planned_for(day, zone) for entry in staff or ())

    is_staffed = None if staff is None else bool(staff)
    return ivr.find_entrance(
        line.configuration, at, time_zone=line.time_zone, is_staffed=is_staffed, is_planned_for=is_planned_for
    )


def list_candidates(
    line: ResolvedLine, target: Mapping[str, Any], at: datetime, caller: str = "", *, duty: DutyReader | None = None
) -> list[RingCandidate]:
    """The candidates of a ring action in order, with those who are skipped. Two round trips.

    A call rings users with a verified phone in the line's country who enabled ringing, have no
    break and are not in another call. ``caller``: the number of the caller, for an action that
    rings first who talked with them last. ``duty``: what was read of the rota before.
    Another round trip if somebody talks in a call.
    """
    if "numbers" in target:
        return [number_candidate(number, line.country) for number in target["numbers"]]
    duty = duty or DutyReader(line, at, caller)
    if "users" in target:
        matches = match_named(duty.find_named(target["users"]))
    else:
        matches = match_on_duty(line, target["onDuty"], duty.list_staff_of(target))
    duty.read_phones((match.user.id for match in matches), target)
    records = duty.records
    talking = ongoing.find_talking((records.get(OngoingCall, match.user.id) for match in matches), at)
    candidates = judge(matches, records, line, at, talking)
    conversations = (records.get(LastConversation, key.hash) for key in duty.conversation_keys(target))
    return _limit(_put_first(candidates, {conversation.user_id for conversation in conversations if conversation}))


def judge(
    matches: Iterable[Match],
    records: dynamodb.BatchResult,
    line: ResolvedLine,
    at: datetime,
    talking: Collection[str] = (),
) -> list[RingCandidate]:
    """Whom of those that a ring action selects a call could ring, by records that were read.

    ``talking``: the ids of those who talk in another call.
    """
    matches = list(matches)
    candidates = [_to_candidate(match, records, line, at, is_talking=match.user.id in talking) for match in matches]
    return _without_phones(candidates, _list_taken_phones(matches, records, talking, at))


def _list_taken_phones(
    matches: Iterable[Match], records: dynamodb.BatchResult, talking: Collection[str], at: datetime
) -> set[str]:
    """The verified phones of users who talk, or have a break: others may share them."""
    phones: set[str] = set()
    for user in (match.user for match in matches):
        verification, pause = records.get(PhoneVerification, user.id), records.get(PhonePause, user.id)
        is_paused = pause is not None and pause.is_current(at)
        if (is_paused or user.id in talking) and verification and verification.phone == user.phone:
            phones.add(str(user.phone))
    return phones


def _without_phones(candidates: Iterable[RingCandidate], phones: Collection[str]) -> list[RingCandidate]:
    """The candidates, of whom those with these phones do not ring."""
    return [replace(item, phone="", why_not="same_phone") if item.phone in phones else item for item in candidates]


def _to_candidate(
    match: Match, records: dynamodb.BatchResult, line: ResolvedLine, at: datetime, *, is_talking: bool
) -> RingCandidate:
    user = match.user
    why_not = exclusion_reason(match, records, line.country)
    phone_pause = records.get(PhonePause, user.id)
    if not why_not and phone_pause and phone_pause.is_current(at):
        why_not = "on_a_break"
    if not why_not and is_talking:
        why_not = "on_a_call"
    return RingCandidate(
        user.id,
        user.name,
        match.why,
        phone="" if why_not else str(user.phone),
        why_not=why_not,
        until=match.until,
        paused_until=phone_pause.paused_until if phone_pause and why_not == "on_a_break" else None,
        answers_without_key=preferences.is_answering_without_key(user.settings),
        location_id=match.location_id,
    )


def _put_first(candidates: Sequence[RingCandidate], user_ids: Collection[str]) -> list[RingCandidate]:
    """The candidates, first who of these users can be rung."""
    first = [replace(item, has_spoken_last=True) for item in candidates if item.id in user_ids and item.phone]
    return [*first, *(item for item in candidates if item.id not in {chosen.id for chosen in first})]


def _limit(candidates: Sequence[RingCandidate]) -> list[RingCandidate]:
    """The candidates, of whom `MAX_RINGING` ring, each phone once."""
    limited: list[RingCandidate] = []
    phones: set[str] = set()
    for candidate in candidates:
        if candidate.phone and (len(phones) == MAX_RINGING or candidate.phone in phones):
            why_not = "same_phone" if candidate.phone in phones else "too_many"
            limited.append(replace(candidate, phone="", why_not=why_not))
        else:
            limited.append(candidate)
            phones |= {candidate.phone} - {""}
    return limited


def number_candidate(number: str, country: str | None) -> RingCandidate:
    """A number that the configuration names, for a call from a line in a country."""
    why_not = dialing_rules.rejection_reason(number, country)
    return RingCandidate(number, number, "named", "" if why_not else number, why_not)


def match_named(named: "Iterable[User]") -> list[Match]:
    """The users whom a ring action names."""
    return [Match(user, "named") for user in named]


def match_on_duty(
    line: ResolvedLine, duty_target: Mapping[str, Any], people: Mapping[str, Sequence[on_duty.OnDuty]]
) -> list[Match]:
    """The people on duty, by location, for a ring action, with those whom it does not select."""
    matches: dict[str, Match] = {}
    for location_id, entries in people.items():
        for entry in entries:
            is_neighbour = location_id != line.location_id
            why = "neighbour" if is_neighbour else "handing_over" if entry.is_over else entry.reason
            why_not = filter_reason(entry.user, duty_target)
            match = Match(entry.user, why, why_not, entry.until, location_id if is_neighbour else None)
            matches.setdefault(entry.user.id, match)
    return list(matches.values())


def filter_reason(user: "User", duty_target: Mapping[str, Any]) -> str:
    """Why a ring action does not select a user on duty; empty if it does."""
    if "roles" in duty_target and user.role not in duty_target["roles"]:
        return "other_role"
    if "skills" in duty_target and not set(duty_target["skills"]) & set(user.skills):
        return "other_skill"
    return ""


def exclusion_reason(match: Match, records: dynamodb.BatchResult, country: str | None) -> str:
    """Why a call would never ring a user, whether they talk or have a break; empty if it may."""
    return match.why_not or skip_reason(match.user, records.get(PhoneVerification, match.user.id), country)


def skip_reason(user: "User", verification: PhoneVerification | None, country: str | None) -> str:
    """Why a call from a line in a country does not ring a user; empty if it does."""
    if user.status not in users.WORKING_STATUSES:
        return "blocked"
    is_ringing_enabled = preferences.is_ringing_enabled(user.settings)
    if user.status == "invited" and verification is None and not is_ringing_enabled:
        return "not_signed_in"  # what else there is to do is done in the app; who verified a phone has been there
    if not user.phone:
        return "no_phone"
    if not is_ringing_enabled:
        return "ringing_off"
    if verification is None or verification.phone != user.phone:
        return "phone_not_verified"
    return dialing_rules.rejection_reason(user.phone, country)
