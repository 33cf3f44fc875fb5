"""A call that arrives: what is read and decided before the caller hears anything.

Five round trips follow each other until a phone rings: the line and the call; the rota, while the
call is counted; the people; their minutes; the call is stored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from config import dynamodb
from staffing.schedules.on_duty import OnDuty
from telephony import callers, ivr, line_lookup
from telephony.calls.limits import concurrency, usage
from telephony.calls.limits.concurrency import Admission
from telephony.calls.rota import routing
from telephony.calls.rota.duty import DutyReader
from telephony.calls.state import call_creation
from telephony.calls.state.call_record import CallRecord
from telephony.calls.state.lookups import begin_write, look_up_rota
from telephony.lines import ResolvedLine
from telephony.models import Call, Usage
from telephony.twilio.voice import CallWebhook

STEPS_BY_ADMISSION = {
    Admission.RING: {"counted"},
    Admission.MESSAGE: {"counted", "refused"},
    Admission.NONE: {"refused"},
}
"""The steps of a call that begins."""


def look_up(webhook: CallWebhook) -> tuple[CallRecord | None, ResolvedLine | None]:
    """The call, if another webhook has stored it, and the line that takes it. One round trip."""
    call_key = dynamodb.RecordKey(Call, webhook.call_id)
    line, records = line_lookup.read_line(webhook.called_number, webhook.caller, [call_key])
    row = records.get(Call, webhook.call_id)
    return (CallRecord(row) if row else None), line


@dataclass
class Arrival:
    """What is known of a call that begins; what is not read in time stays unknown."""

    webhook: CallWebhook
    line: ResolvedLine
    admission: Admission | None = None
    """None: the call cannot be counted, and is taken."""
    staff: list[OnDuty] | None = None
    """Who is on duty, if that decides whether the line is open; None: it is not known."""
    duty: DutyReader | None = None
    """What was read of the rota."""

    @property
    def caller(self) -> str:
        """As whom the call counts: callers who make up a number are as those who withhold it."""
        return self.webhook.caller if callers.is_phone_number(self.webhook.caller) else ""

    def decide(self) -> CallRecord:
        """The call, not stored yet; it rings nobody if there are too many at once.

        While the rota cannot be read, the line is open, on holidays too.
        """
        count = begin_write(self.webhook, self._admit)
        if self._expected_target is not None or ivr.follows_rota(self.line.configuration):
            self.duty = look_up_rota(self.webhook, self.line, self._read_rota)
        count()
        is_ringing = self.admission in (Admission.RING, None)
        entrance = self._find_entrance() if is_ringing else ivr.Entrance("open", "")
        call = call_creation.new_call(
            self.webhook.call_id,
            self.line,
            caller=self.webhook.caller,
            entrance=entrance.name,
            at=self.webhook.at,
            holiday=entrance.holiday,
            is_rota_unknown=entrance.is_rota_unknown,
        )
        call.row.steps = STEPS_BY_ADMISSION[self.admission] if self.admission else None
        return call

    @property
    def usage(self) -> Usage | None:
        """The row of the day, if it was read after the call was counted in it."""
        if self.duty is None:
            return None
        row = self.duty.records.get(Usage, usage.key(self.line.customer_id, self.webhook.at))
        return row if row and self.webhook.call_id in row.calls else None

    def _admit(self) -> None:
        """Count the call."""
        self.admission = concurrency.begin(
            self.line.customer_id,
            self.webhook.call_id,
            self.webhook.at,
            location_id=self.line.location_id,
            caller=self.caller,
        )

    def _read_rota(self) -> DutyReader:
        configuration = self.line.configuration
        usage_key = dynamodb.RecordKey(Usage, usage.key(self.line.customer_id, self.webhook.at))
        duty = DutyReader(self.line, self.webhook.at, self.caller, [usage_key])
        duty.prepare(self._expected_target or {})
        if ivr.follows_rota(configuration):
            self.staff = duty.list_staff(ivr.grace_period(configuration))
        return duty

    @cached_property
    def _expected_target(self) -> Mapping[str, Any] | None:
        """The people on duty to whom the caller is put through at once, if the line is open."""
        entrance = "open" if ivr.follows_rota(self.line.configuration) else self._find_entrance().name
        target = ivr.first_ring_target(self.line.configuration, entrance)
        return target if target and "onDuty" in target else None

    def _find_entrance(self) -> ivr.Entrance:
        return routing.find_entrance(self.line, self.webhook.at, self.staff)
