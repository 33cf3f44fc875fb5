"""What gives access to an account at Auth0: sessions, refresh tokens, second factors.

A tenant may refuse to end one of them (403): its plan has it not, or the scope is missing. That is
logged and not raised, as waiting for it would shut people out.
"""

import logging
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from accounts.clients.auth0_http import error_class, forbidden_code
from config import failures

if TYPE_CHECKING:
    from auth0.management.client import Auth0

NO_RETRIES: Any = {"max_retries": 0}
logger = logging.getLogger("dutyline.auth0")


def revoke_access(client: "Auth0", subject: str) -> dict[str, str]:
    """End sessions and refresh tokens; the headers of Auth0's answer.

    Where the plan refuses that (403), refresh tokens end with their grants; sessions ended with
    the password.
    """
    forbidden = error_class("ForbiddenError")
    headers: dict[str, str] = {}
    code = ""
    for revoke in (
        partial(client.users.with_raw_response.revoke_access, subject),
        partial(client.user_grants.with_raw_response.delete_by_user_id, user_id=subject),
    ):
        try:
            return dict(revoke(request_options=NO_RETRIES).headers)
        except forbidden as error:
            headers = dict(error.headers or {})
            code = forbidden_code(error)
    _log_refusal("refresh tokens cannot be revoked", subject, code)
    return headers


def delete_factors(client: "Auth0", subject: str) -> None:
    """Delete the second factors of an account; its holder enrols new ones at the next sign-in."""
    try:
        with suppress(error_class("NotFoundError")):
            client.users.authentication_methods.delete_all(subject, request_options=NO_RETRIES)
    except error_class("ForbiddenError") as error:
        _log_refusal("second factors cannot be deleted", subject, forbidden_code(error))


def _log_refusal(what: str, subject: str, code: str) -> None:
    failures.note("sign-in service", code)
    logger.error("%s; run manage.py auth0 setup", what, extra={"user": subject.partition("|")[2], "why": code})
