"""All we know of Auth0's Management API, in our words.

Users are made with ``user_id`` = our own id, so that repeating a creation is harmless and a
token's ``sub`` is ``auth0|<our id>``. Every function here is safe to repeat, and raises
`errors.Unavailable` where Auth0 does not answer.
"""

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts.clients.auth0_http import call_auth0, error_class
from config import errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

NO_RETRIES: Any = {"max_retries": 0}


class EmailInUse(errors.Conflict):
    """Somebody else has this e-mail address at Auth0."""

    code = "email_taken"


class EmailRefused(errors.InvalidRequest):
    """Auth0 does not take this address or name."""

    code = "email_refused"


class NoAuth0Account(errors.Conflict):
    """Auth0 has no account for this person."""

    code = "no_sign_in"


def subject_of_user(user_id: str) -> str:
    """The ``sub`` of a person's tokens."""
    return f"auth0|{user_id}"


def user_id_from_subject(subject: str) -> str | None:
    """The person that a ``sub`` names; None for machines and other connections."""
    prefix, _, id = subject.partition("|")
    return id if prefix == "auth0" and id.startswith("usr_") else None


def create_user(*, user_id: str, email: str, name: str, customer_id: str) -> None:
    """Make the sign-in of a person. Raises `EmailTaken` or `EmailRefused`."""

    def create(client: "Auth0") -> None:
        try:
            client.users.create(
                connection=settings.AUTH0["connection"],
                user_id=user_id,
                email=email,
                name=name,
                password=secrets.token_urlsafe(32) + "aA1!",
                verify_email=False,
                email_verified=False,
                app_metadata={"customer_id": customer_id},
                request_options=NO_RETRIES,
            )
        except error_class("ConflictError") as error:
            _check_own_account(client, user_id, email, error)
        except error_class("BadRequestError") as error:
            if not _is_invalid_body(error):
                raise  # our own set-up is at fault, not this person
            raise _email_refused() from error

    call_auth0(create)


def change_email(*, user_id: str, email: str) -> None:
    """Give a person's sign-in another address. Raises `EmailTaken` or `EmailRefused`."""

    def change(client: "Auth0") -> None:
        try:
            client.users.update(
                subject_of_user(user_id),
                email=email,
                email_verified=False,
                verify_email=False,
                request_options=NO_RETRIES,
            )
        except error_class("NotFoundError") as error:
            raise _no_auth0_account() from error
        except error_class("BadRequestError") as error:
            if _account_ids_with_email(client, email) - {subject_of_user(user_id)}:
                raise _email_in_use() from error
            if not _is_invalid_body(error):
                raise
            raise _email_refused() from error

    call_auth0(change)


def update_user(*, user_id: str, name: str, blocked: bool) -> None:
    """Let the sign-in say what our record says; who is blocked loses every session.

    Raises `NoSignIn`.
    """

    def update(client: "Auth0") -> None:
        try:
            client.users.update(subject_of_user(user_id), name=name, blocked=blocked, request_options=NO_RETRIES)
        except error_class("NotFoundError") as error:
            raise _no_auth0_account() from error
        if blocked:
            _revoke_access(client, user_id)

    call_auth0(update)


def delete_user(user_id: str) -> None:
    """End every session of a person and forget their sign-in; gone already is fine."""

    def delete(client: "Auth0") -> None:
        _revoke_access(client, user_id)
        with suppress(error_class("NotFoundError")):
            client.users.delete(subject_of_user(user_id), request_options=NO_RETRIES)

    call_auth0(delete)


def create_password_ticket(*, user_id: str, seconds: int) -> str:
    """A link with which a person sets the password; it proves the address and works once.

    Raises `NoSignIn`.
    """

    def create(client: "Auth0") -> str:
        try:
            response = client.tickets.change_password(
                user_id=subject_of_user(user_id),
                ttl_sec=seconds,
                mark_email_as_verified=True,
                request_options=NO_RETRIES,
            )
        except error_class("NotFoundError") as error:
            raise _no_auth0_account() from error
        return str(response.ticket)

    return call_auth0(create)


def _revoke_access(client: "Auth0", user_id: str) -> None:
    """Sessions and refresh tokens; some plans and unknown people answer 403 and 404."""
    with suppress(error_class("ForbiddenError"), error_class("NotFoundError")):
        client.users.revoke_access(subject_of_user(user_id), request_options=NO_RETRIES)


def _check_own_account(client: "Auth0", user_id: str, email: str, conflict: Exception) -> None:
    """After a 409: was it our own earlier call that made the account?

    Only an account of somebody else is a verdict; neither ours nor another's is no answer yet,
    since an earlier call of ours may still be on its way.
    """
    try:
        client.users.get(subject_of_user(user_id), request_options=NO_RETRIES)
    except error_class("NotFoundError"):
        account_ids = _account_ids_with_email(client, email)
        if account_ids - {subject_of_user(user_id)}:
            raise _email_in_use() from conflict
        if not account_ids:
            raise errors.Unavailable("Sign-in management contradicts itself.") from conflict


def _account_ids_with_email(client: "Auth0", email: str) -> set[str]:
    """Who has an address, among the accounts of database connections."""
    accounts = client.users.list_users_by_email(email=email, request_options=NO_RETRIES)
    return {id for account in accounts if (id := str(account.user_id)).startswith("auth0|")}


def _is_invalid_body(error: Any) -> bool:
    body = error.body if isinstance(error.body, dict) else {}
    return body.get("errorCode") == "invalid_body"


def _email_refused() -> EmailRefused:
    return EmailRefused("The sign-in service refuses this address or name.")


def _email_in_use() -> EmailInUse:
    return EmailInUse("This e-mail address has an account already.")


def _no_auth0_account() -> NoAuth0Account:
    return NoAuth0Account("The sign-in service does not know this person.")
