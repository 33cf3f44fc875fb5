"""Schedule changes survive killed processes, cut connections and failed calls.

As in ``tests/accounts/test_crash_recovery.py``: a golden run counts the calls of a request; then
each call fails once, in each mode. A change is stored completely or not at all, including its audit
entries, availability rows and version records.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts.models import User
from config import audit, dynamodb, outbox
from config.audit import reader
from staffing.models import VERSION_RECORD_KEY, Schedule, StaffAvailability
from staffing.recurrence import covers
from staffing.schedules import availability
from tests.staffing.schedules.test_commands import PATH, WEEKLY, create_schedule, schedule_body
from tests.support.crash_harness import CRASH_MODES, CrashHarness, is_worth_trying, scan_items
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, process_outbox

MONDAY = "2031-06-02T09:00"
_key_numbers = itertools.count(1)


@dataclass
class ScheduleChangeCase:
    """A change of a series, perhaps from one user to another."""

    from_user: User
    to_user: User
    id: str
    fault_plan: FaultPlan = field(default_factory=FaultPlan)
    responses: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def summary(self) -> str:
        return f"{self.fault_plan.fired_faults} {self.responses}"

    @property
    def statuses(self) -> list[int]:
        return [response["status"] for response in self.responses if response]

    @property
    def schedule(self) -> Schedule | None:
        return dynamodb.get_record(Schedule, self.id) if self.id else None

    def list_schedules(self, user: User) -> list[Schedule]:
        """The schedules that a user's availability rows refer to."""
        loaded = (
            dynamodb.get_record(Schedule, str(row.schedule_id)) for row in availability.fetch_rows(user.id, None, None)
        )
        return [schedule for schedule in loaded if schedule]

    def list_audit_actions(self, user: User) -> list[str]:
        stream_head = dynamodb.get_record(audit.AuditEntry, user.id, 0)
        last = int(stream_head.last) if stream_head else 0
        entries = reader.read_page(user.id, last=last, offset=0, limit=99)
        return [entry.action for entry in entries if entry.action.startswith("schedule.")]

    def check_rows(self) -> None:
        """Check that rows match schedules, and that the version counts each change once."""
        for user in (self.from_user, self.to_user):
            rows = availability.fetch_rows(user.id, None, None)
            assert len(self.list_schedules(user)) == len(rows), f"a row without a schedule: {self.summary}"
            for row in rows:
                schedule = dynamodb.get_record(Schedule, str(row.schedule_id))
                assert schedule, self.summary
                shares = covers.split_by_staff(schedule.series(), schedule.staff_id)
                assert row.series() == shares[user.id], self.summary
            version_record = dynamodb.get_record(StaffAvailability, user.id, VERSION_RECORD_KEY)
            changes = int(version_record.version) if version_record else 0
            assert changes == len(self.list_audit_actions(user)), f"a change without an audit entry: {self.summary}"


@dataclass(frozen=True)
class ScheduleFlow:
    """A request, and a check that verifies the state and returns whether it was applied."""

    method: str
    path: str
    make_body: Callable[[UserFixtures, ScheduleChangeCase], Any]
    was_applied: Callable[[ScheduleChangeCase], bool]
    status: int
    repeat_statuses: set[int]
    """Statuses of a retry after the request was applied."""
    has_idempotency_key: bool = False


def was_split(case: ScheduleChangeCase) -> bool:
    schedules = case.list_schedules(case.from_user)
    assert len(schedules) in (1, 2), case.summary
    split_count = case.list_audit_actions(case.from_user).count("schedule.split")
    assert split_count == len(schedules) - 1, case.summary
    if split_count:
        original = case.schedule
        assert original, case.summary
        assert (original.pattern or {})["until"] == "2031-06-09T09:00:00", case.summary
        (split_off,) = [schedule for schedule in schedules if schedule.id != case.id]
        assert split_off.split_from == case.id, case.summary
    return bool(split_count)


def was_removed(case: ScheduleChangeCase) -> bool:
    is_removed = case.schedule is None
    assert case.list_audit_actions(case.from_user).count("schedule.removed") == int(is_removed), case.summary
    assert bool(case.list_schedules(case.from_user)) != is_removed, case.summary
    return is_removed


def was_reassigned(case: ScheduleChangeCase) -> bool:
    schedule = case.schedule
    assert schedule, case.summary
    is_reassigned = schedule.staff_id == case.to_user.id
    assert len(case.list_schedules(case.to_user)) == int(is_reassigned), case.summary
    assert len(case.list_schedules(case.from_user)) == int(not is_reassigned), case.summary
    assert case.list_audit_actions(case.to_user).count("schedule.changed") == int(is_reassigned), case.summary
    assert case.list_audit_actions(case.from_user).count("schedule.changed") == int(is_reassigned), case.summary
    return is_reassigned


def was_created(case: ScheduleChangeCase) -> bool:
    created_count = len(case.list_schedules(case.to_user))
    assert created_count == case.list_audit_actions(case.to_user).count("schedule.created") <= 1, case.summary
    return bool(created_count)


FOLLOWING_QUERY = "?scope=following&recurrenceId=2031-06-16T09:00:00"
FLOWS = {
    "create": ScheduleFlow(
        "POST",
        PATH,
        lambda test_users, case: schedule_body(test_users, MONDAY, "2031-06-02T17:00", staffId=case.to_user.id),
        was_created,
        201,
        {201},
        has_idempotency_key=True,
    ),
    "edit following occurrences of": ScheduleFlow(
        "PUT",
        f"{PATH}/{{id}}{FOLLOWING_QUERY}",
        lambda test_users, case: {"startTime": "2031-06-16T11:00"},
        was_split,
        200,
        {404},
    ),
    "delete": ScheduleFlow("DELETE", f"{PATH}/{{id}}", lambda test_users, case: None, was_removed, 200, {404}),
    "reassign": ScheduleFlow(
        "PUT", f"{PATH}/{{id}}", lambda test_users, case: {"staffId": case.to_user.id}, was_reassigned, 200, {200}
    ),
}


def make_case(test_users: UserFixtures) -> ScheduleChangeCase:
    from_user, to_user = test_users.create_user(), test_users.create_user()
    request_body = schedule_body(test_users, MONDAY, "2031-06-02T17:00", staffId=from_user.id, recurrencePattern=WEEKLY)
    return ScheduleChangeCase(from_user, to_user, create_schedule(test_users.ann, request_body)["id"])


def send_request(
    flow: ScheduleFlow,
    harness: CrashHarness,
    test_users: UserFixtures,
    case: ScheduleChangeCase,
    key: str,
    fault_plan: FaultPlan | None,
) -> None:
    response = harness.request(
        test_users.ann.token,
        flow.method,
        flow.path.format(id=case.id),
        flow.make_body(test_users, case),
        plan=fault_plan,
        key=key if flow.has_idempotency_key else "",
    )
    case.responses.append(response)


@pytest.mark.parametrize("mode", CRASH_MODES)
@pytest.mark.parametrize("name", FLOWS)
def test_schedule_changes_survive_faults(
    harness: CrashHarness, test_users: UserFixtures, name: str, mode: str, record_figure: Callable[[str], None]
) -> None:
    flow = FLOWS[name]
    golden = make_case(test_users)
    send_request(flow, harness, test_users, golden, "", golden.fault_plan)
    assert golden.statuses == [flow.status], golden.summary
    assert flow.was_applied(golden)
    case_count = 0
    for call in (call for call in golden.fault_plan.calls if is_worth_trying(call)):
        case, key = make_case(test_users), f"shifts-{next(_key_numbers)}"
        case.fault_plan = FaultPlan(faults={call.signature: mode})
        send_request(flow, harness, test_users, case, key, case.fault_plan)
        if not case.fault_plan.fired_faults:
            continue  # the mode does not apply to this call
        case.check_rows()
        is_applied = flow.was_applied(case)
        if flow.status in case.statuses:
            assert is_applied, f"an acknowledged change is lost: {case.summary}"
        send_request(flow, harness, test_users, case, key, None)
        assert case.statuses[-1] in (flow.repeat_statuses if is_applied else {flow.status}), case.summary
        assert flow.was_applied(case), case.summary
        case.check_rows()
        case_count += 1
    assert case_count
    process_outbox(600)
    process_outbox(600)
    messages = scan_items(outbox.OutboxMessage)
    staffing_messages = [row for row in messages if row["task"]["S"].startswith("staffing.")]
    assert [row for row in staffing_messages if row["shard"]["S"] == outbox.DEAD_LETTER_SHARD] == []
    assert test_users.audit_findings() == []
    record_figure(f"{name} a schedule, {mode}: {case_count} of {case_count} survived")
