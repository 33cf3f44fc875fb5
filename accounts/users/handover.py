"""Handovers: when somebody else may hold an account from now on, what went before ends.

That is so when the e-mail address is changed, the person is unblocked or invited again, or a change
of the address is withdrawn that Auth0 may have had for a while. `begin`
marks the record, in the transaction of the cause; from its commit on no token is accepted. The
outbox then ends at Auth0 what an earlier holder may have, and mails a new link
(`accounts.notifications.handovers`). A newer handover replaces one that is not completed.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.module_loading import import_string

from accounts.models import User
from accounts.users import create
from config import dynamodb
from config.journal import write_set

RECENTLY = timedelta(days=30)
"""Whoever came in within this time before the address is corrected may be somebody else."""


def begin(user: User, at: datetime) -> User:
    """The user, with a handover begun; to be saved by a write that calls `enqueue`."""
    after = user.with_changes(handover_id=dynamodb.new_id("hnd", at))
    if not after.accepted_at and not after.address_freed_at:
        after.invitation_expires_at = at + create.INVITATION_TTL
    return after


def begin_if_unblocked(before: User, after: User, at: datetime) -> User:
    """The user after a change, with a handover begun if it unblocks them."""
    return begin(after, at) if before.status == "blocked" and after.status in ("invited", "active") else after


def enqueue(write: write_set.Write, before: User, after: User, *, sends_link: bool = True) -> None:
    """Have the outbox complete the handover that this write begins, if it begins one."""
    if after.handover_id != before.handover_id:
        write.enqueue("accounts.hand_over", id=after.handover_id, user_id=after.id, sends_link=sends_link)


def enqueue_link(write: write_set.Write, user: User) -> None:
    """Have the outbox mail another link for the last handover: an older one's replaced its link."""
    write.enqueue("accounts.hand_over", user_id=user.id, handover_id=user.handover_id)


def unverify_recent_phone(write: write_set.Write, user: User) -> None:
    """End the verification of a phone that a recent holder made: calls would ring somebody else.

    For changes of the address that the person has not made. A phone that was verified by somebody
    who had come in long before stays: it would go silent, and it is theirs.
    """
    came_in = [at for at in (user.accepted_at, user.handed_over_at) if at and write.at - at < RECENTLY]
    if came_in:
        unverify: Callable[..., None] = import_string(settings.UNVERIFY_PHONE)
        unverify(write, user, since=min(came_in))
