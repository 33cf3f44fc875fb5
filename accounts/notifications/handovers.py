"""Completes handovers (`accounts.users.handover`): ends what went before, then mails a new link."""

from contextlib import suppress
from datetime import datetime

from accounts.clients import auth0
from accounts.models import User
from accounts.notifications import devices, invitations, recipients
from config import audit, errors, journal, outbox

SENT = "sent"


@outbox.task("accounts.hand_over")
def hand_over(user_id: str, *, job: outbox.TaskContext) -> None:
    """End what an earlier holder of the account may have, then mail a link to set a password.

    Until the first is stored, a repetition does it again and no token is accepted; afterwards a
    repetition only mails another link, which replaces the one that was mailed. Blocked people get
    no mail. Raises `auth0.NoAuth0Account` or `errors.Unavailable`.
    """
    recipient = recipients.get_recipient(user_id)
    if recipient is None or recipient.user.handover_id != job.id:
        return  # deleted, or a newer handover does it
    if job.progress != SENT:
        if recipient.user.is_handover_pending:
            _end_former_access(recipient.user, author=job.author, at=job.at)
            recipient = recipients.get_recipient(user_id)  # they may have been blocked or renamed
        if recipient is None or recipient.user.handover_id != job.id:
            return
        if recipient.user.status not in ("invited", "active"):
            return
        kind = "invitation" if recipient.user.status == "invited" else "access_renewed"
        invitations.send_password_link(kind, recipient, job)
        job.save_progress(SENT)
    if not recipient.user.accepted_at:
        invitations.record_sending(recipient.user, job)


def _end_former_access(user: User, *, author: audit.Author, at: datetime) -> None:
    """End access at Auth0 and remove devices, then accept tokens that are issued from now on."""
    ended_at = auth0.end_access(user.id)
    devices.delete_all_devices(user, actor=author, at=at)
    with suppress(errors.Conflict), journal.write(author, "user.handed_over", user, at) as write:
        write.update(
            user,
            [User.handed_over_at.set(ended_at), User.completed_handover_id.set(user.handover_id)],
            only_if=User.handover_id == user.handover_id,
        )
