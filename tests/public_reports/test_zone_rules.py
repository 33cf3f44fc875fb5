"""Rules of time zones: those of the locked tzdata, whatever the machine has."""

import time as time_module
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import httpx
import pytest

from config import health, zone_rules
from config.admin.zone_rules import zone_rules_panels
from tests.support import old_rules
from tests.support.environment import Environment, free_port
from tests.support.proxy import FaultPlan
from tests.support.users import UserFixtures, create_user_fixtures, enable_ringing, now, simulate_call


@pytest.fixture(scope="module")
def old_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zone database as machines have it that were not updated."""
    return old_rules.create_database(tmp_path_factory.mktemp("zoneinfo"))


@pytest.fixture(scope="module", autouse=True)
def _stored_version(env: Environment) -> None:
    """Whatever other modules have left, all stored instants follow from the present rules."""
    zone_rules.store_version(now())
    zone_rules.refresh()


@pytest.fixture(scope="module")
def web(env: Environment, old_database: Path) -> Iterator[str]:
    """A web process on a machine with old zone data."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    yield env.start_web("old-zones", port, PYTHONTZPATH=str(old_database), PUBLIC_BASE_URL=url)
    env.stop("old-zones")


@pytest.fixture(scope="module")
def test_users(env: Environment, web: str) -> UserFixtures:
    """The test users of this module."""
    return create_user_fixtures(env, web)


@pytest.fixture(scope="module")
def vancouver(test_users: UserFixtures) -> str:
    """A location in Vancouver; its id."""
    body = {"name": "Gastown", "timeZone": "America/Vancouver"}
    response = test_users.ann.post("/location", body)
    assert response.status_code == 201, response.text
    return str(response.json()["id"])


# --- one database ---------------------------------------------------------------------------------
_SHOW_OFFSETS = """
import importlib, os, sys, zoneinfo
from datetime import datetime

show = lambda: datetime(2026, 12, 1, 9, tzinfo=zoneinfo.ZoneInfo("America/Vancouver")).isoformat()
offsets = [show()]
importlib.import_module(sys.argv[1])
offsets.append(show())
print(*offsets, flush=True)
if os.fork() == 0:
    print(show(), zoneinfo.available_timezones() > {"America/Vancouver", "Europe/Berlin"}, flush=True)
    os.execv(sys.executable, [sys.executable, "-c", "from zoneinfo import TZPATH; print(TZPATH)"])
os.wait()
"""


@pytest.mark.parametrize("module", ["config.asgi", "config.celery", "tests.emulators.twilio"])
def test_bcgov_wps_5175_processes_use_the_locked_rules(env: Environment, old_database: Path, module: str) -> None:
    """bcgov/wps#5175, nodejs/node#62323: web, worker and emulator, what they fork and start."""
    output = old_rules.run_python(_SHOW_OFFSETS, module, PYTHONTZPATH=str(old_database)).stdout.split("\n")
    assert output[0] == "2026-12-01T09:00:00-08:00 2026-12-01T09:00:00-07:00"
    assert output[1] == "2026-12-01T09:00:00-07:00 True"
    assert output[2] == "()"


_LIST_OPENED_ZONE_FILES = """
import sys
from datetime import UTC, datetime

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
import config.asgi, config.celery
import dateutil.rrule, icalendar, phonenumbers, phonenumbers.timezone, zoneinfo
from django.utils import timezone

from accounts.models import Location
from staffing.calendar import ical
from staffing.models import Schedule, to_attributes
from staffing.recurrence.expand import Series
from telephony import dialing_rules

day = datetime(2026, 12, 1, 9)
config.celery.app.now(), timezone.localtime()
phonenumbers.timezone.time_zones_for_number(phonenumbers.parse("+16045550123"))
dialing_rules.country_of_location("America/Vancouver")
zoneinfo.available_timezones()
series = Series(day, day.replace(hour=17), "America/Vancouver")
schedule = Schedule(
    id="sch_1", customer_id="cus_1", location_id="loc_1", staff_id="usr_1", created_at=datetime.now(UTC),
    updated_at=datetime.now(UTC), **to_attributes(series)
)
calendar = ical.render_calendar([schedule], "usr_1", locations_by_id={}, at=datetime(2026, 11, 20, tzinfo=UTC))
assert b"America/Vancouver" in calendar, calendar
assert any("zoneinfo" in path for path in opened)
print(*{path for path in opened if "zoneinfo/" in path or "localtime" in path}, sep="\\n")
"""


def test_python_tzdata_135_no_library_reads_zone_files_of_the_machine(env: Environment, old_database: Path) -> None:
    """python/tzdata#135: icalendar, dateutil, phonenumbers, Celery and Django have no other."""
    paths = old_rules.run_python(_LIST_OPENED_ZONE_FILES, PYTHONTZPATH=str(old_database)).stdout.split()
    # icalendar has dateutil read UTC, which has no rules
    paths = [path for path in paths if not path.endswith("/zoneinfo/UTC")]
    of_the_machine = [path for path in paths if "/tzdata/zoneinfo/" not in path and not path.endswith((".py", ".pyc"))]
    assert of_the_machine == []
    assert any(path.endswith("tzdata/zoneinfo/America/Vancouver") for path in paths)


def test_dart_lang_labs_363_vancouver_2026_12_01_on_an_old_machine(
    test_users: UserFixtures, vancouver: str, old_database: Path, env: Environment
) -> None:
    """dart-lang/labs#363: calls at 09:30 Vancouver time ring who is on duty."""
    ann, user = test_users.ann, test_users.create_user(locations=[vancouver], name="Vera North")
    phone = enable_ringing(user, "+16045550142")
    body = test_users.shift_body(
        locationId=vancouver, staffId=user.id, startTime="2026-12-01T09:00:00", endTime="2026-12-01T17:00:00"
    )
    created = ann.post("/staffSchedule", body)
    assert created.status_code == 201, created.text
    assert created.json()["startTime"] == "2026-12-01T09:00:00-07:00"

    on_duty = ann.get(f"/location/{vancouver}/on-duty?at=2026-12-01T09:30:00").json()
    assert on_duty["at"] == "2026-12-01T09:30:00-07:00"
    assert [entry["staffId"] for entry in on_duty["items"]] == [user.id]

    number = "+16045558187"
    bought = ann.post("/userManagement/purchase-phone-number", {"phoneNumber": number, "locationId": vancouver})
    assert bought.status_code == 200, bought.text
    call = simulate_call(number, at="2026-12-01T09:30:00-07:00", phones={phone: "answers"})
    assert phone in "\n".join(call["lines"]), call["lines"]

    printed = env.run_management_command(
        *("call", number, "--at", "2026-12-01T16:30:00Z", "--answer", "vera"), PYTHONTZPATH=str(old_database)
    )
    assert f"vera ({phone})" in printed.stdout, printed.stdout + printed.stderr


_COUNT_THREADS = """
import threading
import config.wsgi, config.celery, config.outbox.celery_tasks
from celery.signals import worker_process_init

counts = [sum(thread.name == "zone-rules" for thread in threading.enumerate())]
worker_process_init.send(sender=None)
counts.append(sum(thread.name == "zone-rules" for thread in threading.enumerate()))
print(*counts)
"""


def test_web_processes_and_workers_refresh(env: Environment) -> None:
    assert old_rules.run_python(_COUNT_THREADS).stdout.split() == ["1", "2"]


# --- what operators see ---------------------------------------------------------------------------
def test_readyz_tells_the_version_and_the_age_of_the_rules(web: str, env: Environment) -> None:
    report = httpx.get(f"{web}/readyz").json()["zoneRules"]
    assert report["version"] == zone_rules.VERSION
    assert report["releasedOn"] == zone_rules.release().released.isoformat()
    assert report["ageDays"] >= 0, report
    assert report["checkedOn"] == zone_rules.release().checked.isoformat()
    assert (report["storedVersion"], report["otherVersion"]) == (zone_rules.VERSION, None)


def test_readyz_does_not_wait_for_the_stored_version(web: str, env: Environment) -> None:
    """Throttling of one small table once made probes fail, though the result was only `unknown`."""
    plan = FaultPlan()
    with env.apply_plan(plan):
        time_module.sleep(health.CACHE_SECONDS)
        assert httpx.get(f"{web}/readyz").json()["zoneRules"]["storedVersion"] == zone_rules.VERSION
    operations = {call.operation for call in plan.calls if call.service == "dynamodb"}
    assert "Query" in operations
    assert "GetItem" not in operations


_LOG_WITHOUT_TABLE = """
import django

django.setup()
from config import outbox, zone_rules
zone_rules.log_warning(outbox.utc_now())
zone_rules.refresh()
"""


def test_rules_that_cannot_be_read_are_logged(env: Environment) -> None:
    """The table is missing, or the rights."""
    completed = old_rules.run_python(_LOG_WITHOUT_TABLE, DYNAMODB_TABLE_PREFIX="nowhere")
    printed = completed.stdout + completed.stderr
    assert "The database does not say with which rules the stored instants were derived." in printed
    assert "GetItem of nowhere-installation: ResourceNotFoundException" in printed


def test_operators_see_when_to_look_for_newer_rules(env: Environment) -> None:
    checked = datetime.combine(zone_rules.release().checked, time(12), UTC)
    assert zone_rules.read_report(checked + timedelta(days=90)).status == "ok"
    report = zone_rules.read_report(checked + timedelta(days=91))
    assert report.status == "old"
    assert "make lock" in report.sentence
    (panel,) = zone_rules_panels(None)
    assert f"tzdata {zone_rules.VERSION}" in str(panel.items)
