"""The account at Twilio itself: whether it is active, and from which numbers it may call."""

from dataclasses import dataclass

from django.conf import settings

from telephony.twilio import client


@dataclass(frozen=True)
class Account:
    """The account; ``status`` is active, suspended or closed, ``type`` Trial or Full."""

    status: str
    type: str


def fetch_account() -> Account:
    """Our account. Raises `TwilioRejected` and `errors.Unavailable`."""
    account = client.call_twilio(lambda twilio: twilio.api.accounts(settings.TWILIO["account_sid"]).fetch())
    return Account(str(account.status), str(account.type))


def may_call_from(number: str) -> bool:
    """Whether the account has a number, or has verified it as a caller id.

    Raises `TwilioRejected` and `errors.Unavailable`.
    """
    if client.find_owned_numbers(number):
        return True
    return bool(client.call_twilio(lambda twilio: twilio.outgoing_caller_ids.list(phone_number=number, limit=1)))
