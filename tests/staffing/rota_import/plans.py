"""Plans of files, and what they are compared with."""

from collections.abc import Sequence
from typing import Any

from staffing import rota_import
from staffing.rota_import import ImportOptions, PlannedEntry
from tests.support.users import UserFixtures, now


def plan(content: str, users: UserFixtures, **options: Any) -> list[PlannedEntry]:
    import_options = ImportOptions(**{"location": "Boston", **options})
    entries = rota_import.read_file(content.encode(), actor=users.ann.actor, options=import_options)
    return list(rota_import.plan_entries(entries, actor=users.ann.actor, at=now()))


def outcomes(planned_entries: Sequence[PlannedEntry]) -> list[str]:
    return [
        "; ".join(map(str, planned.problems)) or f"line {planned.entry.line}: {planned.outcome}"
        for planned in planned_entries
    ]


def shifts_of(users: UserFixtures, since: str, until: str, **query: str) -> list[list[str]]:
    response = users.ann.get(
        f"/staffSchedule?customerId={users.customer.id}&expand=occurrences&from={since}&to={until}&limit=100",
        params=query or None,
    )
    return [[item["staffName"], item["startTime"], item["endTime"]] for item in response.json()["items"]]


def calendar(*events: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0"]
    for event in events:
        lines += ["BEGIN:VEVENT", *event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])
