"""One look at a line: which callers would reach nobody, and whose phones could not ring soon.

Every write on which that depends leads to one (`telephony.reach.causes`), and every night does
(`telephony.reach.nightly`). Those in charge are told of new holes, each once. Never of a location
without a number, of a suspended customer, or where `accounts.reach_alerts` are off.
"""

import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson

from accounts import locations, permissions
from config import dynamodb, journal, outbox
from config.dynamodb import unaudited
from config.journal.write_set import StaleRecord
from staffing.schedules.queries import QueryTooWide
from telephony.models import ReachAlert
from telephony.reach import causes, hole_messages, in_charge, known_holes, loading, readiness
from telephony.reach.known_holes import MAX_HOLES, KnownHole
from telephony.reach.results import Hole
from telephony.reach.watched import WatchedLine, find_watched

logger = logging.getLogger("dutyline.reach")

KNOWN_AT_LEAST = timedelta(hours=1)
"""From when people were told last: who turns calls off and on again tells nobody each time."""


@outbox.task(causes.LOOK_TASK)
def look_ahead(location_id: str, customer_id: str, *, job: outbox.TaskContext) -> None:
    """Tell those in charge of new holes, and plan what is checked before the next shifts."""
    watched = find_watched(location_id, customer_id)
    if watched is None:
        forget(location_id)
        return
    until = job.at + timedelta(days=watched.alerts.days)
    try:
        readiness.plan_checks(watched.line, at=job.at)
        reach = loading.load_reach(watched.location, since=job.at, until=until)
    except QueryTooWide:
        logger.warning("the rota of a location is too large to look ahead", extra={"location": location_id})
        return
    journal.retry_on_conflict(lambda: _tell_of_new_holes(watched, reach.holes[:MAX_HOLES], until, job))


def _tell_of_new_holes(watched: WatchedLine, holes: Sequence[Hole], until: datetime, job: outbox.TaskContext) -> None:
    """Raises `StaleRecord` at the commit if another look at the location was faster."""
    location_id, customer_id = watched.line.location_id, watched.line.customer_id
    stored = dynamodb.get_record(ReachAlert, location_id)
    known = [KnownHole.parse(values) for values in stored.holes] if stored else []
    new = known_holes.find_new(holes, known, least=timedelta(minutes=watched.alerts.min_minutes))
    channels = in_charge.list_channels(hole_messages.EVENT, location_id, customer_id) if new else []
    reported = new if channels else []
    keeps_gone = bool(stored and stored.told_at and job.at < stored.told_at + KNOWN_AT_LEAST)
    remembered = known_holes.remember(holes, reported, known, until=until, keeps_gone=keeps_gone)
    alert = ReachAlert(
        location_id,
        customer_id=customer_id,
        holes=[item.to_json() for item in remembered],
        told_at=job.at,
        updated_at=job.at,
    )
    is_unchanged = ReachAlert.updated_at == stored.updated_at if stored else ReachAlert.location_id.does_not_exist()
    if channels:
        arguments = {"location_id": location_id, **hole_messages.to_arguments(new)}
        with journal.write_intent(permissions.system_actor(customer_id), job.at) as write:
            write.put(alert, only_if=is_unchanged, error=StaleRecord())
            digest = hashlib.sha256(orjson.dumps(arguments)).hexdigest()[:12]  # looks of a second have one id
            for user_id, channel in channels:
                id = f"{job.id}-{digest}-{user_id}-{channel}"
                write.enqueue(hole_messages.TASK, id=id, user_id=user_id, channel=channel, **arguments)
            write.replace(job.id, job.claim)
    elif stored and alert.holes != stored.holes:
        changes = [ReachAlert.holes.set(alert.holes), ReachAlert.updated_at.set(job.at)]
        if unaudited.update(alert, changes, is_unchanged) is None:
            raise StaleRecord


def forget(location_id: str) -> None:
    """Forget what was told of a location: what is a hole later is new."""
    unaudited.remove(ReachAlert(location_id), ReachAlert.location_id.exists())


@outbox.task("telephony.clear_reach")
def clear_location(location_id: str, *, job: outbox.TaskContext) -> None:
    """Forget what was told of a removed location."""
    if not locations.load_locations([location_id], job.author.customer_id):
        forget(location_id)


LOCATION_GUARD = locations.LocationGuard(
    find_blocker=lambda location_id, at: None, cleanup_task="telephony.clear_reach"
)
