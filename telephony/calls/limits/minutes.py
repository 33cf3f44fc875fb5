"""Call minutes: reserved before phones ring, counted when calls end, limited per customer and day.

A reservation is what the call can cost at most: the caller, the one phone that talks, and a little
for each phone that only rings. Calls share what is left, but no conversation gets less than
MIN_CONVERSATION: rather than leaving phones silent because minutes are reserved, calls under way
may reserve up to half more than those of the day, and those in a place that a location has for
itself whatever others reserve. Used minutes alone end ringing earlier.
"""

from dataclasses import replace
from datetime import datetime

from django.conf import settings

from telephony import ivr
from telephony.calls.limits import concurrency, usage
from telephony.calls.limits.usage import CALLER_MINUTES, Lease
from telephony.calls.rota.routing import RingPlan
from telephony.calls.state.call_record import CallRecord
from telephony.models import Usage

MIN_CONVERSATION = 15
"""What a conversation may take at least, if phones ring at all."""
MAX_SCREENING_SECONDS = 30
"""How long somebody who has picked up may take to press 1, beyond the ringing time."""
SHARE = 4
"""Caller and phone take at most a fourth of what is left together, so that others get some."""


def reserve(
    call: CallRecord, path: str, plan: RingPlan, *, is_sequence: bool, at: datetime, known_usage: Usage | None = None
) -> RingPlan:
    """The plan with the minutes a conversation may take; without phones if too few are left.

    One round trip if ``known_usage`` is the row of the day and nobody changes the lease meanwhile.

    One phone talks for as long as the caller. Another costs a minute if a mailbox picks up. The
    caller's minutes while phones ring in turn are those of `maxRingSeconds`.

    Raises `errors.Unavailable`.
    """
    wish, daily = settings.TELEPHONY["call_minutes"], settings.TELEPHONY["daily_minutes"]
    phones = len(plan.ringable)
    own_ringing = CALLER_MINUTES + (phones - 1 + _ringing_minutes(call, path, phones - 1) if is_sequence else 1)
    leg_ringing = 0 if is_sequence else phones
    max_committed = daily + daily // 2
    customer_id, day = call.row.customer_id, call.row.started_at
    known_rows = [known_usage] if known_usage else []

    def attempt() -> RingPlan | None:
        row = known_rows.pop() if known_rows else usage.load(customer_id, day)
        if usage.count_expired(row, customer_id, day=day, at=at):
            return None
        text = row.calls.get(call.id)
        if text is None and call.has_step("counted"):  # it ended meanwhile, or has waited for long
            return replace(plan, minutes=min(MIN_CONVERSATION, wish))
        lease = Lease.parse(text) if text else _uncounted_lease(call, at)
        if text and lease.path == path:
            return replace(plan, minutes=lease.limit)
        left = daily - int(row.committed) + lease.own - own_ringing - leg_ringing
        minutes = min(wish, max(MIN_CONVERSATION, left // SHARE // 2))
        new_lease = replace(
            lease,
            expires_at=usage.expiry(at, minutes),
            own=own_ringing + minutes * (2 if is_sequence else 1),
            legs=lease.legs + (0 if is_sequence else leg_ringing + minutes),
            path=path,
            limit=minutes,
        )
        added = new_lease.minutes - lease.minutes
        ringing = [Lease.parse(other) for id, other in row.calls.items() if id != call.id]
        has_own_place = concurrency.has_own_place(lease, [other for other in ringing if other.can_ring])
        if row.used >= daily or (row.committed + added > max_committed and not has_own_place):
            usage.notify_operators(row, customer_id, "call_minutes_all", day)
            return plan.without_phones("minutes_used_up" if row.used >= daily else "minutes_reserved")
        actions = [Usage.calls[call.id].set(new_lease.text), Usage.committed.add(added)]
        has_minutes = Usage.used < daily if has_own_place else Usage.committed <= max_committed - added
        only_if = usage.is_unchanged(call.id, text) & has_minutes
        if minutes > MIN_CONVERSATION:  # calls at the same time leave a share to each other
            most = daily + lease.own - own_ringing - leg_ringing - minutes * 2 * SHARE
            only_if &= Usage.committed <= most
        return replace(plan, minutes=minutes) if usage.update(customer_id, day, actions, only_if) else None

    return usage.repeat(attempt)


def are_used_up(customer_id: str, at: datetime) -> bool:
    """Whether a customer's call minutes of the day are used up. Raises `errors.Unavailable`."""
    return bool(usage.load(customer_id, at).used >= settings.TELEPHONY["daily_minutes"])


def settle(call: CallRecord) -> bool:
    """Count what a call has cost so far, and free what it cannot cost any more.

    A call that may only leave a message counts elsewhere: nobody uses up what others ring with.
    False if it has no lease: it was settled before, or the store failed when it began.
    """
    customer_id, day = call.row.customer_id, call.row.started_at
    is_over, legs = call.row.ended_at is not None, _open_leg_minutes(call)

    def attempt() -> bool | None:
        row = usage.load(customer_id, day)
        text = row.calls.get(call.id)
        if text is None:
            return False
        lease = Lease.parse(text)
        new_lease = replace(
            lease,
            own=0 if is_over else _own_minutes(call, lease),
            legs=lease.legs if _is_about_to_ring(call, lease.path) else min(legs, lease.legs),
            counted=max(_used_minutes(call), lease.counted),
        )
        is_settled = is_over and not new_lease.legs
        if new_lease == lease and not is_settled:
            return True
        used = new_lease.counted - lease.counted
        used_ringing = used if lease.can_ring else 0
        caller_actions, caller_is_unchanged = usage.count_caller(row, lease.caller, used)
        actions = [
            *caller_actions,
            Usage.calls[call.id].remove() if is_settled else Usage.calls[call.id].set(new_lease.text),
            Usage.committed.add(used_ringing + new_lease.minutes - lease.minutes),
            Usage.used.add(used_ringing),
            Usage.messages.add(used - used_ringing),
        ]
        only_if = usage.is_unchanged(call.id, text) & caller_is_unchanged
        return usage.count(customer_id, day, actions, only_if) or None

    return usage.repeat(attempt)


def count_without_lease(call: CallRecord) -> None:
    """Count a call that ended, for which nothing could be reserved when it began.

    Raises `errors.Unavailable`.
    """
    customer_id, day = call.row.customer_id, call.row.started_at
    caller, used = _uncounted_lease(call, day).caller, _used_minutes(call)

    def attempt() -> bool | None:
        caller_actions, caller_is_unchanged = usage.count_caller(usage.load(customer_id, day), caller, used)
        actions = [*caller_actions, Usage.committed.add(used), Usage.used.add(used)]
        return usage.count(customer_id, day, actions, caller_is_unchanged) or None

    usage.repeat(attempt)


def to_minutes(seconds: int) -> int:
    """What a phone costs: each minute that begins."""
    return -(-seconds // 60)


def _uncounted_lease(call: CallRecord, at: datetime) -> Lease:
    """The lease of a call that could not be counted when it began: nothing is reserved yet."""
    return replace(usage.new_lease(at, call.row.location_id, call.row.caller), own=0)


def _own_minutes(call: CallRecord, lease: Lease) -> int:
    """What the caller may still take: less once nobody answered, who then leaves a voicemail."""
    plan, path = call.plan(lease.path) or RingPlan(), lease.path
    phones = len(plan.ringable)
    is_over = call.has_step("closed", path) or call.has_step("dialled", path, phones - 1)
    if not phones or not is_over or any(step.kind == "accept" and step.path == path for step in call.steps):
        return lease.own
    ringing = 1 if call.has_step("place", path) else _ringing_minutes(call, path, phones)
    return min(lease.own, CALLER_MINUTES + ringing)


def _ringing_minutes(call: CallRecord, path: str, phones: int) -> int:
    """What the caller waits at most while these phones ring in turn."""
    return min(phones, to_minutes(ivr.max_ring_seconds(call.action(path) or {}) + MAX_SCREENING_SECONDS))


def _used_minutes(call: CallRecord) -> int:
    """Minutes of the caller and of the phones that are over.

    A phone that rang in turn and was connected, without a report of its end, counts as long as the
    caller.
    """
    caller = to_minutes(int(call.row.seconds or 0)) if call.row.ended_at else 0
    accepted = [step for step in call.steps if step.kind == "accept" and step.number is not None]
    unreported = [step for step in accepted if not call.has_step("dialled", step.path, step.number)]
    return int(call.row.leg_minutes) + caller + (caller if unreported else 0)


def _is_about_to_ring(call: CallRecord, path: str) -> bool:
    """Whether phones that ring at once are reserved but not called yet: a record may be older.

    They are not called any more once the call has ended.
    """
    action = call.action(path) or {}
    return not call.row.ended_at and action.get("strategy") == "all" and not call.has_step("place", path)


def _open_leg_minutes(call: CallRecord) -> int:
    """Minutes that the phones which ring at once, and are not over, may take: one of them talks."""
    total = 0
    for path in (step.path for step in call.steps if step.kind == "place"):
        plan = call.plan(path) or RingPlan()
        open_legs = sum(not call.has_step("left", path, number) for number in range(len(plan.ringable)))
        is_answered = call.has_step("accept", path)
        can_talk = is_answered or not (call.row.ended_at or call.has_step("closed", path))
        total += open_legs + (plan.minutes if open_legs and can_talk else 0)
    return total
