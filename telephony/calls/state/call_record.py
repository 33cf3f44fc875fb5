"""The record of a call: its line, steps, events, ring plans and recordings.

Twilio may send a webhook twice, or late. Each webhook therefore records a named step, and a step is
recorded only once; a ring plan is stored with the call, so a repeated webhook gets the same reply.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import orjson
from pynamodb.expressions.update import Action

from accounts import permissions
from config import dynamodb, errors, journal, observation
from config.dynamodb import unaudited
from telephony import ivr
from telephony.calls.rota.routing import RingCandidate, RingPlan
from telephony.calls.state import call_messages, plan_text
from telephony.calls.state.call_steps import CallEvent, CallRecording, CallStep, step_updates
from telephony.ivr.instructions import Instruction, VoiceReply, get_language, get_voice
from telephony.lines import ResolvedLine
from telephony.models import Call, CallOfUser

MAX_PEOPLE_OF_WRITE = 50
"""People who are listed in the write that stores a call: a transaction has at most 100 actions."""


class CallRecord:
    """A call as stored, with typed access to what the row holds as text."""

    def __init__(self, row: Call, *, is_new: bool = False) -> None:
        self.row = row
        self.is_new = is_new
        """Whether nobody has tried to store it yet."""
        self.deferred: list[tuple[CallStep, CallEvent]] = []

    @property
    def id(self) -> str:
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
        return plan_text.decode(self.row.plans or (), self.id, path)

    def ringing_candidate(self, path: str, index: int) -> RingCandidate | None:
        """The candidate at this position of a ring plan."""
        plan = self.plan(path)
        return plan.ringable[index] if plan and index < len(plan.ringable) else None

    @property
    def candidates(self) -> list[RingCandidate]:
        """Everybody who was considered for the call, without phones."""
        return plan_text.list_candidates(self.row.plans or ())

    @property
    def promise(self) -> CallEvent | None:
        """The event of the promise to call the caller back, if there is one."""
        return next((event for event in self.events if event["kind"] == "callback"), None)

    # --- writing ----------------------------------------------------------------------------------
    def save(self, now: datetime | None = None, *, people: Sequence[CallOfUser] = ()) -> bool:
        """Store a new call, or load it if another webhook stored it first. One round trip.

        ``now`` is the real time, if the call began at another. ``people``: who finds the call, in
        the same transaction. False if it was stored before.
        """
        self.is_new = False
        if self.row.outcome != "ringing":
            if unaudited.create(self.row):
                return True
            self._reload()
            return False
        actor = permissions.system_actor(self.row.customer_id)
        at = now or self.row.started_at
        try:
            with journal.write_intent(actor, at, prefetched=dynamodb.NOTHING_READ) as write:
                write.put(self.row, only_if=Call.id.does_not_exist())
                for person in people:
                    write.put(person)
                call_messages.enqueue_end(write, self.id, write.at)
        except errors.Conflict:
            self._reload()
            return False
        return True

    def defer(self, step: CallStep, event: CallEvent) -> None:
        """Have the next `record` record this step too, in the same write, or `record_deferred`."""
        if step not in self.steps:
            self.deferred.append((step, event))

    def record_deferred(self) -> None:
        """Record the steps of `defer` that no other step has come after."""
        while self.deferred:
            step, event = self.deferred.pop()
            self._update(step, [event])

    def record(
        self,
        step: CallStep,
        *events: CallEvent,
        plan: RingPlan | None = None,
        updates: Sequence[Action] = (),
        also: Sequence[CallStep] = (),
        unless: Sequence[CallStep] = (),
        now: datetime | None = None,
    ) -> bool:
        """Record a step and its events; False if it, or a step of ``unless``, was done before.

        A call that could not be stored when it began is stored with the step, as is a new one with
        its first plan, ``now``. Either way the record then shows the latest state of the call. The
        steps ``also`` are recorded with it. The people of a plan are listed before it is stored, or
        in the same write, so that a plan never names somebody who does not find the call.
        """
        if plan is None:
            return self._update_with_deferred(step, events, updates, also, unless)
        text = self.encode_plan(plan, step.path)
        if self.row.started_at:
            people = self._list_people(plan)
            if self.is_new and not updates and len(people) <= MAX_PEOPLE_OF_WRITE:
                if self._save_with(step, events, text, also, people, now):
                    return True
                people = self._list_people(plan)  # as the call that was stored first says
            if not any(done in self.steps for done in (step, *unless)):
                unaudited.write_all(puts=people)
        actions = [*updates, Call.plans.set(Call.plans.append([text]))]
        is_first = self._update_with_deferred(step, events, actions, also, unless)
        # A repeated write finds its own plan if only the answer was lost.
        return is_first or text in (self.row.plans or ())

    def _update_with_deferred(
        self,
        step: CallStep,
        events: Sequence[CallEvent],
        actions: Sequence[Action],
        also: Sequence[CallStep],
        unless: Sequence[CallStep],
    ) -> bool:
        if self.deferred:
            (first_step, first_event), self.deferred = self.deferred[0], self.deferred[1:]
            both = {"also": [*also, first_step], "unless": [*unless, first_step]}
            if self._update(step, [first_event, *events], actions, **both):
                return True
            self._update(first_step, [first_event])
        return self._update(step, events, actions, also=also, unless=unless)

    def _list_people(self, plan: RingPlan) -> list[CallOfUser]:
        """The records by which the people of a plan find the call."""
        duty_locations = {item.id: item.location_id for item in plan.ringable if item.location_id}
        return self.row.list_users([candidate.id for candidate in plan.candidates], duty_locations)

    def _save_with(
        self,
        step: CallStep,
        events: Sequence[CallEvent],
        text: str,
        also: Sequence[CallStep],
        people: Sequence[CallOfUser],
        now: datetime | None,
    ) -> bool:
        """Store a new call with its first step; False if it was stored before."""
        row = self.row
        before = row.steps, row.events, row.plans
        row.steps = {*(row.steps or ()), str(step), *map(str, also)}
        row.events = [*row.events, *(orjson.dumps(event).decode() for event in events)]
        row.plans = [*row.plans, text]
        is_saved = False
        try:
            is_saved = self.save(now, people=people)
        finally:
            if not is_saved:
                row.steps, row.events, row.plans = before
        return is_saved

    def _update(
        self,
        step: CallStep,
        events: Sequence[CallEvent],
        updates: Sequence[Action] = (),
        *,
        also: Sequence[CallStep] = (),
        unless: Sequence[CallStep] = (),
    ) -> bool:
        actions = [*step_updates(step, *events, also=also), *updates]
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
        is_first = self.record(step, event, updates=updates, unless=unless)
        if is_first and self.row.started_at:
            seconds = datetime.fromisoformat(event["at"]) - self.row.started_at
            observation.record("answer", seconds.total_seconds())
        return is_first

    def encode_plan(self, plan: RingPlan, path: str) -> str:
        """The stored text of the plan of an action; phones are encrypted."""
        return plan_text.encode(plan, self.id, path)

    def _reload(self) -> bool:
        """Load the stored call; whether there is one."""
        stored_row = dynamodb.get_record(Call, self.id)
        self.row = stored_row or self.row
        return stored_row is not None


def load(call_id: str) -> CallRecord | None:
    """A call that has not expired."""
    row = dynamodb.get_record(Call, call_id)
    return CallRecord(row) if row else None
