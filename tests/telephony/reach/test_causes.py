"""Whatever changes whom a call rings has the line looked at within 65 seconds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts import customers, permissions, users
from accounts.users import update
from telephony import phone_verification
from telephony.reach import causes
from tests.support.calls import create_line
from tests.support.devices import drain_outbox
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, create_shift, now
from tests.telephony.reach.watched_line import WatchedLine, create_watched_line, tomorrow

Act = Callable[[WatchedLine], object]


@pytest.fixture(scope="module")
def watched(test_users: UserFixtures, env: Environment) -> WatchedLine:
    return create_watched_line(test_users, env)


def manage(watched: WatchedLine, **changes: Any) -> None:
    response = watched.line.test_users.ann.patch("/userManagement", {"id": watched.sam.id, **changes})
    assert response.status_code == 200, response.text


def request(watched: WatchedLine, method: str, path: str, body: Any = None, *, by_sam: bool = False) -> Any:
    person = watched.sam if by_sam else watched.line.test_users.ann
    response = person.request(method, path, **({} if body is None else {"json": body}))
    assert response.is_success, response.text
    return response.json() if response.content else None


def plan(watched: WatchedLine, days: int = 2) -> str:
    start = tomorrow(9) + timedelta(days=days)
    times = {"start": start, "end": start + timedelta(hours=2)}
    return str(create_shift(watched.line.test_users.ann.actor, watched.line.location, watched.sam.id, **times).id)


def move(watched: WatchedLine) -> None:
    start = tomorrow(12) + timedelta(days=4)
    body = {"startTime": start.isoformat(), "endTime": (start + timedelta(hours=1)).isoformat()}
    request(watched, "PUT", f"/staffSchedule/{plan(watched, 4)}", body)


def take_break(watched: WatchedLine) -> None:
    request(watched, "PUT", "/user/phone/break", {"minutes": 30}, by_sam=True)


def end_break(watched: WatchedLine) -> None:
    take_break(watched)
    drain_outbox(causes.DELAY.total_seconds())
    request(watched, "DELETE", "/user/phone/break", by_sam=True)


def restore_number(watched: WatchedLine) -> None:
    drain_outbox(causes.DELAY.total_seconds())
    request(watched, "POST", f"/phoneNumber/{watched.line.number}/restore", {})


def work_at_neighbour(watched: WatchedLine) -> None:
    """Somebody gets a shift at another location, whose people the line rings."""
    neighbour = create_line(watched.line.test_users, name="Next Door")
    target = {"onDuty": {"locations": [neighbour.location.id]}}
    watched.line.update_configuration(open={"type": "ring", "target": target, "otherwise": {"type": "voicemail"}})
    drain_outbox(causes.DELAY.total_seconds())
    neighbour.put_on_duty(*(tomorrow(hour).isoformat() for hour in (10, 11)))


def name_person(watched: WatchedLine) -> None:
    """Somebody without shifts whom the line names changes their phone."""
    named = watched.line.test_users.create_user(name="Nora Named")
    target = {"users": [named.id]}
    watched.line.update_configuration(open={"type": "ring", "target": target, "otherwise": {"type": "voicemail"}})
    drain_outbox(causes.DELAY.total_seconds())
    update.update_user(named.id, {"phone": "+16175550177"}, actor=watched.line.test_users.ann.actor, at=now())


def suspend_and_resume(watched: WatchedLine) -> None:
    customer_id = watched.sam.user.customer_id
    actor = permissions.system_actor(customer_id)
    customers.suspend(customer_id, actor=actor, at=now())
    drain_outbox(causes.DELAY.total_seconds())
    customers.resume(customer_id, actor=actor, at=now())


def verify(watched: WatchedLine) -> None:
    phone_verification.mark_verified(users.get_user(watched.sam.id), at=now())


CAUSES: dict[str, Act] = {
    "a shift is planned": plan,
    "a shift is moved": move,
    "a shift is removed": lambda it: request(it, "DELETE", f"/staffSchedule/{plan(it, 3)}"),
    "a phone is changed": lambda it: manage(it, phone="+16175550166"),
    "a phone is verified": verify,
    "calls are turned off": lambda it: request(it, "PATCH", "/user", {"settings": {"ringing": False}}, by_sam=True),
    "skills change": lambda it: manage(it, userSkills=["tax"]),
    "a break begins": take_break,
    "a break ends": end_break,
    "the configuration changes": lambda it: it.line.update_configuration(hours={"mode": "always"}),
    "a location moves": lambda it: request(it, "PATCH", f"/location/{it.location_id}", {"timeZone": "America/Denver"}),
    "alerts of a location change": lambda it: request(
        it, "PATCH", f"/location/{it.location_id}", {"settings": {"reachAlerts": {"days": 5}}}
    ),
    "alerts of a customer change": lambda it: request(
        it, "PATCH", "/customer", {"settings": {"reachAlerts": {"days": 6}}}
    ),
    "a customer is active again": suspend_and_resume,
    "a neighbour's rota changes": work_at_neighbour,
    "somebody named changes": name_person,
    "a role changes": lambda it: manage(it, userRole="manager"),
    "a number is given up": lambda it: request(it, "DELETE", f"/phoneNumber/{it.line.number}"),
    "a number is answered again": restore_number,
    "somebody is blocked": lambda it: manage(it, status="blocked"),
    "somebody is active again": lambda it: manage(it, status="active"),
    "somebody is deleted": lambda it: request(it, "DELETE", "/userManagement", {"id": it.sam.id}),
}
"""In this order, with the same people."""

OTHERS: dict[str, Act] = {
    "a name changes": lambda it: manage(it, name="Sam Reed-Miller"),
    "a language changes": lambda it: request(it, "PATCH", "/user", {"settings": {"language": "en"}}, by_sam=True),
    "a location is renamed": lambda it: request(it, "PATCH", f"/location/{it.location_id}", {"name": "Harbour Lane"}),
    "a customer's language changes": lambda it: request(it, "PATCH", "/customer", {"settings": {"language": "en"}}),
    "somebody is invited": lambda it: it.line.test_users.create_user(locations=[it.location_id]),
}


PASSING = {"ongoing-calls"}
"""What a preview reads, too: it passes by itself."""


def count_looks(watched: WatchedLine, caplog: pytest.LogCaptureFixture, act: Act) -> int:
    """How often the line is looked at in the 65 seconds after something happened."""
    drain_outbox(causes.DELAY.total_seconds())
    act(watched)
    caplog.clear()
    drain_outbox(60.5 - now().second)  # the end of the minute, when changes are followed to their lines
    drain_outbox(causes.DELAY.total_seconds())
    if any(record.message == "task deferred" for record in caplog.records):  # the engine was busy
        drain_outbox(causes.DELAY.total_seconds() + 60)
    ids = [getattr(record, "message_id", "") for record in caplog.records]
    return sum(id.startswith(f"look-{watched.location_id}-") and "usr_" not in id for id in ids)


@pytest.mark.parametrize("name", OTHERS)
def test_other_changes_are_no_cause(name: str, watched: WatchedLine, caplog: pytest.LogCaptureFixture) -> None:
    assert count_looks(watched, caplog, OTHERS[name]) == 0


@pytest.mark.parametrize("name", CAUSES)
def test_each_cause_leads_to_a_look(name: str, watched: WatchedLine, caplog: pytest.LogCaptureFixture) -> None:
    assert count_looks(watched, caplog, CAUSES[name]) == 1


def test_many_causes_of_a_minute_are_one_look(
    test_users: UserFixtures, env: Environment, caplog: pytest.LogCaptureFixture
) -> None:
    watched = create_watched_line(test_users, env)

    def act(watched: WatchedLine) -> None:
        for days in range(4):
            plan(watched, 2 + days)
        manage(watched, userSkills=["tax"])
        watched.line.update_configuration(hours={"mode": "always"})

    assert count_looks(watched, caplog, act) in (1, 2), "two if a minute ends in between"


def test_each_table_that_a_call_reads_is_a_cause(test_users: UserFixtures, env: Environment) -> None:
    """Whoever lets it depend on other records has to say what follows from their changes."""
    watched = create_watched_line(test_users, env)
    path = f"/ivrConfiguration/{watched.location_id}/preview?at={tomorrow(10).isoformat()}"
    with env.apply_plan(FaultPlan()) as fault_plan:
        request(watched, "GET", path)
        request(watched, "GET", f"/location/{watched.location_id}/reach")
    tables = {right.resource.partition("/")[0] for call in fault_plan.calls for right in call.rights}
    assert {"schedules", "users", "ivr", "phone-proofs", "phone-pauses"} <= tables, tables
    assert tables - PASSING <= set(causes.CAUSES), tables
