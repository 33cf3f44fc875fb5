"""Ringing everybody at once, so that it holds when a mailbox picks up first.

Every phone is called by itself, and who presses 1 first meets the caller in a conference; the
caller hears a ringing tone meanwhile and asks every few seconds what became of it.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime

from django.conf import settings

from accounts import permissions
from config import errors, journal
from telephony import ivr
from telephony.calls import call_record
from telephony.calls.call_record import Plan, told
from telephony.ivr.phrases import said
from telephony.lines import Answering
from telephony.models import Call
from telephony.twilio import client

TONE = "/static/telephony/ringing.wav"
"""As long as `ivr.WAIT_SECONDS`."""
SPARE_SECONDS = 18
"""Beyond the ringing: Twilio adds some, and who has just picked up hears what it is about."""


def place(
    call: Call, line: Answering, path: str, action: ivr.Action, plan: Plan, at: datetime
) -> None:
    """Call every phone of a plan; once, however often it is asked for."""
    rung = [told("rung", at, who=one.id, why=one.why) for one in plan.rung]
    if call_record.once(call.id, f"place {path}", *rung) is None:
        return
    seconds = int(action.get("ringSeconds", ivr.RING_SECONDS))
    base = f"{settings.PUBLIC_BASE_URL}/telephony/voice/"

    def leg(number: int) -> None:
        where = {"c": call.id, "p": path, "n": number}
        try:
            sid = client.ring(
                plan.rung[number].phone,
                caller_id=line.number,
                url=base + ivr.step("leg", **where),
                seconds=seconds,
                ended=base + ivr.step("left", **where),
                most=settings.TELEPHONY["call_minutes"] * 60,
            )
        except (client.Refused, errors.Unavailable):
            left(call.id, path, number, status="failed", at=at)
        else:
            call_record.once(call.id, f"leg {path} {number} {sid}")

    with ThreadPoolExecutor(len(plan.rung)) as pool:
        list(pool.map(leg, range(len(plan.rung))))


def waiting(path: str, round: int) -> list[ivr.Instruction]:
    """A ringing tone, then ask again."""
    tone = ivr.Prompt(play=settings.PUBLIC_BASE_URL + TONE)
    return [tone, ivr.GoOn(ivr.step("wait", p=path, k=round))]


def room(call: Call, line: Answering) -> ivr.Join:
    """Where the caller and who took the call meet."""
    is_recorded = ivr.records_calls(line.configuration)
    return ivr.Join(
        call.id,
        then="bye",
        most_seconds=settings.TELEPHONY["call_minutes"] * 60,
        record=ivr.step("recorded", c=call.id) if is_recorded else "",
    )


def is_over(call: Call, path: str, action: ivr.Action, round: int) -> bool:
    """Whether nobody will take the call any more."""
    if is_taken(call, path):
        return False
    seconds = int(action.get("ringSeconds", ivr.RING_SECONDS))
    if round * ivr.WAIT_SECONDS >= seconds + SPARE_SECONDS:
        return True
    plan = call_record.plan_of(call, path)
    many = len(plan.rung) if plan else 0
    return all(call_record.is_done(call, f"left {path} {number}") for number in range(many))


def close(call_id: str, path: str) -> Call | None:
    """Let nobody take the call by this action any more, unless somebody just did."""
    closed = call_record.once(call_id, f"closed {path}", unless=f"accept {path}")
    return closed or call_record.get(call_id)


def is_closed(call: Call, path: str) -> bool:
    """Whether the caller has gone on; also from who pressed 1 and hung up before they met."""
    return call_record.is_done(call, f"closed {path}") or _winner_left(call, path)


def is_taken(call: Call, path: str) -> bool:
    """Whether somebody pressed 1 and is there."""
    return call_record.is_done(call, f"accept {path}") and not _winner_left(call, path)


def _winner_left(call: Call, path: str) -> bool:
    return any(
        call_record.is_done(call, f"left {path} {number}") for number in _winners(call, path)
    )


def _winners(call: Call, path: str) -> list[int]:
    return [
        event["leg"]
        for event in call_record.events(call)
        if event["kind"] == "accepted" and event.get("path") == path
    ]


def leg(call: Call, path: str, number: int) -> list[ivr.Instruction]:
    """Somebody, or their mailbox, picked up."""
    line = call_record.line_of(call)
    return ivr.screening(
        line.location,
        language=str(line.configuration["language"]),
        then=ivr.step("joined", c=call.id, p=path, n=number),
        is_recorded=ivr.records_calls(line.configuration),
    )


def joined(
    call_id: str, path: str, number: int, pressed: str, *, at: datetime, due: datetime
) -> list[ivr.Instruction]:
    """What who picked up has pressed: the first to press 1 joins the caller.

    The other legs are ended at ``due``.
    """
    call = call_record.get(call_id)
    plan = call_record.plan_of(call, path) if call else None
    if call is None or plan is None or pressed != "1" or number >= len(plan.rung):
        return [ivr.Hangup()]
    line = call_record.line_of(call)
    language = str(line.configuration["language"])
    if call.ended_at:
        return [ivr.Prompt(said("gone", language)), ivr.Hangup()]
    who = plan.rung[number].id
    taken = call_record.once(
        call_id,
        f"accept {path}",
        told("accepted", at, who=who, path=path, leg=number),
        also=[Call.outcome.set("answered"), Call.answered_by.set(who)],
        unless=f"closed {path}",
    )
    after = taken or call_record.get(call_id) or call
    if number not in _winners(after, path):
        return [ivr.Prompt(said("taken", language)), ivr.Hangup()]
    if taken:
        with suppress(errors.Unavailable):  # they end by themselves, only later
            end_legs(after, due)
    return [room(call, line)]


def left(call_id: str, path: str, number: int, *, status: str, at: datetime) -> None:
    """A leg is over."""
    call = call_record.get(call_id)
    plan = call_record.plan_of(call, path) if call else None
    if call is None or plan is None or number >= len(plan.rung):
        return
    who = plan.rung[number].id
    how = {"no-answer": "no_answer", "busy": "busy", "completed": "not_pressed"}
    happened = (
        []
        if call.answered_by == who
        else [told("not_taken", at, who=who, how=how.get(status, "failed"))]
    )
    call_record.once(call_id, f"left {path} {number}", *happened)


def end_legs(call: Call, at: datetime) -> None:
    """Have the legs of a call ended that nobody needs any more."""
    if any(step.startswith("leg ") for step in call.steps or ()):
        with journal.intend(actor=permissions.system(call.customer_id), at=at) as write:
            write.later("telephony.hang_up", call_id=call.id)


def hang_up(call_id: str) -> None:
    """End every leg but the one that was taken. Raises `errors.Unavailable`."""
    call = call_record.get(call_id)
    if call is None:
        return
    for step in sorted(call.steps or ()):
        if not step.startswith("leg "):
            continue
        _, path, number, sid = step.split(" ")
        is_there = int(number) in _winners(call, path) and call.ended_at is None
        if not is_there and not call_record.is_done(call, f"left {path} {number}"):
            with suppress(client.Refused):
                client.hang_up(sid)
