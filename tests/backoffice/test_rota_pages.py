"""The rota in the back office: what the grid says, and what it costs."""

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.contrib.admin.utils import quote

from accounts import locations
from accounts.models import User
from staffing.models import Schedule
from staffing.recurrence.expand import Series
from staffing.recurrence.rules import NthWeekday, RecurrenceRule
from staffing.schedules import save
from telephony import lines
from tests.support.bulk import put_records
from tests.support.environment import Environment
from tests.support.operators import OperatorSession, create_many_users
from tests.support.proxy import ROUND_TRIP_SECONDS, FaultPlan, count_sequential_trips
from tests.support.users import UserFixtures, create_shift, now

ROTA = "/admin/staffing/schedule/rota"


def text_of(html: str) -> str:
    """The text of the page, on one line."""
    text = re.sub(r"<[^>]+>", " ", html[html.index("bo-rota-title") :])
    return " ".join(text.split())


def test_nights_gaps_and_overlaps_have_words(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    """The shift of Sunday night looked like one of Monday from 08:00 to 08:00."""
    number = test_users.purchase_number()
    location_id = str(number.number.location_id)
    line, _ = lines.get_line(location_id, actor=test_users.ann.actor)
    configuration = {
        **(line.configuration or {}),
        "hours": {"mode": "weekly", "weekly": {"mo": [["07:00", "20:00"]]}},
        "closed": {"type": "hangup"},
    }
    lines.update_configuration(location_id, configuration, actor=test_users.ann.actor, at=now())
    location = locations.get_location(location_id, actor=test_users.ann.actor)
    shifts = (
        (test_users.mia.id, "2033-01-02T08:00", "2033-01-03T08:00"),
        (test_users.sam.id, "2033-01-03T09:00", "2033-01-03T18:00"),
        (test_users.sam.id, "2033-01-03T17:00", "2033-01-03T19:00"),
    )
    for staff_id, start, end in shifts:
        times = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
        create_shift(test_users.ann.actor, location, staff_id, allow_overlap=True, **times)
    response = operator_sessions["read-only"].get(f"{ROTA}/{location.id}/?day=2033-01-03")
    text = text_of(response.text)
    assert f"until 08:00 (since Sun 08:00) {test_users.mia.user.name}" in text
    assert "08:00–08:00" not in text
    assert "covered 07:00–08:00, 09:00–19:00 of 07:00–20:00" in text
    assert "⚠ gap 08:00–09:00, 19:00–20:00" in text
    assert "Nobody is on duty during opening hours on 1 day to come Mon 3 Jan: 08:00–09:00, 19:00–20:00" in text
    assert "⚠ 2 shifts overlap another shift of the same person" in text
    assert "overlaps Mon 17:00–19:00 at New" in text
    assert f"Rota of New | {test_users.customer.name}" in response.text
    assert "Add note" not in text, "read-only operators change nothing"


def test_a_person_sees_each_location_in_its_own_time(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    """It was in UTC, and named the person instead of the place."""
    person = test_users.create_user(locations=[test_users.boston.id])
    for location, hour in ((test_users.boston, 9), (test_users.denver, 18)):
        start = datetime(2033, 1, 3, hour)  # noqa: DTZ001
        create_shift(test_users.ann.actor, location, person.id, start=start, end=start + timedelta(hours=4))
    session = operator_sessions["read-only"]
    text = text_of(session.get(f"/admin/staffing/schedule/rota-of/{person.id}/?day=2033-01-05").text)
    assert "4 h Boston America/New_York Boston 09:00–13:00 Boston 4 h Denver America/Denver Denver 18:00–22:00" in text
    assert "UTC" not in text


def test_hours_are_those_of_the_week(test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> None:
    """A night from Sunday counted in full in both weeks."""
    location = test_users.create_location()
    person = test_users.create_user(locations=[location.id])
    start = datetime(2033, 1, 9, 18)  # noqa: DTZ001
    create_shift(test_users.ann.actor, location, person.id, start=start, end=start + timedelta(hours=14))
    texts = [
        text_of(operator_sessions["support"].get(f"{ROTA}/{location.id}/?day={day}").text)
        for day in ("2033-01-09", "2033-01-10")
    ]
    assert [f" {hours} {person.name}" in text for hours, text in zip(("6 h", "8 h"), texts, strict=True)] == [
        True,
        True,
    ]


def test_same_names_have_addresses_beside_them(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    location = test_users.create_location()
    people = [test_users.create_user(name="Ivy Petrov", locations=[location.id]) for _ in range(2)]
    for person in people:
        start = datetime(2033, 1, 3, 9)  # noqa: DTZ001
        create_shift(test_users.ann.actor, location, person.id, start=start, end=start + timedelta(hours=4))
    text = text_of(operator_sessions["support"].get(f"{ROTA}/{location.id}/?day=2033-01-03").text)
    assert all(f"Ivy Petrov {person.email}" in text for person in people)


@pytest.mark.parametrize(
    "query",
    ["day=x", "day=0001-01-01", "day=2199-01-01", "show=year&day=2033-01-03", "show=month&day=2150-12-31", "day="],
)
def test_no_query_fails(query: str, test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]) -> None:
    for path in (f"{ROTA}/{test_users.boston.id}", f"/admin/staffing/schedule/rota-of/{test_users.sam.id}"):
        assert operator_sessions["support"].get(f"{path}/?{query}").status_code in (200, 400)


def weekly_series(user: User, location_id: str, customer_id: str, number: int) -> Schedule:
    first = datetime(2032, 12, 27, 6 + number % 8)  # noqa: DTZ001
    rule = RecurrenceRule("weekly", by_day=tuple(NthWeekday(day) for day in ("mo", "tu", "we", "th", "fr")))
    series = Series(first, first + timedelta(hours=8), "America/New_York", rule)
    return save.build_schedule(series, user.id, at=now(), customer_id=customer_id, location_id=location_id, details={})


def test_two_hundred_shifts_cost_little_more_than_none(
    test_users: UserFixtures,
    env: Environment,
    operator_sessions: dict[str, OperatorSession],
    record_figure: Callable[[str], None],
) -> None:
    """40 people with five shifts each, beside a customer without shifts."""
    empty, crowded = test_users.hilltop, test_users.create_location()
    people = create_many_users(test_users.customer.id, 40, name_prefix="Rota")
    put_records([weekly_series(person, crowded.id, test_users.customer.id, n) for n, person in enumerate(people)])
    session = operator_sessions["support"]
    paths = {name: f"{ROTA}/{place.id}/?day=2033-01-03" for name, place in (("none", empty), ("all", crowded))}
    paths["location"] = f"/admin/accounts/location/{quote(empty.id)}/change/"
    assert session.get(paths["all"]).text.count('class="bo-shift') == 40 * 5
    cpu: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(6):
        for name, path in paths.items():
            assert session.get(path).status_code == 200
            log_lines = [json.loads(line) for line in env.read_log("web").splitlines() if line.startswith("{")]
            cpu[name].append([line["cpu_milliseconds"] for line in log_lines if "cpu_milliseconds" in line][-1])
    with env.apply_plan(FaultPlan(latency=ROUND_TRIP_SECONDS)) as plan:
        assert session.get(paths["all"]).status_code == 200
    calls = [call for call in plan.calls if call.service == "dynamodb"]
    trips, capacity = count_sequential_trips(calls), sum(call.capacity for call in calls)
    to_empty, to_location = (min(cpu["all"]) / min(cpu[name]) for name in ("none", "location"))
    record_figure(
        f"rota of 200 shifts a week: {min(cpu['all']):.0f} ms CPU, {to_empty:.2f} times an empty one, "
        f"{to_location:.2f} times the page of a location, "
        f"{trips} sequential trips, {len(calls)} calls, {capacity:.0f} units"
    )
    assert trips <= 4
    assert capacity <= 60
    assert to_location <= 1.5
    assert to_empty <= 2


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("from=x", 400, "must be dates"),
        ("from=2033-01-03&until=2033-01-02", 400, "must not be before the first"),
        ("from=2033-01-03&until=2033-06-02", 400, "nor 62 days after it"),
        ("from=0001-01-01&until=9999-12-31", 400, "must be dates"),
        ("to={foreign}", 200, "Nobody of this customer has"),
        ("to=usr_01", 200, "Nobody of this customer has"),
        ("to=%00%27%3Cb%3E", 200, "Nobody of this customer has"),
        ("to={mia}&from=2033-03-07&until=2033-03-07", 200, "No shifts start on these days"),
    ],
)
def test_moves_refuse_what_is_not_theirs(
    query: str, status: int, text: str, test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    values = {"foreign": test_users.cleo.id, "mia": test_users.mia.id}
    for path in (f"{ROTA}/{test_users.boston.id}", f"/admin/staffing/schedule/rota-of/{test_users.sam.id}"):
        response = operator_sessions["support"].get(f"{path}/move/?{query.format(**values)}")
        assert response.status_code == status
        assert text in response.text


def test_only_chosen_shifts_of_the_location_move(
    test_users: UserFixtures, operator_sessions: dict[str, OperatorSession]
) -> None:
    location, person = test_users.create_location(), test_users.create_user()
    start = datetime(2033, 4, 4, 9)  # noqa: DTZ001
    shifts = [
        create_shift(test_users.ann.actor, location, person.id, start=day, end=day + timedelta(hours=4))
        for day in (start, start + timedelta(days=1))
    ]
    elsewhere = test_users.create_shift()
    form = {"from": "2033-04-04", "until": "2033-04-10", "to": test_users.mia.id}
    session, path = operator_sessions["support"], f"{ROTA}/{location.id}/move/"
    assert "Choose at least one shift." in session.post(path, **form).text
    chosen = [f"{shifts[0].id}~2033-04-04T09:00:00", f"{elsewhere.id}~{elsewhere.start}", "x" * 9_000]
    page = session.post(path, shift=chosen, **form)
    assert "1 of 3 shifts moved" in page.text
    assert "2 of the chosen shifts changed in the meantime" in page.text
    assert f"was of {person.name}" in page.text
    back = session.post(
        f"/admin/staffing/schedule/rota-of/{test_users.mia.id}/move/", shift=chosen[:1], **{**form, "to": person.id}
    )
    assert "1 of 1 shift moved" in back.text
    session.post(path, shift=chosen[:1], **form)
    holders = [test_users.ann.get(f"/staffSchedule/{shift.id}").json()["staffId"] for shift in (*shifts, elsewhere)]
    assert holders == [test_users.mia.id, person.id, test_users.sam.id]
