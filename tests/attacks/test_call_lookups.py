"""H2: while the rota of one location is slow, the calls to others ring all the same."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.calls import PlayedCall, create_line
from tests.support.environment import Environment
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures

PHONE = "+16175550142"


def test_a_slow_rota_leaves_threads_for_other_calls(test_users: UserFixtures, env: Environment) -> None:
    """Lookups of one location took all threads: hung ones stay after a caller has waited."""
    slow_line, quick_line = create_line(test_users), create_line(test_users, name="Mill Road")
    ring: dict[str, Any] = {"type": "ring", "target": {"numbers": [PHONE]}, "otherwise": {"type": "voicemail"}}
    week = {day: [["00:00", "24:00"]] for day in ("mo", "tu", "we", "th", "fr", "sa", "su")}
    quick_line.update_configuration(open=ring, hours={"mode": "weekly", "weekly": week})
    with env.apply_plan(FaultPlan(always={"dynamodb Query": "hang"})), ThreadPoolExecutor(10) as pool:
        callers = [f"+1617555010{digit}" for digit in range(10)]
        slow_calls = [pool.submit(slow_line.call, **{"from": caller}) for caller in callers]
        quick_calls: list[PlayedCall] = []
        for _ in range(3):
            time.sleep(0.8)
            quick_calls.append(quick_line.call(phones={PHONE: "answers"}))
        played = [call.result() for call in slow_calls]
    for call in quick_calls:
        call.assert_sequence(f"talks with {PHONE}")
    for call in played:
        call.assert_sequence("leave a message")
