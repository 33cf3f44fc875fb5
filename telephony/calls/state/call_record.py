"""The record of a call: its line, steps, events, ring plans and recordings.

Twilio may send a webhook twice, or late. Each webhook therefore records a named step, and a step is
recorded only once; a ring plan is stored with the call, so a repeated webhook gets the same reply.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import orjson
from django.conf import settings
from pynamodb.expressions.update import Action

from accounts import permissions
from config import dynamodb, errors, journal
from config.dynamodb import encryption, unaudited
from config.journal.write_set import Write
from telephony import ivr
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_messages
from telephony.calls.state.call_steps import CallEvent, CallRecording, CallStep, step_updates
from telephony.ivr.instructions import Instruction, VoiceReply, get_language, get_voice
from telephony.lines import ResolvedLine
from telephony.models import Call

ENCRYPTION_KEY_NAME = "calls"


class CallRecord:
    """A call as stored, with typed access to what the row holds as text."""

    def __init__(self, row: Call) -> None:
        self.row = row

    @property
    def id(self) -> str:
        """Twilio's call sid."""
        return self.row.id

    @cached_property
    def line(self) -> ResolvedLine:
        """The line as it was when the call began; without configuration if the call is unknown."""
        pinned: dict[str, Any] = self.row.pinned or {}
        return ResolvedLine(
            number=self.row.number,
            customer_id=self.row.customer_id,
            location_id=self.row.location_id,
            location_name=pinned.get("location", ""),
            time_zone=pinned.get("zone", "UTC"),
            configuration=pinned.get("configuration", {}),
            is_suspended=False,
        )

    @property
    def configuration(self) -> ivr.IvrConfiguration:
        """The IVR configuration that this call follows."""
        return self.line.configuration

    def action(self, path: str) -> ivr.IvrAction | None:
        """The action at a path of the configuration."""
        return ivr.action_at(self.configuration, path)

    def reply(self, instructions: Sequence[Instruction]) -> VoiceReply:
        """A reply in the language and voice of the configuration."""
        return VoiceReply(instructions, get_language(self.configuration), get_voice(self.configuration))

    @property
    def entrance(self) -> str:
        """Where the call entered: open, closed or holiday."""
        return str((self.row.pinned or {}).get("entrance", "open"))

    @property
    def steps(self) -> list[CallStep]:
        """The steps done, in no particular order."""
        return [CallStep.parse(text) for text in sorted(self.row.steps or ())]

    def has_step(self, kind: str, path: str = "", number: int | None = None) -> bool:
        """Whether this step was done."""
        return str(CallStep(kind, path, number)) in (self.row.steps or ())

    @property
    def events(self) -> list[CallEvent]:
        """What happened, in order."""
        return [json.loads(text) for text in self.row.events or ()]

    @property
    def recordings(self) -> list[CallRecording]:
        """The recordings; later entries of the same sid complete the earlier ones."""
        fields_by_sid: dict[str, dict[str, Any]] = {}
        for text in self.row.recordings or ():
            fields = json.loads(text)
            fields_by_sid.setdefault(fields["sid"], {}).update(fields)
        return [
            CallRecording(**{**fields, "at": datetime.fromisoformat(fields["at"])})
            for fields in fields_by_sid.values()
            if "at" in fields
        ]

    def plan(self, path: str) -> RingPlan | None:
        """The ring plan of an action, if it was created."""
        body = next((body for body in map(json.loads, self.row.plans or ()) if body["path"] == path), None)
        if body is None:
            return None
        phones = encryption.decrypt_application_json(
            ENCRYPTION_KEY_NAME, bytes.fromhex(body["sealed"]), f"{self.id} {path}"
        )
        candidates = [_read_candidate(person, body, phone=phones.get(person[0], "")) for person in body["people"]]
        minutes = body.get("minutes", settings.TELEPHONY["call_minutes"])
        return RingPlan(candidates, lookup_failed=body["lost"], minutes=minutes)

    def ringing_candidate(self, path: str, index: int) -> RingCandidate | None:
        """The candidate at this position of a ring plan."""
        plan = self.plan(path)
        return plan.ringable[index] if plan and index < len(plan.ringable) else None

    @property
    def candidates(self) -> list[RingCandidate]:
        """Everybody who was considered for the call, without phones."""
        candidates_by_id: dict[str, RingCandidate] = {}
        for text in self.row.plans or ():
            body = json.loads(text)
            for person in body["people"]:
                candidates_by_id.setdefault(person[0], _read_candidate(person, body))
        return list(candidates_by_id.values())

    @property
    def promise(self) -> CallEvent | None:
        """The event of the promise to call the caller back, if there is one."""
        return next((event for event in self.events if event["kind"] == "callback"), None)

    # --- writing ----------------------------------------------------------------------------------
    def save(self, now: datetime | None = None) -> None:
        """Store a new call, or load it if another webhook stored it first. One round trip.

        ``now`` is the real time, if the call began at another.
        """
        if self.row.outcome != "ringing":
            if not unaudited.create(self.row):
                self._reload()
            return
        actor = permissions.system_actor(self.row.customer_id)
        nothing = dynamodb.BatchResult({})  # is to be read: the write is not audited
        try:
            with journal.write_intent(actor, now or self.row.started_at, prefetched=nothing) as write:
                write.put(self.row, only_if=Call.id.does_not_exist())
                call_messages.enqueue_end(write, self.id, write.at)
        except errors.Conflict:
            self._reload()

    def record(
        self,
        step: CallStep,
        *events: CallEvent,
        plan: RingPlan | None = None,
        updates: Sequence[Action] = (),
        also: Sequence[CallStep] = (),
        unless: Sequence[CallStep] = (),
    ) -> bool:
        """Record a step and its events; False if it, or a step of ``unless``, was done before.

        A call that could not be stored when it began is stored with the step. Either way the record
        then shows the latest state of the call. The steps ``also`` are recorded with it. The people
        of a plan are listed before it is stored, so that a plan never names somebody who does not
        find the call.
        """
        if plan and self.row.started_at:
            ids = [candidate.id for candidate in plan.candidates]
            duty_locations = {item.id: item.location_id for item in plan.ringable if item.location_id}
            unaudited.write_all(puts=self.row.list_users(ids, duty_locations))
        actions = [*step_updates(step, *events, also=also), *updates]
        if plan:
            actions.append(Call.plans.set(Call.plans.append([self.encode_plan(plan, step.path)])))
        condition = Call.id.exists() & ~Call.steps.contains(str(step))
        for other in unless:
            condition = condition & ~Call.steps.contains(str(other))
        item = unaudited.update(Call(self.id), actions, condition)
        if item is None and not self._reload() and self.row.started_at:
            self.save()
            item = unaudited.update(Call(self.id), actions, condition)
        if item is None:
            self._reload()
            return False
        self.row = Call.from_item(item)
        return True

    def record_answer(self, step: CallStep, event: CallEvent, *, unless: Sequence[CallStep] = ()) -> bool:
        """Record that somebody answered; like `record`."""
        updates = [Call.outcome.set("answered"), Call.answered_by.set(event["who"])]
        return self.record(step, event, updates=updates, unless=unless)

    def encode_plan(self, plan: RingPlan, path: str) -> str:
        """The stored text of the plan of an action; phones are encrypted."""
        phones = {candidate.id: candidate.phone for candidate in plan.ringable}
        encrypted_phones = encryption.encrypt_application_json(ENCRYPTION_KEY_NAME, phones, f"{self.id} {path}")
        people = [[candidate.id, candidate.why, candidate.why_not] for candidate in plan.candidates]
        facts = {"path": path, "people": people, "lost": plan.lookup_failed, "minutes": plan.minutes}
        if keyless := [candidate.id for candidate in plan.ringable if candidate.answers_without_key]:
            facts["keyless"] = keyless
        facts["places"] = {item.id: item.location_id for item in plan.candidates if item.location_id}
        facts["spoken"] = [item.id for item in plan.candidates if item.has_spoken_last]
        return orjson.dumps({**facts, "sealed": encrypted_phones.hex()}).decode()

    def _reload(self) -> bool:
        """Load the stored call; whether there is one."""
        stored_row = dynamodb.get_record(Call, self.id)
        self.row = stored_row or self.row
        return stored_row is not None


def enqueue_follow_up(write: Write, call: CallRecord, *, due: datetime | None = None) -> None:
    """Have `telephony.callbacks` decide what follows from a call: once, however often it is asked.

    The id makes requests one message while none has been processed.
    """
    write.enqueue("telephony.follow_up_call", id=follow_up_id(call.id), due=due, call_id=call.id)


def follow_up_id(call_id: str) -> str:
    """The id of the message of `enqueue_follow_up`."""
    return f"follow-up-{call_id}"


def _read_candidate(person: Sequence[str], plan_body: Mapping[str, Any], *, phone: str = "") -> RingCandidate:
    """A candidate of a stored plan; plans of the release before do not tell the last members."""
    id, why, why_not = person
    return RingCandidate(
        id,
        "",
        why,
        phone=phone,
        why_not=why_not,
        answers_without_key=id in plan_body.get("keyless", ()),
        location_id=plan_body.get("places", {}).get(id),
        has_spoken_last=id in plan_body.get("spoken", ()),
    )


def load(call_id: str) -> CallRecord | None:
    """A call that has not expired."""
    row = dynamodb.get_record(Call, call_id)
    return CallRecord(row) if row else None


def new_call(
    call_id: str,
    line: ResolvedLine,
    *,
    caller: str,
    entrance: str,
    at: datetime,
    holiday: str | None = None,
    is_rota_unknown: bool = False,
) -> CallRecord:
    """A call that begins at ``entrance`` (open, closed or holiday); not stored yet.

    With ``is_rota_unknown`` its events say that the rota decides where, but could not be read.
    """
    events = [CallEvent(kind="entered", at=at.isoformat(), where=entrance)]
    if holiday:
        events[0]["holiday"] = holiday
    if is_rota_unknown:
        events.append(CallEvent(kind="lookup_failed", at=at.isoformat()))
    return CallRecord(
        Call(
            id=call_id,
            customer_id=line.customer_id,
            location_id=line.location_id,
            number=line.number,
            caller=caller,
            started_at=at,
            pinned={
                "configuration": line.configuration,
                "location": line.location_name,
                "zone": line.time_zone,
                "entrance": entrance,
            },
            events=[orjson.dumps(event).decode() for event in events],
            has_people=True,
            # after the outbox deletes the recordings and the call with them
            expires_at=int((expiry_time(at) + timedelta(days=7)).timestamp()),
        )
    )


def blocked_call(call_id: str, line: ResolvedLine, *, caller: str, at: datetime) -> CallRecord:
    """The call of a blocked caller, not stored yet: it is rejected, and does not count."""
    call = new_call(call_id, line, caller=caller, entrance="open", at=at)
    call.row.pinned = {**call.row.pinned, "configuration": {}}
    call.row.outcome, call.row.steps = "blocked", {str(CallStep("refused"))}
    call.row.events = [orjson.dumps(CallEvent(kind="blocked", at=at.isoformat())).decode()]
    return call


def expiry_time(started_at: datetime) -> datetime:
    """When a call and its recordings are deleted."""
    return started_at + timedelta(days=settings.TELEPHONY["kept_days"])
