"""Records of e-mails that were sent to people, and of what became of them."""

from accounts.models.personal_data import EMAIL_KEYS, EMAILS
from config import dynamodb
from config.dynamodb.attributes import Number, Text, Timestamp

EMAIL_STATES = {
    "sending": "our mail server has not taken it yet",
    "accepted": "our mail server took it; nothing is reported since",
    "refused": "our mail server refused the address",
    "delivered": "the mail server of the recipient took it",
    "bounced": "it came back",
    "complained": "the recipient reported it as spam",
}
FAILED_EMAIL_STATES = ("refused", "bounced", "complained")


class SentEmail(dynamodb.Record):
    """An e-mail to a person, and what became of it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("sent-emails")
        ttl = "expires_at"

    by_user = dynamodb.index("byUser", "user_id", "sent_at")
    by_failure = dynamodb.index("byFailure", "failed_for", "sent_at")
    id = Text(EMAIL_KEYS, hash_key=True)
    """The local part of its Message-ID: that of the outbox message."""
    user_id = Text(EMAIL_KEYS)
    customer_id = Text(EMAIL_KEYS)
    kind = Text(EMAILS)
    """The name of its template."""
    address_key = Text(EMAIL_KEYS)
    """The `email_key` of the address that it went to."""
    sent_at = Timestamp(EMAILS)
    state = Text(EMAILS)
    """One of `EMAIL_STATES`."""
    reason = Text(EMAILS, null=True)
    """Why it failed, as the mail server or the mail service said it."""
    state_at = Timestamp(EMAILS, null=True, label="Reported")
    """When the mail service saw what it reported; null until it reports."""
    failed_for = Text(EMAIL_KEYS, null=True)
    """The customer, if it failed: only then, `by_failure` has it."""
    expires_at = Number(EMAIL_KEYS)
