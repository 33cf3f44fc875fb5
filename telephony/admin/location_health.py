"""Whether a call to a location would ring somebody now, in words, with what mends each problem."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from config import dynamodb
from config.backoffice import clock, operators
from config.backoffice.checks import Check, CheckPanel, Mend
from config.backoffice.links import admin_change_url, admin_list_url, link_to
from config.backoffice.record_header import Tone
from telephony import reasons
from telephony.admin import reach_panel
from telephony.admin.line_test_panel import location_check, number_fault
from telephony.admin.reach_panel import LoadedReach
from telephony.calls import health
from telephony.calls.health import LocationHealth, PersonOnDuty

TITLE = "Would a call be answered now?"
MAX_NAMES, MAX_PEOPLE = 4, 20


def location_checks(request: HttpRequest, obj: Any) -> CheckPanel:
    """The checks of a location: its number, configuration, hours, people on duty and rota."""
    location, now = obj.record, operators.now()
    state, reach = dynamodb.gather(
        lambda: health.load_health(location, at=now), lambda: reach_panel.load(location, at=now)
    )
    return build_panel(state, location, reach, may_write=operators.has_right(request, operators.WRITE), at=now)


def build_panel(
    state: LocationHealth, location: Any, reach: LoadedReach | None, *, may_write: bool, at: datetime
) -> CheckPanel:
    """The state of a location in words; without links to what an operator may not do."""
    writer = _Writer(state, location, reach, may_write=may_write, at=at)
    verdict, tone = writer.judge()
    checks = [*writer.check_number(), *writer.check_hours(), *writer.check_people(), writer.check_rota()]
    has_strip = reach is not None and state.takes_calls
    strip = reach_panel.render_strip(reach, location, may_write=may_write) if reach and has_strip else ""
    return CheckPanel(TITLE, verdict, tone, checks, strip)


class _Writer:
    def __init__(
        self, state: LocationHealth, location: Any, reach: LoadedReach | None, *, may_write: bool, at: datetime
    ) -> None:
        self._state, self._reach, self._may_write, self._at = state, reach, may_write, at
        self._id, self._customer_id = str(location.id), str(location.customer_id)
        self._zone = "UTC" if clock.shows_utc() else str(location.time_zone)

    def judge(self) -> tuple[str, Tone]:
        """What follows from all checks."""
        state = self._state
        if not state.takes_calls or state.are_minutes_used_up:
            return f"No: {self._find_obstacle()}.", "danger"
        if fault := number_fault(state.last_test):
            return f"No: the last test of the line found a fault. {fault}", "danger"
        if state.rings:
            names = [candidate.name for candidate in state.rings[:MAX_NAMES]]
            more = " and others" if len(state.rings) > MAX_NAMES else ""
            return f"Yes: a call now rings {', '.join(names)}{more}.", "good"
        is_open = state.entrance is None or state.entrance.name == "open"
        if is_open and state.is_ringing:
            return "No: the line is open, but a call now would ring nobody.", "danger"
        if is_open:
            return "No: the IVR configuration rings nobody; callers leave a message.", "warning"
        if state.next_answer is None:
            return "No: the line is closed, and nobody would answer within a month.", "danger"
        again = f"Callers are next answered on {self._time(state.next_answer)}."
        if state.hours_mode == "schedule" and not (state.entrance and state.entrance.holiday):
            return f"No: nobody is on duty, and the rota opens the line. {again}", "warning"
        return f"Not now, as planned: the line is closed by its hours. {again}", "good"

    def _find_obstacle(self) -> str:
        state = self._state
        if not state.number:
            return "this location has no number, so nobody can call it"
        if state.number_status != "active":
            return "the number does not take calls yet or any more"
        if state.is_suspended:
            return "the customer is suspended, so calls are rejected"
        if not state.has_configuration:
            return "no IVR configuration says how calls are answered"
        return "the customer's call minutes of the day are used up"

    # --- the checks -------------------------------------------------------------------------------
    def check_number(self) -> Sequence[Check]:
        state = self._state
        if not state.number:
            orphans = admin_list_url("telephony", "orphan")
            mends = [Mend("Buy a number", reverse("admin:buy_number", args=(self._id,))), Mend("Unassigned", orphans)]
            return [Check("Number", "None: nobody can call", "danger", mends=mends if self._may_write else mends[1:])]
        number_url = admin_change_url("telephony", "phonenumber", state.number)
        checks = []
        if state.number_status == "active":
            checks.append(Check("Number", link_to("telephony", "phonenumber", state.number)))
        elif state.number_status:
            text = "being bought" if state.number_status == "buying" else "being released"
            mend = [Mend("Open number", number_url)]
            checks.append(Check("Number", f"{state.number}, {text}", "danger", mends=mend))
        else:
            checks.append(Check("Number", f"{state.number} does not belong to this location any more", "danger"))
        if state.is_suspended:
            mend = [Mend("Open customer", admin_change_url("accounts", "customer", self._customer_id))]
            checks.append(Check("Customer", "Suspended: calls are rejected", "danger", mends=mend))
        if not state.has_configuration:
            checks.append(Check("IVR", "None: nothing says how calls are answered", "danger", mends=self._ivr_mend()))
        if state.are_minutes_used_up:
            checks.append(Check("Call minutes", "Used up for today (UTC): calls ring nobody", "danger"))
        if state.takes_calls:
            checks.append(location_check(state.last_test, self._id, self._zone))
        return checks

    def check_hours(self) -> Sequence[Check]:
        state = self._state
        if not state.has_configuration or state.entrance is None:
            return []
        is_open = state.entrance.name == "open"
        is_planned = is_open or state.hours_mode != "schedule"
        text = f"{'Open' if is_open else 'Closed'}: {state.entrance.reason}"
        if not state.is_ringing and is_open:
            return [
                Check("Open now", text),
                Check("IVR", "Rings nobody: callers leave a message", "warning", mends=self._ivr_mend()),
            ]
        return [Check("Open now", text, "good" if is_planned else "warning", mends=self._ivr_mend())]

    def check_people(self) -> Sequence[Check]:
        people = self._state.on_duty
        if not people:
            needs_people = self._state.entrance is None or self._state.entrance.name == "open" or not self._is_closed()
            tone: Tone = "danger" if needs_people and not self._state.rings else "neutral"
            return [Check("On duty now", "Nobody", tone, mends=self._add_shift_mend() if tone == "danger" else ())]
        checks = [self._check_person(person) for person in people[:MAX_PEOPLE]]
        if len(people) > MAX_PEOPLE:
            more = Check("On duty now", f"and {len(people) - MAX_PEOPLE} more", "neutral", mends=self._rota_mend())
            checks.append(more)
        return checks

    def _is_closed(self) -> bool:
        """Whether the hours of the configuration, not the rota, close the line now."""
        entrance = self._state.entrance
        return entrance is not None and entrance.name != "open" and self._state.hours_mode != "schedule"

    def _check_person(self, person: PersonOnDuty) -> Check:
        user_id, name = str(person.user.id), str(person.user.name)
        link = link_to("accounts", "user", user_id, name)
        until = f"on duty until {self._time(person.until)}"
        if not self._state.has_configuration and person.why_not == "not_selected":
            return Check("On duty now", link, "neutral", until)
        if not person.why_not:
            can = "can be rung" if self._state.takes_calls else "could be rung"
            return Check("On duty now", format_html("{}: {}", link, can), detail=until)
        why = reasons.words("why_not", person.why_not)
        if person.paused_until:
            until = f"break until {self._time(person.paused_until)}; {until}"
        is_passing = person.why_not in reasons.PASSING
        tone: Tone = "neutral" if is_passing else "warning"
        mends = () if is_passing else self._mends_of(person.why_not, user_id, name)
        return Check("On duty now", format_html("{}: not rung, {}", link, why), tone, until, mends)

    def _mends_of(self, why_not: str, user_id: str, name: str) -> Sequence[Mend]:
        """What mends it now: not a shift of somebody else, if the configuration can be changed."""
        mends = {mend.code: mend for mend in reasons.list_mends("why_not", why_not)}
        if "ivr" in mends:
            return self._ivr_mend()
        if "minutes" in mends:
            return [Mend(mends["minutes"].label, admin_change_url("accounts", "customer", self._customer_id))]
        label = next((mend.label for mend in mends.values() if mend.of == "person"), "Open person")
        return [Mend(f"{label}: {name}", admin_change_url("accounts", "user", user_id))]

    def check_rota(self) -> Check:
        """Whom calls would ring in the next four weeks."""
        if self._reach is None:
            text = "Too many shifts to look at here"
            return Check(reach_panel.LABEL, text, "neutral", mends=self._rota_mend())
        reach = self._reach.reach
        check = reach_panel.describe(reach, at=self._at, hours_mode=self._state.hours_mode)
        if not reach.ways:
            return replace(check, mends=self._ivr_mend())
        is_empty = not reach.open_minutes
        return replace(check, mends=[*(self._add_shift_mend() if is_empty else ()), *self._rota_mend()])

    # --- links and times --------------------------------------------------------------------------
    def _ivr_mend(self) -> Sequence[Mend]:
        """The page of the configuration; a location without number has none."""
        if not self._state.number and not self._state.has_configuration:
            return []
        return [Mend("Open IVR", admin_change_url("telephony", "line", self._id))]

    def _rota_mend(self) -> Sequence[Mend]:
        return [Mend("Open rota", reverse("admin:rota", args=(self._id,)))]

    def _add_shift_mend(self) -> Sequence[Mend]:
        if not self._may_write:
            return []
        query = urlencode({"customer_id": self._customer_id, "locationId": self._id})
        return [Mend("Add a shift", f"{reverse('admin:staffing_schedule_add')}?{query}")]

    def _time(self, at: datetime) -> str:
        local = at.astimezone(ZoneInfo(self._zone))
        return f"{clock.format_day_time(local)} {local:%Z}"
