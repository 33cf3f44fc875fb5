"""A zone database as machines have it that were not updated, and processes that used it."""

import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

from tests.support.environment import ENVIRONMENT

OLD_RULES = {"America/Vancouver": "America/Los_Angeles", "Africa/Nairobi": "Africa/Johannesburg"}
"""Zones, and zones that have their earlier rules: real ones, or invented ones all year."""
OLD_VERSION = "2025.2"

_PLAN_SHIFTS = """
import json, sys, zoneinfo
from datetime import datetime
import django

django.setup()
from accounts import permissions, users
from config import outbox, zone_rules
from staffing.schedules import commands

database, version, owner_id, drafts = json.loads(sys.argv[1])
zoneinfo.reset_tzpath([database])
zoneinfo.ZoneInfo.clear_cache()
zone_rules.VERSION = version
actor = permissions.user_actor(users.get_user(owner_id))
for draft in drafts:
    times = {name: datetime.fromisoformat(draft.pop(name)) for name in ("start", "end")}
    draft = commands.ScheduleDraft(actor.customer_id, **draft, **times)
    schedule = commands.create_schedule(draft, actor=actor, at=outbox.utc_now())
    print(schedule.id)
"""


_MOVE_SHIFT = """
import json, sys, zoneinfo
from datetime import datetime
import django

django.setup()
from accounts import permissions, users
from config import outbox
from staffing.models import Schedule
from staffing.schedules import commands
from staffing.recurrence.series_update import SeriesUpdate

database, owner_id, schedule_id, start, end = json.loads(sys.argv[1])
zoneinfo.reset_tzpath([database])
zoneinfo.ZoneInfo.clear_cache()
Schedule.follows_present_rules = lambda schedule: True  # that release does not ask
actor = permissions.user_actor(users.get_user(owner_id))
update = SeriesUpdate(start=datetime.fromisoformat(start), end=datetime.fromisoformat(end))
commands.update_schedule(schedule_id, update, actor=actor, at=outbox.utc_now())
"""


def create_database(folder: Path) -> Path:
    """The zone database of a machine with old rules."""
    for zone, same_rules in OLD_RULES.items():
        (folder / zone).parent.mkdir(exist_ok=True)
        shutil.copy(str(files("tzdata").joinpath("zoneinfo", same_rules)), folder / zone)
    return folder


def run_python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own, with the settings of the test environment."""
    settings = {**ENVIRONMENT.process_environment(proxied=False), "DJANGO_SETTINGS_MODULE": "config.settings"}
    completed = ENVIRONMENT.run_forked("-c", code, *arguments, environment={**settings, **environment})
    assert completed.returncode == 0, completed.stderr[-2000:]
    return completed


def plan_shifts(database: Path, owner_id: str, drafts: list[dict[str, Any]]) -> list[str]:
    """Plan shifts as an earlier release did, with its rules; the ids of the schedules."""
    completed = run_python(_PLAN_SHIFTS, json.dumps([str(database), OLD_VERSION, owner_id, drafts]))
    return completed.stdout.split()


def move_shift(database: Path, owner_id: str, schedule_id: str, start: str, end: str) -> None:
    """Move a shift as a release did that does not name its rules in what it stores."""
    run_python(_MOVE_SHIFT, json.dumps([str(database), owner_id, schedule_id, start, end]))
