"""Completes handovers (`accounts.users.handover`): ends what went before, then mails a new link."""

from contextlib import suppress
from datetime import datetime

from accounts.clients import auth0
from accounts.models import User
from accounts.notifications import devices, invitations, recipients
from accounts.users import change_email
from config import audit, errors, journal, outbox

SENT = "sent"


@outbox.task("accounts.hand_over", lane="sign-in")
def hand_over(
    user_id: str, *, job: outbox.TaskContext, sends_link: bool = True, handover_id: str | None = None
) -> None:
    """End what an earlier holder of the account may have, then mail a link to set a password.

    Until the first is stored, a repetition does it again and no token is accepted; afterwards a
    repetition only mails another link, which replaces the one that was mailed. Blocked people get
    no mail, and nobody whose address others may have by now. ``handover_id`` is that of the
    message, unless it only mails another link. Raises `auth0.NoAuth0Account` or
    `errors.Unavailable`.
    """
    handover_id = handover_id or job.id
    recipient = recipients.get_recipient(user_id)
    if recipient is None or recipient.user.handover_id != handover_id:
        return  # deleted, or a newer handover does it
    if job.progress != SENT:
        if recipient.user.is_handover_pending:
            _end_former_access(recipient.user, author=job.author, at=job.at)
            recipient = recipients.get_recipient(user_id)  # they may have been blocked or renamed
        if recipient is None or recipient.user.handover_id != handover_id:
            return
        if not sends_link or not recipient.user.can_sign_in:
            return
        kind = "invitation" if recipient.user.status == "invited" else "access_renewed"
        if not invitations.send_password_link(kind, recipient, job):
            return
        job.save_progress(SENT)
    if not recipient.user.accepted_at:
        invitations.record_sending(recipient.user, job)


def _end_former_access(user: User, *, author: audit.Author, at: datetime) -> None:
    """End access at Auth0 and remove devices, then accept tokens that are issued from now on.

    If the account may have another address there, it first gets that of the record: until then a
    link could be requested to the other one.
    """
    if change_email.is_sync_pending(user.id):
        change_email.sync_email_to_auth0(user.id)
    ended_at = auth0.end_access(user.id)
    devices.delete_all_devices(user, actor=author, at=at)
    with suppress(errors.Conflict), journal.write(author, "user.handed_over", user, at) as write:
        write.update(
            user,
            [User.handed_over_at.set(ended_at), User.completed_handover_id.set(user.handover_id)],
            only_if=User.handover_id == user.handover_id,
        )
