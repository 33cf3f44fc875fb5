"""Whatever is killed, cut or refused while schedules are changed, nothing is lost or half done.

As in ``tests/accounts/test_crashes.py``: a golden run counts the calls of a request; then each goes
wrong once, in each mode. Either all of a change is there, with its entry, rows and heads, or none.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from accounts.models import User
from config import audit, dynamodb, outbox
from config.audit import reader, verification
from staffing.models import HEAD, Busy, Schedule
from staffing.recurrence import expand
from staffing.schedules import availability
from tests.conftest import Cast, sweep
from tests.staffing.test_schedules import PATH, WEEKLY, body, plan
from tests.support.crash_harness import Harness, worth_trying
from tests.support.environment import SCALE
from tests.support.proxy import MODES, Plan

RUN = MODES if SCALE else ("kill_before", "kill_after", "lost")
MONDAY = "2031-06-02T09:00"
_keys = itertools.count(1)


@dataclass
class Case:
    """One change of one series, from one person perhaps to another."""

    giver: User
    taker: User
    id: str
    plan: Plan = field(default_factory=Plan)
    answers: list[dict[str, Any] | None] = field(default_factory=list)

    @property
    def told(self) -> str:
        return f"{self.plan.fired} {self.answers}"

    @property
    def statuses(self) -> list[int]:
        return [answer["status"] for answer in self.answers if answer]

    @property
    def series(self) -> Schedule | None:
        return dynamodb.get(Schedule, self.id) if self.id else None

    def schedules(self, user: User) -> list[Schedule]:
        """What somebody's rows say they have."""
        found = (
            dynamodb.get(Schedule, str(r.schedule_id))
            for r in availability.rows_from(user.id, None, None)
        )
        return [one for one in found if one]

    def actions(self, user: User) -> list[str]:
        head = dynamodb.get(audit.AuditEntry, user.id, 0)
        last = int(head.last) if head else 0
        entries = reader.page(user.id, last=last, offset=0, limit=99)
        return [e.action for e in entries if e.action.startswith("schedule.")]

    def check_rows(self) -> None:
        """Rows are those of the schedules, and the head counted every change once."""
        for user in (self.giver, self.taker):
            rows = availability.rows_from(user.id, None, None)
            assert len(self.schedules(user)) == len(rows), f"a row without schedule: {self.told}"
            for row in rows:
                schedule = dynamodb.get(Schedule, str(row.schedule_id))
                assert schedule, self.told
                shares = expand.shares(schedule.series(), schedule.staff_id)
                assert row.series() == shares[user.id], self.told
            head = dynamodb.get(Busy, user.id, HEAD)
            changes = int(head.version) if head else 0
            assert changes == len(self.actions(user)), f"a change without entry: {self.told}"


@dataclass(frozen=True)
class Flow:
    """A request, and what must hold afterwards: whether it took place is its answer."""

    method: str
    path: str
    body: Callable[[Cast, Case], Any]
    took_place: Callable[[Case], bool]
    status: int
    repeated: set[int]
    """What repeating it may answer once it took place."""
    keyed: bool = False


def split(case: Case) -> bool:
    every = case.schedules(case.giver)
    assert len(every) in (1, 2), case.told
    splits = case.actions(case.giver).count("schedule.split")
    assert splits == len(every) - 1, case.told
    if splits:
        series = case.series
        assert series, case.told
        assert (series.pattern or {})["until"] == "2031-06-09T09:00:00", case.told
        (rest,) = [one for one in every if one.id != case.id]
        assert rest.split_from == case.id, case.told
    return bool(splits)


def removed(case: Case) -> bool:
    gone = case.series is None
    assert case.actions(case.giver).count("schedule.removed") == int(gone), case.told
    assert bool(case.schedules(case.giver)) != gone, case.told
    return gone


def handed_over(case: Case) -> bool:
    series = case.series
    assert series, case.told
    over = series.staff_id == case.taker.id
    assert len(case.schedules(case.taker)) == int(over), case.told
    assert len(case.schedules(case.giver)) == int(not over), case.told
    assert case.actions(case.taker).count("schedule.changed") == int(over), case.told
    assert case.actions(case.giver).count("schedule.changed") == int(over), case.told
    return over


def created(case: Case) -> bool:
    made = len(case.schedules(case.taker))
    assert made == case.actions(case.taker).count("schedule.created") <= 1, case.told
    return bool(made)


FOLLOWING = "?scope=following&recurrenceId=2031-06-16T09:00:00"
FLOWS = {
    "create": Flow(
        "POST",
        PATH,
        lambda cast, case: body(cast, MONDAY, "2031-06-02T17:00", staffId=case.taker.id),
        created,
        201,
        {201},
        keyed=True,
    ),
    "edit what follows": Flow(
        "PUT",
        f"{PATH}/{{id}}{FOLLOWING}",
        lambda cast, case: {"startTime": "2031-06-16T11:00"},
        split,
        200,
        {404},
    ),
    "delete": Flow("DELETE", f"{PATH}/{{id}}", lambda cast, case: None, removed, 200, {404}),
    "hand over": Flow(
        "PUT",
        f"{PATH}/{{id}}",
        lambda cast, case: {"staffId": case.taker.id},
        handed_over,
        200,
        {200},
    ),
}


def begun(cast: Cast) -> Case:
    giver, taker = cast.fresh(), cast.fresh()
    wanted = body(cast, MONDAY, "2031-06-02T17:00", staffId=giver.id, recurrencePattern=WEEKLY)
    return Case(giver, taker, plan(cast.ann, wanted)["id"])


def ask(flow: Flow, harness: Harness, cast: Cast, case: Case, key: str, fault: Plan) -> None:
    answer = harness.request(
        cast.ann.token,
        flow.method,
        flow.path.format(id=case.id),
        flow.body(cast, case),
        plan=fault,
        key=key if flow.keyed else "",
    )
    case.answers.append(answer)


@pytest.mark.parametrize("mode", RUN)
@pytest.mark.parametrize("name", FLOWS)
def test_changing_schedules_survives(
    harness: Harness, cast: Cast, name: str, mode: str, say: Callable[[str], None]
) -> None:
    flow = FLOWS[name]
    golden = begun(cast)
    ask(flow, harness, cast, golden, "", golden.plan)
    assert golden.statuses == [flow.status], golden.told
    assert flow.took_place(golden)
    cases = 0
    for call in (call for call in golden.plan.calls if worth_trying(call)):
        case, key = begun(cast), f"shifts-{next(_keys)}"
        case.plan = Plan(faults={call.signature: mode})
        ask(flow, harness, cast, case, key, case.plan)
        if not case.plan.fired:
            continue  # the mode does not apply to this call
        case.check_rows()
        done = flow.took_place(case)
        if flow.status in case.statuses:
            assert done, f"an acknowledged change is there: {case.told}"
        ask(flow, harness, cast, case, key, Plan())
        assert case.statuses[-1] in (flow.repeated if done else {flow.status}), case.told
        assert flow.took_place(case), case.told
        case.check_rows()
        cases += 1
    assert cases
    sweep(600)
    sweep(600)
    left = dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"]
    ours = [row for row in left if row["task"]["S"].startswith("staffing.")]
    assert [row for row in ours if row["shard"]["S"] == outbox.DEAD] == []
    assert verification.verify().findings == []
    say(f"{name} a schedule, {mode}: {cases} of {cases} survived")
