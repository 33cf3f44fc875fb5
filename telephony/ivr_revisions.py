"""Revisions: how a location answered before, by whom and when it was changed, and the way back."""

from itertools import islice

from accounts import locations, permissions
from accounts.permissions import Actor
from config import dynamodb, errors, journal, outbox
from config.journal.write_set import Write
from telephony.models import IvrRevision, Line

MAX_REVISIONS = 50
"""Of a location; older ones are removed when it is changed."""
MAX_REMOVED = 90
"""What one transaction removes of a removed location."""


def add_revision(write: Write, before: Line, after: Line) -> None:
    """Keep a configuration that is saved, and that before it if it is not kept yet."""
    write.update(
        IvrRevision(before.location_id, int(before.version)),
        [
            IvrRevision.customer_id.set(IvrRevision.customer_id | before.customer_id),
            IvrRevision.configuration.set(IvrRevision.configuration | before.configuration),
            IvrRevision.saved_at.set(IvrRevision.saved_at | before.updated_at),
        ],
    )
    number = int(before.version) + 1
    write.put(
        IvrRevision(
            location_id=after.location_id,
            number=number,
            customer_id=after.customer_id,
            configuration=after.configuration,
            saved_at=write.at,
            saved_by=write.author.id,
        )
    )
    if number > MAX_REVISIONS:
        write.remove(IvrRevision(after.location_id, number - MAX_REVISIONS))


def list_revisions(location_id: str, *, actor: Actor) -> list[IvrRevision]:
    """The revisions of a location, newest first; the first one is in use. One round trip.

    Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("calls:read")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    locations.check_access(actor, location_id)
    condition, values = "#location_id = :of", {":of": {"S": location_id}}
    options = {"ScanIndexForward": False, "Limit": MAX_REVISIONS, "ConsistentRead": True}
    newest = islice(dynamodb.iter_records(IvrRevision, condition, values, **options), MAX_REVISIONS)
    return [revision for revision in newest if revision.customer_id == actor.customer_id]


def get_revision(location_id: str, number: int, *, actor: Actor) -> IvrRevision:
    """One revision. Raises `errors.NotFound` and `errors.Forbidden`."""
    actor.require("calls:read")
    locations.check_access(actor, location_id)
    revision = dynamodb.get_record(IvrRevision, location_id, number) if dynamodb.is_id("loc", location_id) else None
    if revision is None or revision.customer_id != actor.customer_id:
        raise errors.NotFound("This revision is no longer kept.")
    return revision


@outbox.task("telephony.clear_ivr_revisions")
def clear_location(location_id: str, *, job: outbox.TaskContext) -> None:
    """Remove the revisions of a removed location."""
    customer_id = job.author.customer_id
    if locations.load_locations([location_id], customer_id):
        return
    condition, values = "#location_id = :of", {":of": {"S": location_id}}
    revisions = list(islice(dynamodb.iter_records(IvrRevision, condition, values), MAX_REMOVED))
    if not revisions:
        return
    author = permissions.system_actor(customer_id)
    with journal.write(author, "ivr.revisions_removed", revisions[0], job.at) as write:
        for revision in revisions:
            write.remove(revision)


LOCATION_GUARD = locations.LocationGuard(
    find_blocker=lambda location_id, at: None, cleanup_task="telephony.clear_ivr_revisions"
)
