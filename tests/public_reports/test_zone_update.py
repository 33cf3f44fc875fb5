"""Shifts planned before a change of zone rules: reading them, and `manage.py zones update`."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from accounts import locations
from config import dynamodb, outbox, zone_rules
from config.admin.zone_rules import zone_rules_panels
from config.dynamodb import unaudited
from staffing.models import StaffAvailability
from staffing.schedules import availability, expansion, queries
from staffing.zone_update import ZoneUpdate
from tests.support import old_rules
from tests.support.bulk import put_records
from tests.support.environment import Environment, free_port
from tests.support.planned_shifts import (
    PlannedShift,
    list_reminders,
    mark_outdated,
    plan_reminder_as_before,
    update_keys,
    wait_for_status,
)
from tests.support.users import UserFixtures, create_user_fixtures, enable_ringing, now, process_outbox, simulate_call

DAY = "2026-12-01"
HALF_PAST_NINE = "2026-12-01T16:30:00Z"
"""In Vancouver, by the new rules. By the old ones it is half past eight."""


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zone database with old rules."""
    return old_rules.create_database(tmp_path_factory.mktemp("zoneinfo"))


@pytest.fixture(scope="module")
def web(env: Environment) -> Iterator[str]:
    """A web process of a release with new rules, before the update."""
    mark_outdated()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    yield env.start_web("new-rules", port, PUBLIC_BASE_URL=url, ZONE_RULES_REFRESH_SECONDS="1")
    env.stop("new-rules")
    update_keys(env)


@pytest.fixture(scope="module")
def test_users(env: Environment, web: str) -> UserFixtures:
    """The test users of this module."""
    return create_user_fixtures(env, web)


Planner = Callable[..., PlannedShift]


@pytest.fixture(scope="module")
def plan_shift(test_users: UserFixtures, old_database: Path) -> Planner:
    """Plan a shift of a new person at a new location, as an earlier release did."""

    def plan(
        start: str = f"{DAY}T09:00:00", end: str = f"{DAY}T17:00:00", zone: str = "America/Vancouver"
    ) -> PlannedShift:
        ann = test_users.ann
        location = locations.create_location(actor=ann.actor, name="Gastown", time_zone=zone, at=now())
        user = test_users.create_user(locations=[location.id])
        draft = {"location_id": location.id, "staff_id": user.id, "start": start, "end": end}
        (schedule_id,) = old_rules.plan_shifts(old_database, ann.id, [draft])
        return PlannedShift(test_users, location, user, schedule_id)

    return plan


def test_gc_digital_talent_17464_a_shift_planned_under_old_rules_is_shown(plan_shift: Planner) -> None:
    """GCTC-NTGC/gc-digital-talent#17464: on duty, in narrow windows, in calls and conflicts."""
    shift = plan_shift()
    ann, location_id = shift.test_users.ann, shift.location.id
    assert shift.schedule.window == f"O#{DAY}T17:00:00Z", "derived with the old rules"

    on_duty = ann.get(f"/location/{location_id}/on-duty?at={HALF_PAST_NINE}").json()["items"]
    assert [entry["staffId"] for entry in on_duty] == [shift.user.id]

    narrow = f"locationId={location_id}&from={DAY}T16:00:00Z&to={DAY}T16:45:00Z"
    for query in (narrow, f"{narrow}&staffId={shift.user.id}"):
        (occurrence,) = ann.get(f"/staffSchedule?{query}&expand=occurrences").json()["items"]
        assert occurrence["startTime"] == f"{DAY}T09:00:00-07:00"
        assert [item["id"] for item in ann.get(f"/staffSchedule?{query}").json()["items"]] == [shift.id]
    after = f"locationId={location_id}&from={DAY[:-1]}2T00:15:00Z&to={DAY[:-1]}2T00:45:00Z"
    assert ann.get(f"/staffSchedule?{after}&expand=occurrences").json()["items"] == [], "not until 17:00-08:00"

    phone, number = enable_ringing(shift.user, "+16045550176"), "+16045558176"
    purchase = {"phoneNumber": number, "locationId": location_id}
    assert ann.post("/userManagement/purchase-phone-number", purchase).status_code == 200
    call = simulate_call(number, at=HALF_PAST_NINE, phones={phone: "answers"})
    assert phone in "\n".join(call["lines"]), call["lines"]


def test_a_shift_planned_under_old_rules_conflicts_until_it_moves(plan_shift: Planner) -> None:
    shift = plan_shift("2031-12-01T09:00:00", "2031-12-01T17:00:00")
    ann = shift.test_users.ann
    body = {"customerId": shift.test_users.customer.id, "locationId": shift.location.id, "staffId": shift.user.id}
    morning = {**body, "startTime": "2031-12-01T08:00:00", "endTime": "2031-12-01T09:30:00"}
    assert ann.post("/staffSchedule", morning).status_code == 409
    evening = {**body, "startTime": "2031-12-01T17:00:00", "endTime": "2031-12-01T18:00:00"}
    assert ann.post("/staffSchedule", evening).status_code == 201

    moved = {"startTime": "2031-12-03T09:00:00", "endTime": "2031-12-03T17:00:00"}
    assert ann.request("PUT", f"/staffSchedule/{shift.id}", json=moved).status_code == 200
    assert ann.post("/staffSchedule", morning).status_code == 201, "the row under the old key is removed"
    assert f"2031-12-04T00:00:00Z#{shift.id}" in shift.list_row_ends()
    assert len(shift.list_row_ends()) == 3
    assert shift.schedule.zone_rules == zone_rules.VERSION


def test_single_shifts_are_in_order_before_the_update(plan_shift: Planner) -> None:
    """Stored starts may be in another order than those of the new rules."""
    shift = plan_shift("2031-11-10T09:00:00", "2031-11-10T10:00:00")
    start = datetime(2031, 11, 10, 16, 30, tzinfo=UTC)
    body = {"locationId": shift.location.id, "staffId": shift.test_users.ann.id}
    body |= {"startTime": "2031-11-10T09:30:00", "endTime": "2031-11-10T12:00:00"}
    created = shift.test_users.ann.post("/staffSchedule", {"customerId": shift.test_users.customer.id, **body})
    assert created.status_code == 201, created.text

    schedule_filter = queries.ScheduleFilter(
        location_id=shift.location.id, since=start - timedelta(days=1), until=start + timedelta(days=1)
    )
    mark_outdated()
    starts = [item.occurrence.start for item in expansion.iter_shifts(schedule_filter, read_limit=1)]
    assert starts == [start - timedelta(minutes=30), start]


def test_update_derives_keys_again_and_may_be_repeated(plan_shift: Planner, env: Environment) -> None:
    shifts = [plan_shift(f"2030-12-0{n}T09:00:00", f"2030-12-0{n}T17:00:00") for n in (2, 3)]
    mark_outdated()
    report = zone_rules.read_report(now())
    assert (report.status, report.stored.version) == ("update_needed", old_rules.OLD_VERSION)
    assert "manage.py zones update" in str(zone_rules_panels(None))

    dry_run = env.run_management_command("zones", "update", "--dry-run")
    assert dry_run.returncode == 0, dry_run.stderr
    for shift in shifts:
        assert f"{shift.test_users.customer.id} {shift.id}: " in dry_run.stdout
    assert "run manage.py zones update" in dry_run.stdout
    assert shifts[0].schedule.window == "O#2030-12-02T17:00:00Z"

    printed = update_keys(env)
    assert "is 2030-12-02T16:00:00Z, not 2030-12-02T17:00:00Z" in printed
    for day, shift in zip((2, 3), shifts, strict=True):
        assert shift.schedule.window == f"O#2030-12-0{day}T16:00:00Z"
        assert shift.schedule.zone_rules == zone_rules.VERSION
        assert shift.schedule.version == 1
        assert shift.list_row_ends() == [f"2030-12-0{day + 1}T00:00:00Z#{shift.id}"]
    assert f"stored instants: {zone_rules.VERSION}\n" in printed
    assert zone_rules.read_report(now()).status in ("ok", "old")

    again = env.run_management_command("zones", "update")
    assert "updated" not in again.stdout, again.stdout


def test_a_process_with_other_rules_makes_the_update_needed_again(
    plan_shift: Planner, env: Environment, web: str
) -> None:
    """A worker that was not restarted, or a release that went back and forward again."""
    update_keys(env)
    assert wait_for_status(web, "ok")["otherVersion"] is None

    shift = plan_shift("2032-12-01T09:00:00", "2032-12-01T17:00:00")
    report = wait_for_status(web, "update_needed")
    assert (report["storedVersion"], report["otherVersion"]) == (zone_rules.VERSION, old_rules.OLD_VERSION)
    on_duty = shift.test_users.ann.get(f"/location/{shift.location.id}/on-duty?at=2032-12-01T16:30:00Z").json()["items"]
    assert [entry["staffId"] for entry in on_duty] == [shift.user.id]
    sentence = zone_rules.read_report(now()).sentence
    assert f"derived with {zone_rules.VERSION} and {old_rules.OLD_VERSION}: run manage.py zones update" in sentence

    assert "1 schedules updated" in update_keys(env)
    assert wait_for_status(web, "ok")["otherVersion"] is None


def test_a_process_notes_that_it_has_other_rules(test_users: UserFixtures) -> None:
    """Processes that were started before the deployment rely on their rules no longer than that."""
    zone_rules.store_version(now())
    zone_rules.refresh()
    assert zone_rules.tolerance() == timedelta(0)
    is_stopped = zone_rules.start_refreshing(0.05)
    try:
        state = zone_rules.InstallationState(zone_rules.STATE_NAME)
        changes = [zone_rules.InstallationState.value.set(old_rules.OLD_VERSION)]
        assert unaudited.update(state, changes, zone_rules.InstallationState.name.exists())
        deadline = time.monotonic() + 10
        while not zone_rules.tolerance() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert zone_rules.tolerance() == zone_rules.MAX_RULE_CHANGE
    finally:
        is_stopped.set()
    zone_rules.refresh()
    assert zone_rules.read_stored_rules() == zone_rules.StoredRules(old_rules.OLD_VERSION, zone_rules.VERSION)


def test_a_shift_that_an_earlier_release_moved_is_repaired(
    test_users: UserFixtures, old_database: Path, env: Environment
) -> None:
    """It names no rules, so what the new release stored of them stays; so does the row it wrote."""
    ann, user = test_users.ann, test_users.create_user()
    location = locations.create_location(actor=ann.actor, name="Gastown", time_zone="America/Vancouver", at=now())
    body = {"customerId": test_users.customer.id, "locationId": location.id, "staffId": user.id}
    morning = {"startTime": "2028-12-05T09:00:00", "endTime": "2028-12-05T12:00:00"}
    schedule_id = ann.post("/staffSchedule", {**body, **morning}).json()["id"]
    old_rules.move_shift(old_database, ann.id, schedule_id, "2028-12-05T13:00:00", "2028-12-05T17:00:00")
    shift = PlannedShift(test_users, location, user, schedule_id)
    assert (shift.schedule.window, shift.schedule.zone_rules) == ("O#2028-12-05T21:00:00Z", zone_rules.VERSION)
    assert len(shift.list_row_ends()) == 2

    update_keys(env)
    assert shift.schedule.window == "O#2028-12-05T20:00:00Z"
    assert shift.list_row_ends() == [f"2028-12-06T00:00:00Z#{schedule_id}"]
    assert ann.post("/staffSchedule", {**body, **morning}).status_code == 201


def test_rows_without_a_schedule_are_removed(plan_shift: Planner) -> None:
    shift = plan_shift("2028-12-07T09:00:00", "2028-12-07T17:00:00")
    (row,) = availability.fetch_rows(shift.user.id, None, None)
    orphan_end = "2028-12-09T01:00:00Z#sch_gone"
    item = {**row.serialize(), "end": {"S": orphan_end}, "schedule_id": {"S": "sch_gone"}}
    put_records([StaffAvailability.from_item(item)])
    lines: list[str] = []
    update = ZoneUpdate(now(), dry_run=False, print_line=lines.append)
    update.run()

    assert update.conflicts == []
    assert update.counts["availability rows without a schedule"] == 1
    assert f"{shift.user.id}: no schedule has the availability row {orphan_end}" in lines
    assert shift.list_row_ends() == [f"2028-12-08T00:00:00Z#{shift.id}"]


def test_many_shifts_of_a_person_move_in_one_pass(plan_shift: Planner, old_database: Path) -> None:
    shift = plan_shift("2027-12-01T09:00:00", "2027-12-01T17:00:00")
    days = [f"2027-12-{day:02}T" for day in range(2, 21)]
    draft = {"location_id": shift.location.id, "staff_id": shift.user.id}
    drafts = [{**draft, "start": f"{day}09:00:00", "end": f"{day}17:00:00"} for day in days]
    old_rules.plan_shifts(old_database, shift.test_users.ann.id, drafts)
    update = ZoneUpdate(now(), dry_run=False, print_line=str)
    update.run()

    assert update.conflicts == []
    ends = shift.list_row_ends()
    assert len(ends) == 20
    assert {end[10:20] for end in ends} == {"T00:00:00Z"}


def test_an_interrupted_update_continues(plan_shift: Planner) -> None:
    shifts = [plan_shift(f"2029-12-0{n}T09:00:00", f"2029-12-0{n}T17:00:00") for n in (3, 4)]

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ZoneUpdate(now(), dry_run=False, print_line=interrupt).run()
    lines: list[str] = []
    ZoneUpdate(now(), dry_run=False, print_line=lines.append).run()

    assert {shift.schedule.zone_rules for shift in shifts} == {zone_rules.VERSION}
    assert all(any(shift.id in line for line in lines) for shift in shifts)
    (row,) = availability.fetch_rows(shifts[0].user.id, None, None)
    assert row.end == f"2029-12-04T00:00:00Z#{shifts[0].id}"
    version_record = dynamodb.get_record(StaffAvailability, shifts[0].user.id, "#")
    assert version_record is not None
    assert version_record.wrote == {f"2029-12-04T01:00:00Z#{shifts[0].id}": 0, str(row.end): 1}


@pytest.mark.parametrize("is_updated", [True, False])
def test_gc_digital_talent_17464_reminders_follow_the_rules(plan_shift: Planner, *, is_updated: bool) -> None:
    """By the new rules the shift starts an hour earlier, before its planned reminder would look."""
    day = (now() + timedelta(days=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    shift = plan_shift(f"{day:%Y-%m-%d}T09:00:00", f"{day:%Y-%m-%d}T17:00:00", "Africa/Nairobi")
    old_start, new_start = day - timedelta(hours=2), day - timedelta(hours=3)
    message_id = f"remind-{shift.user.id}-{old_start:%Y-%m-%dT%H:%M:%SZ}"
    plan_reminder_as_before(shift, message_id, old_start)
    assert list_reminders(shift.user.id) == {message_id: old_start}

    if is_updated:
        ZoneUpdate(now(), dry_run=False, print_line=str).run()
        assert message_id not in list_reminders(shift.user.id)
        process_outbox()
    else:  # the message is due a day before the shift
        outbox.run_message_now(message_id, clock=now)
    assert list(list_reminders(shift.user.id).values()) == [new_start]
