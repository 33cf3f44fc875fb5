"""Undoing the deletion of people who are not erased yet.

One transaction makes the person what they were: name, address, role, permissions, locations that
still exist, settings and history. What ended with the deletion comes back as far as it can: the
shifts that are still to come (`config.privacy.data_map`). Devices, sessions and the calendar feed
do not, and the former password does not either: the person gets a link to set a new one, as after
an unblocking (`accounts.users.handover`).
"""

from datetime import datetime

from accounts import permissions, users
from accounts.models import ALL_LOCATIONS, Customer, DeletedUser, Location, User
from accounts.permissions import Actor
from accounts.users import address_claims, erase, handover, mail_limits, side_effects
from config import audit, daily_limits, dynamodb, errors, journal, outbox
from config.privacy import data_map, erasure_log


class ErasureBegun(errors.Conflict):
    """The erasure of the person has begun."""

    code = "erasure_begun"
    example_detail = "This person is being erased and cannot be restored any more."


def restore_user(user_id: str, *, actor: Actor, at: datetime) -> User:
    """Restore a deleted person of the actor's customer.

    Raises `errors.NotFound`, `permissions.TargetForbidden`, `ErasureBegun`,
    `address_claims.UserExists` if somebody else has the address now, and `errors.Unavailable`.
    """
    actor.require("users:delete")

    def decide() -> User:
        deleted = erase.load_deleted(user_id, actor)
        before = deleted.user()
        permissions.check_target_user(actor, before)
        if deleted.is_erasing:
            raise ErasureBegun(ErasureBegun.example_detail)
        after = _build_restored_user(before, at)
        limits = mail_limits.invitation_limits(actor, after.email_key) if after.can_sign_in else []
        try:
            with daily_limits.report_refusals(at):
                _save(deleted, before, after, limits, actor, at)
        except daily_limits.DailyLimitReached:  # "Forgot password?" at sign-in sends them a link
            _save(deleted, before, after, [], actor, at, sends_link=False)
        return after

    def restore() -> User:
        try:
            return journal.retry_on_conflict(decide)
        except address_claims.UserExists as taken:
            detail = (
                "Another account has this person's e-mail address now. Give that account another address, "
                "or delete it, and restore this person then."
            )
            raise address_claims.UserExists(detail) from taken

    deleted = erase.load_deleted(user_id, actor)
    return address_claims.claim_freeing_expired(deleted.email, restore, author=actor, at=at)


def _build_restored_user(before: User, at: datetime) -> User:
    """The person as they were, with the locations that still exist."""
    locations = dynamodb.batch_get(users.location_keys(before.locations))
    after = before.with_changes(
        status=_former_status(before),
        status_before_deletion=None,
        deleted_at=None,
        erase_at=None,
        awaited=None,
        address_freed_at=None,
        locations=[id for id in before.locations if id == ALL_LOCATIONS or locations.get(Location, id)],
        updated_at=at,
    )
    return handover.begin(after, at) if after.can_sign_in else after


def _former_status(user: User) -> str:
    """The status before the deletion; people who had not got their invitation yet are invited."""
    status = str(user.status_before_deletion or "blocked")
    return status if status in ("active", "blocked") else "invited"


def _save(
    deleted: DeletedUser,
    before: User,
    after: User,
    limits: list[daily_limits.DailyLimit],
    actor: Actor,
    at: datetime,
    *,
    sends_link: bool = True,
) -> None:
    changes = [audit.FieldChange("status", "deleted", after.status), *audit.diff_records(before, after, ["locations"])]
    with journal.write(actor, "user.restored", after, at, changes=changes) as write:
        daily_limits.count(write, limits)
        if not side_effects.is_full_owner(after):  # whom the customer's record counts
            write.require(dynamodb.RecordKey(Customer, after.customer_id), Customer.id.exists())
        write.remove_unchanged(deleted)
        write.put(after, only_if=User.id.does_not_exist(), error=journal.StaleRecord())
        address_claims.claim_email(write, after.email_key, after.id)
        side_effects.update_counters(write, None, after)
        side_effects.enqueue_auth0_sync(write, after.id)
        handover.enqueue(write, before, after, sends_link=sends_link)
        if not sends_link:
            write.add_audit_event("user.link_not_sent", after)
        write.complete(erase.ERASURE.message_id(after.id))
        write.enqueue(
            "accounts.restore_rota", user_id=after.id, deleted_at=dynamodb.format_timestamp(deleted.deleted_at)
        )


@outbox.task("accounts.restore_rota", lane="files")
def restore_rota(user_id: str, deleted_at: str, *, job: outbox.TaskContext) -> None:
    """Bring back what ended with the deletion, and take the deletion from the log outside.

    Raises `errors.Unavailable`.
    """
    erasure_log.forget_deletion(user_id, datetime.fromisoformat(deleted_at))
    user = dynamodb.get_record(User, user_id)
    if user and user.status != "deleting":
        data_map.restore_after_deletion(user, actor=job.author, at=job.at)
