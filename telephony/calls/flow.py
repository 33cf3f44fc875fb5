"""What a call meets, step by step: every function answers one webhook of Twilio's.

The steps hold no state between them: what a webhook needs is in its address and in the record of
the call. A rota that fails or takes longer than `ringing.BUDGET` leads to voicemail, never to
silence; so does a store that does not answer.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings

from config import bulkhead, dynamodb, errors
from telephony import ivr, lines, usage
from telephony.calls import call_record, ring_all, routing
from telephony.calls.call_record import Plan, told
from telephony.ivr.phrases import said
from telephony.lines import Answering
from telephony.models import Call

log = logging.getLogger("dutyline.calls")
T = TypeVar("T")
_soon = bulkhead.Gate("The rota", at_once=16, budget=routing.BUDGET)


@dataclass(frozen=True)
class Spoken:
    """What a webhook is answered: instructions, and in what language and voice they are said."""

    instructions: Sequence[ivr.Instruction]
    language: str = "en-US"
    voice: str | None = None


def soon(task: Callable[[], T]) -> T | None:
    """What a task answers; None where it fails or takes too long: a caller is waiting."""
    try:
        return _soon.call(task)
    except errors.Unavailable as error:
        log.warning("a call goes on without what it asked for", extra={"why": error.detail})
    except Exception:  # whatever is wrong with us, the caller must hear something
        log.exception("a call goes on after a failure")
    return None


def incoming(call_id: str, *, caller: str, number: str, at: datetime) -> Spoken:
    """Somebody calls a number."""
    found = soon(lambda: (lines.answering(number, caller), call_record.get(call_id)))
    if found is None:
        return Spoken(ivr.last_resort(None, "open"))
    line, call = found
    if call is not None:
        return _enter(call, call_record.line_of(call), at)
    if line is None:
        return Spoken([ivr.Prompt(said("not_in_service", "en")), ivr.Hangup()])
    if line.is_suspended or line.is_called_by_us:
        language = str(line.configuration["language"])
        return Spoken([ivr.Prompt(said("closed", language)), ivr.Hangup()], language)
    about: dict[str, Any] = {"caller": caller, "entrance": _entrance(line, at), "at": at}
    kept = soon(lambda: call_record.begin(call_id, line, **about))
    return _enter(kept or call_record.unkept(call_id, line, **about), line, at)


def _entrance(line: Answering, at: datetime) -> str:
    """Where a call enters. Without knowing the rota, as if the line were open."""
    somebody: bool | None = True
    if ivr.follows_rota(line.configuration):
        grace = ivr.grace(line.configuration)
        somebody = soon(lambda: bool(routing.staff_on_duty(line, at, grace)))
    if somebody is None:
        return "open"
    return ivr.entrance(line.configuration, at, zone=line.zone, somebody_is_there=somebody)


def _enter(call: Call, line: Answering, at: datetime) -> Spoken:
    greeting = ivr.greeting(line.configuration)
    return _spoken(line, [*greeting, *_follow(call, line, call_record.entrance(call), at)])


def _spoken(line: Answering, instructions: Sequence[ivr.Instruction]) -> Spoken:
    configuration = line.configuration
    return Spoken(instructions, str(configuration["language"]), configuration.get("voice"))


# --- following the configuration ------------------------------------------------------------------
def _follow(call: Call, line: Answering, path: str, at: datetime) -> list[ivr.Instruction]:
    """From an action on, until something has to be waited for."""
    spoken: list[ivr.Instruction] = []
    while action := ivr.action_at(line.configuration, path):
        if action["type"] == "say":
            spoken.append(ivr.prompt(action["prompt"]))
            if "then" not in action:
                return [*spoken, ivr.Hangup()]
            path = f"{path}/then"
        elif action["type"] == "ring":
            step = _ring(call, line, path, action, at)
            if step:
                return [*spoken, *step]
            path = f"{path}/otherwise"
        elif action["type"] == "menu":
            return [*spoken, *ivr.menu(action, path, 0)]
        elif action["type"] == "voicemail":
            return [*spoken, *ivr.voicemail(action, path, str(line.configuration["language"]))]
        else:
            return [*spoken, ivr.Hangup()]
    return [*spoken, *ivr.last_resort(line.configuration, path)]


def _ring(
    call: Call, line: Answering, path: str, action: ivr.Action, at: datetime
) -> list[ivr.Instruction]:
    """Ring whom the action says; nothing where nobody can be rung."""
    plan = _plan(call, line, path, action, at)
    if plan.is_lost:
        return ivr.last_resort(line.configuration, path)
    if not plan.rung:
        return []
    if action.get("strategy", "sequence") == "all":
        soon(lambda: ring_all.place(call, line, path, action, plan, at))
        return ring_all.waiting(path, 0)
    return [_dial(call, line, path, action, plan, 0)]


def _plan(call: Call, line: Answering, path: str, action: ivr.Action, at: datetime) -> Plan:
    """Whom an action rings: found out once per call."""
    kept = call_record.plan_of(call, path)
    if kept is not None:
        return kept
    plan = soon(lambda: _found(line, action, at)) or Plan(is_lost=True)
    happened = [_noted(plan, at)]
    if plan.rung and action.get("strategy", "sequence") == "sequence":
        happened.append(told("rung", at, who=plan.rung[0].id, why=plan.rung[0].why))
    text = call_record.planned(plan, path, call.id)
    if soon(lambda: (call_record.once(call.id, f"plan {path}", *happened, plan=text),)) == (None,):
        again = soon(lambda: call_record.get(call.id))  # the same webhook was quicker
        return (call_record.plan_of(again, path) if again else None) or plan
    return plan


def _found(line: Answering, action: ivr.Action, at: datetime) -> Plan:
    people, used = dynamodb.together(
        lambda: routing.candidates(line, action["target"], at),
        lambda: usage.minutes_used(line.customer_id, at),
    )
    if used >= settings.TELEPHONY["daily_minutes"]:
        people = [routing.Candidate(p.id, p.name, p.why, why_not="minutes_used_up") for p in people]
    return Plan(people)


def _noted(plan: Plan, at: datetime) -> str:
    if plan.is_lost:
        return told("lookup_failed", at)
    return told("planned" if plan.rung else "nobody_to_ring", at)


def _dial(
    call: Call, line: Answering, path: str, action: ivr.Action, plan: Plan, number: int
) -> ivr.Instruction:
    where: dict[str, Any] = {"c": call.id, "p": path, "n": number}
    return ivr.Ring(
        number=plan.rung[number].phone,
        caller_id=line.number,
        seconds=int(action.get("ringSeconds", ivr.RING_SECONDS)),
        screen=ivr.step("screen", **where),
        then=ivr.step("dialled", p=path, n=number),
        most_seconds=settings.TELEPHONY["call_minutes"] * 60,
        record=ivr.step("recorded") if ivr.records_calls(line.configuration) else "",
    )


# --- the steps after the first --------------------------------------------------------------------
def key(call_id: str, path: str, attempt: int, pressed: str, *, at: datetime) -> Spoken:
    """A key was pressed in a menu, or none in time."""
    call = soon(lambda: call_record.get(call_id))
    if call is None:
        return Spoken(ivr.last_resort(None, path))
    line = call_record.line_of(call)
    action = ivr.action_at(line.configuration, path)
    if action is None or action["type"] != "menu":
        return _spoken(line, ivr.last_resort(line.configuration, path))
    leads_to = ivr.after_key(action, path, pressed, attempt)
    happened = told("key", at, key=pressed or None)
    soon(lambda: call_record.once(call_id, f"key {path} {attempt}", happened))
    if isinstance(leads_to, int):
        return _spoken(line, ivr.menu(action, path, leads_to))
    return _spoken(line, _follow(call, line, leads_to, at))


def screen(call_id: str, path: str, number: int) -> Spoken:
    """Somebody, or their mailbox, picked up: only who presses 1 is put through."""
    call = soon(lambda: call_record.get(call_id))
    then = ivr.step("screened", c=call_id, p=path, n=number)
    if call is None:
        return Spoken(ivr.screening("Dutyline", language="en", then=then, is_recorded=False))
    line = call_record.line_of(call)
    asked = ivr.screening(
        line.location,
        language=str(line.configuration["language"]),
        then=then,
        is_recorded=ivr.records_calls(line.configuration),
    )
    return _spoken(line, asked)


def screened(call_id: str, path: str, number: int, pressed: str, *, at: datetime) -> Spoken:
    """What who picked up has pressed."""
    if pressed != "1":
        return Spoken([ivr.Hangup()])

    def note() -> None:
        call = call_record.get(call_id)
        plan = call_record.plan_of(call, path) if call else None
        if plan and number < len(plan.rung):
            who = plan.rung[number].id
            call_record.once(
                call_id,
                f"accept {path} {number}",
                told("accepted", at, who=who),
                also=[Call.outcome.set("answered"), Call.answered_by.set(who)],
            )

    soon(note)
    return Spoken([ivr.Connect()])


def dialled(
    call_id: str, path: str, number: int, *, status: str, is_bridged: bool, at: datetime
) -> Spoken:
    """Ringing somebody is over: they talked, or it is the next one's turn."""
    call = soon(lambda: call_record.get(call_id))
    if is_bridged or (call and call_record.is_done(call, f"accept {path} {number}")):
        return Spoken([ivr.Hangup()])
    if call is None:
        return Spoken(ivr.last_resort(None, path))
    line = call_record.line_of(call)
    action = ivr.action_at(line.configuration, path)
    plan = call_record.plan_of(call, path)
    if action is None or plan is None or number >= len(plan.rung):
        return _spoken(line, ivr.last_resort(line.configuration, path))
    happened = [told("not_taken", at, who=plan.rung[number].id, how=_how(status))]
    following = plan.rung[number + 1 : number + 2]
    happened += [told("rung", at, who=one.id, why=one.why) for one in following]
    soon(lambda: call_record.once(call_id, f"dialled {path} {number}", *happened))
    if following:
        return _spoken(line, [_dial(call, line, path, action, plan, number + 1)])
    return _spoken(line, _follow(call, line, f"{path}/otherwise", at))


def _how(status: str) -> str:
    """Twilio's word for how a leg ended, in ours."""
    known = {"no-answer": "no_answer", "busy": "busy", "completed": "not_pressed"}
    return known.get(status, "failed")


def wait(call_id: str, path: str, round: int, *, at: datetime) -> Spoken:
    """The caller waits while everybody is rung at once."""
    call = soon(lambda: call_record.get(call_id))
    if call is None:
        return Spoken(ivr.last_resort(None, path))
    line = call_record.line_of(call)
    action = ivr.action_at(line.configuration, path)
    if action is None:
        return _spoken(line, ivr.last_resort(line.configuration, path))
    if ring_all.is_over(call, path, action, round):
        call = soon(lambda: ring_all.close(call_id, path)) or call
    if ring_all.is_taken(call, path):
        return _spoken(line, [ring_all.room(call, line)])
    if ring_all.is_closed(call, path):
        return _spoken(line, _follow(call, line, f"{path}/otherwise", at))
    return _spoken(line, ring_all.waiting(path, round + 1))


def ended(call_id: str, *, seconds: int, at: datetime, due: datetime) -> None:
    """The caller's call is over; legs that nobody needs any more are ended at ``due``."""
    call = call_record.get(call_id)
    if call is None:
        return
    times = [Call.ended_at.set(at), Call.seconds.set(seconds)]
    is_new = call_record.once(call_id, "ended", told("ended", at), also=times)
    if is_new:
        call_record.conclude(is_new)
        usage.add_minutes(call.customer_id, -(-seconds // 60), at)
        ring_all.end_legs(is_new, due)
