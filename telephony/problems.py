"""What needs the attention of operators at the numbers, calls and rotas of a customer.

A check of a customer takes about ten round trips one after another. Its queries are ten, three for
each of its first locations, and three more for each with a number at which nobody has a shift.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from accounts import customers, locations, permissions
from config import dynamodb
from config.board.sources import Findings, Problem, Source
from staffing.recurrence import wall_clock
from staffing.schedules import coverage, first_shifts
from staffing.schedules.coverage import Period
from telephony import ivr, lines
from telephony.line_tests import results
from telephony.lines import ResolvedLine
from telephony.models import Call, Callback, LineTest, PhoneNumber, queue_key
from telephony.numbers import unassigned
from telephony.numbers.acquisition import TWILIO_LIST_LAG
from telephony.reach.coming_days import ComingHoles, iter_whole_days, load_coming_holes

MISSED_CALLS, CALLBACK_LATE, STUCK_PURCHASE = "calls-missed", "callback-late", "purchase-stuck"
LINE_TEST = "line-test-failed"
NUMBER_WITHOUT_ROTA, ROTA_HOLE, UNASSIGNED_NUMBER = "number-without-rota", "rota-hole", "number-unassigned"
ROTA_WITHOUT_NUMBER = "rota-without-number"
MAX_NUMBERS, MAX_LOCATIONS, MAX_CALLS, MAX_CALLBACKS = 50, 50, 1_000, 50
"""Of a customer, that are looked at."""
CALLS_SINCE, LONG_WAIT, LOOK_AHEAD_DAYS = timedelta(days=1), timedelta(hours=1), 7
WINDOW = timedelta(days=LOOK_AHEAD_DAYS + 1)
MAX_SHOWN_GAPS, MAX_SHOWN_PEOPLE = 4, 3
"""Of a location, that an item names; it counts the other gaps."""
MAX_SHOWN_STEPS = 3
"""Failed steps of a test that an item names; it counts the others."""


def find_number_problems(customer: Any, at: datetime) -> Findings:
    """Numbers without a rota, hanging purchases, failed tests, times in which calls ring nobody.

    At locations without a line that have a rota: days on which nobody is on duty at any time, and,
    if other locations of the customer have a number, that this one has none.
    """
    if customer.status != "active":
        return Findings()
    customer_id = str(customer.id)
    actor = permissions.system_actor(customer_id)
    numbers, page = dynamodb.gather(
        partial(list_numbers, customer_id),
        partial(locations.list_accessible_locations, actor, limit=MAX_LOCATIONS, cursor=None),
    )
    zones = {str(location.id): str(location.time_zone) for location in page.records}
    active = {str(number.location_id): number for number in numbers if number.status == "active"}
    test_keys = [dynamodb.RecordKey(LineTest, id) for id in active]
    records = dynamodb.batch_get([*lines.keys_of_lines(active), *test_keys, customers.customer_key(customer_id)])
    lines_by_id = {line.location_id: line for line in lines.find_lines_in(records, active, customer_id)}
    tests = {id: test for id in active if (test := records.get(LineTest, id))}
    since = at.replace(minute=0, second=0, microsecond=0)
    with_lines = [location for location in page.records if location.id in lines_by_id]
    without_line = [id for id in dict.fromkeys([*zones, *active]) if id not in lines_by_id or id not in zones]
    holes, covered = dynamodb.gather(
        partial(load_coming_holes, lines_by_id, with_lines, records, since=since, days=LOOK_AHEAD_DAYS),
        partial(coverage.list_covered, without_line, since, since + WINDOW, customer_id=customer_id),
    )
    with_rota = {id for id in covered if covered[id]} | {id for id in holes if holes[id].has_people}
    others = [id for id in active if id not in with_rota]
    with_rota |= first_shifts.find_locations_with_future_shifts(others, at) if others else set()
    without_rota = {id for id in active if id not in with_rota and rings_people(lines_by_id.get(id))}
    gaps = {id: _list_empty_days(zones[id], covered[id], since) for id in covered if id in zones and covered[id]}
    problems = [
        *(_stuck(number) for number in numbers if is_stuck(number, at)),
        *(
            Problem(NUMBER_WITHOUT_ROTA, str(active[id].number), _facts(active[id]))
            for id in active
            if id in without_rota
        ),
        *(Problem(ROTA_WITHOUT_NUMBER, id, {"location": id}) for id in _list_without_number(numbers, gaps)),
        *(_rota_hole(id, periods, zones[id]) for id, periods in gaps.items() if periods),
        *(
            _rota_hole(id, hole.periods, zones[id], hole)
            for id, hole in holes.items()
            if hole.periods and id not in without_rota
        ),
        *(_failed_test(test) for id, test in tests.items() if _has_failed(test, active[id])),
    ]
    rota_count = len(with_rota & set(zones))
    checked = {STUCK_PURCHASE: len(numbers), NUMBER_WITHOUT_ROTA: len(active), ROTA_HOLE: rota_count}
    checked[ROTA_WITHOUT_NUMBER] = rota_count if active else 0
    checked[LINE_TEST] = len(tests)
    return Findings(problems, checked)


def _list_without_number(numbers: Sequence[PhoneNumber], with_rota: Iterable[str]) -> list[str]:
    """Locations with a rota that no number belongs to, of a customer that takes calls elsewhere."""
    if len(numbers) >= MAX_NUMBERS or not any(number.status == "active" for number in numbers):
        return []
    numbered = {str(number.location_id) for number in numbers}
    return [id for id in with_rota if id not in numbered]


def list_numbers(customer_id: str) -> list[PhoneNumber]:
    """The first numbers of a customer."""
    condition, values = "#customer_id = :of", {":of": {"S": customer_id}}
    return dynamodb.query_records(PhoneNumber, condition, values, IndexName="byCustomer", Limit=MAX_NUMBERS)


def is_stuck(number: PhoneNumber, at: datetime) -> bool:
    """Whether the purchase of a number hangs."""
    return number.status == "buying" and at - number.created_at > TWILIO_LIST_LAG


def rings_people(line: ResolvedLine | None) -> bool:
    """Whether calls ring people on duty, as far as its configuration says; others need no rota."""
    if line is None:
        return True
    targets = ivr.list_answering_targets(line.configuration)
    return ivr.follows_rota(line.configuration) or any("onDuty" in target for target in targets)


def _list_empty_days(zone: str, covered: Sequence[Period], since: datetime) -> list[Period]:
    """The next days on which nobody is on duty at any time, by the location's clock."""
    return coverage.list_empty(iter_whole_days(since, zone, LOOK_AHEAD_DAYS), covered)


def _rota_hole(location_id: str, gaps: Sequence[Period], zone: str, hole: ComingHoles | None = None) -> Problem:
    """``hole``: of a line, with the reasons of the first gap."""
    shown = [[_instant(start), _instant(end)] for start, end in gaps[:MAX_SHOWN_GAPS]]
    facts: dict[str, Any] = {"location": location_id, "gaps": shown, "count": len(gaps)}
    facts["days"] = len({day for start, end in gaps for day in _list_days(start, end, zone)})
    if hole:
        facts["people"] = [[person.staff_id, person.why_not] for person in hole.people[:MAX_SHOWN_PEOPLE]]
    return Problem(ROTA_HOLE, location_id, facts)


def _list_days(start: datetime, end: datetime, zone: str) -> list[date]:
    """The days of a period by a clock."""
    first = wall_clock.to_wall_time(start, zone).date()
    last = wall_clock.to_wall_time(end - timedelta(microseconds=1), zone).date()
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _has_failed(test: LineTest, number: PhoneNumber) -> bool:
    return test.result == "failed" and test.number == number.number


def _failed_test(test: LineTest) -> Problem:
    """With the first steps that failed, without what they count."""
    failed = results.list_failed_steps(test)
    shown = [step.to_json() for step in failed[:MAX_SHOWN_STEPS]]
    facts = {
        "location": str(test.location_id),
        "steps": shown,
        "count": len(failed),
        "tested": _instant(test.tested_at),
    }
    return Problem(LINE_TEST, str(test.location_id), facts, since=test.failed_since)


def _stuck(number: PhoneNumber) -> Problem:
    facts = {**_facts(number), "since": _instant(number.created_at)}
    return Problem(STUCK_PURCHASE, str(number.number), facts, since=number.created_at)


def _facts(number: PhoneNumber) -> dict[str, Any]:
    return {"number": str(number.number), "location": str(number.location_id)}


def find_call_problems(customer: Any, at: datetime) -> Findings:
    """Calls of the last day that nobody answered, and callers who wait too long, by location."""
    if customer.status != "active":
        return Findings()
    calls, waiting = dynamodb.gather(
        partial(_list_calls, str(customer.id), at), partial(list_waiting, str(customer.id), at, MAX_CALLBACKS)
    )
    problems = [*_missed_calls(calls)]
    if waiting:
        since = str(waiting[0].queue).partition("#")[2]
        facts = {"count": len(waiting), "since": since}
        problems.append(Problem(CALLBACK_LATE, "callers", facts, since=datetime.fromisoformat(since)))
    return Findings(problems, {MISSED_CALLS: len(calls), CALLBACK_LATE: 1})


def _list_calls(customer_id: str, at: datetime) -> list[Call]:
    """The newest calls of the last day."""
    values = {":of": {"S": customer_id}, ":since": {"S": dynamodb.format_timestamp(at - CALLS_SINCE)}}
    options = {"IndexName": "byCustomer", "ScanIndexForward": False, "Limit": MAX_CALLS}
    return dynamodb.query_records(Call, "#customer_id = :of AND #started_at >= :since", values, **options)


def _missed_calls(calls: Iterable[Call]) -> Iterable[Problem]:
    missed, messages = Counter[str](), Counter[str]()
    first_at, last_at = dict[str, datetime](), dict[str, datetime]()
    for call in calls:
        if call.direction == "in" and call.outcome in ("missed", "voicemail"):
            id = str(call.location_id)
            (messages if call.outcome == "voicemail" else missed)[id] += 1
            first_at[id] = min(first_at.get(id, call.started_at), call.started_at)
            last_at[id] = max(last_at.get(id, call.started_at), call.started_at)
    for id, at in last_at.items():
        facts = {"location": id, "missed": missed[id], "messages": messages[id], "last": _instant(at)}
        yield Problem(MISSED_CALLS, id, facts, since=first_at[id])


def list_waiting(customer_id: str, at: datetime, limit: int) -> list[Callback]:
    """The keys of open call-backs that were due more than an hour ago, the longest first."""
    values = {":of": {"S": customer_id}, ":low": {"S": "1#"}, ":high": {"S": queue_key("open", at - LONG_WAIT)}}
    condition = "#customer_id = :of AND #queue BETWEEN :low AND :high"
    return dynamodb.query_records(Callback, condition, values, IndexName="byCustomer", Limit=limit)


def find_unassigned_numbers(at: datetime) -> Findings:
    """Numbers at Twilio that belong to nobody, as the last comparison found them."""
    orphans = [orphan for orphan in unassigned.list_numbers() if not orphan.reserved_for]
    problems = [
        Problem(UNASSIGNED_NUMBER, str(orphan.number), {"number": str(orphan.number)}, since=orphan.found_at)
        for orphan in orphans
    ]
    return Findings(problems, {UNASSIGNED_NUMBER: 1})


def _instant(at: datetime) -> str:
    return dynamodb.format_timestamp(at)


SOURCES = (
    Source(
        "numbers",
        (STUCK_PURCHASE, LINE_TEST, NUMBER_WITHOUT_ROTA, ROTA_WITHOUT_NUMBER, ROTA_HOLE),
        find_number_problems,
    ),
    Source("calls", (MISSED_CALLS, CALLBACK_LATE), find_call_problems),
)
PLATFORM_SOURCES = (Source("unassigned numbers", (UNASSIGNED_NUMBER,), find_unassigned_numbers),)
