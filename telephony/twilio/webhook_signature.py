"""Whether a webhook is Twilio's: its signature over our public address and what it carries.

Docs: https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from django.conf import settings

if TYPE_CHECKING:
    from twilio.request_validator import RequestValidator


def is_signed_by_twilio(path: str, form: Any, signature: str | None) -> bool:
    """Whether Twilio signed this: with the token, or the old one while it is being replaced.

    ``path`` is with its query; ``form`` a QueryDict.
    """
    if not signature or not signature.isascii():
        return False
    url = settings.PUBLIC_BASE_URL + path
    return any(validator.validate(url, form, signature) for validator in _validators())


@cache
def _validators() -> "list[RequestValidator]":
    from twilio.request_validator import RequestValidator

    tokens = (settings.TWILIO["auth_token"], settings.TWILIO["old_auth_token"])
    return [RequestValidator(token) for token in tokens if token]
