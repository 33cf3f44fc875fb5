"""All we know of Auth0's Management API, in our words.

Users are made with ``user_id`` = our own id, so that repeating a creation is harmless and a
token's ``sub`` is ``auth0|<our id>``. Every function here is safe to repeat, and raises
`errors.Unavailable` where Auth0 does not answer.
"""

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts.clients.auth0_http import call, error_kind
from config import errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

ONCE: Any = {"max_retries": 0}


class EmailTaken(errors.Conflict):
    """Somebody else has this e-mail address at Auth0."""

    code = "email_taken"


class EmailRefused(errors.Invalid):
    """Auth0 does not take this address or name."""

    code = "email_refused"


class NoSignIn(errors.Conflict):
    """Auth0 has no account for this person."""

    code = "no_sign_in"


def subject(user_id: str) -> str:
    """The ``sub`` of a person's tokens."""
    return f"auth0|{user_id}"


def user_id(subject: str) -> str | None:
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
                request_options=ONCE,
            )
        except error_kind("ConflictError") as error:
            _check_that_it_is_ours(client, user_id, email, error)
        except error_kind("BadRequestError") as error:
            if not _is_about_values(error):
                raise  # our own set-up is at fault, not this person
            raise _refused() from error

    call(create)


def change_email(*, user_id: str, email: str) -> None:
    """Give a person's sign-in another address. Raises `EmailTaken` or `EmailRefused`."""

    def change(client: "Auth0") -> None:
        try:
            client.users.update(
                subject(user_id),
                email=email,
                email_verified=False,
                verify_email=False,
                request_options=ONCE,
            )
        except error_kind("NotFoundError") as error:
            raise _nobody() from error
        except error_kind("BadRequestError") as error:
            if _holders(client, email) - {subject(user_id)}:
                raise _taken() from error
            if not _is_about_values(error):
                raise
            raise _refused() from error

    call(change)


def update_user(*, user_id: str, name: str, blocked: bool) -> None:
    """Let the sign-in say what our record says; who is blocked loses every session.

    Raises `NoSignIn`.
    """

    def update(client: "Auth0") -> None:
        try:
            client.users.update(subject(user_id), name=name, blocked=blocked, request_options=ONCE)
        except error_kind("NotFoundError") as error:
            raise _nobody() from error
        if blocked:
            _revoke(client, user_id)

    call(update)


def delete_user(user_id: str) -> None:
    """End every session of a person and forget their sign-in; gone already is fine."""

    def delete(client: "Auth0") -> None:
        _revoke(client, user_id)
        with suppress(error_kind("NotFoundError")):
            client.users.delete(subject(user_id), request_options=ONCE)

    call(delete)


def password_ticket(*, user_id: str, seconds: int) -> str:
    """A link with which a person sets the password; it proves the address and works once.

    Raises `NoSignIn`.
    """

    def make(client: "Auth0") -> str:
        try:
            made = client.tickets.change_password(
                user_id=subject(user_id),
                ttl_sec=seconds,
                mark_email_as_verified=True,
                request_options=ONCE,
            )
        except error_kind("NotFoundError") as error:
            raise _nobody() from error
        return str(made.ticket)

    return call(make)


def _revoke(client: "Auth0", user_id: str) -> None:
    """Sessions and refresh tokens; some plans and unknown people answer 403 and 404."""
    with suppress(error_kind("ForbiddenError"), error_kind("NotFoundError")):
        client.users.revoke_access(subject(user_id), request_options=ONCE)


def _check_that_it_is_ours(client: "Auth0", user_id: str, email: str, conflict: Exception) -> None:
    """After a 409: was it our own earlier call that made the account?

    Only an account of somebody else is a verdict; neither ours nor another's is no answer yet,
    since an earlier call of ours may still be on its way.
    """
    try:
        client.users.get(subject(user_id), request_options=ONCE)
    except error_kind("NotFoundError"):
        found = _holders(client, email)
        if found - {subject(user_id)}:
            raise _taken() from conflict
        if not found:
            raise errors.Unavailable("Sign-in management contradicts itself.") from conflict


def _holders(client: "Auth0", email: str) -> set[str]:
    """Who has an address, among the accounts of database connections."""
    holders = client.users.list_users_by_email(email=email, request_options=ONCE)
    return {id for holder in holders if (id := str(holder.user_id)).startswith("auth0|")}


def _is_about_values(error: Any) -> bool:
    told = error.body if isinstance(error.body, dict) else {}
    return told.get("errorCode") == "invalid_body"


def _refused() -> EmailRefused:
    return EmailRefused("The sign-in service refuses this address or name.")


def _taken() -> EmailTaken:
    return EmailTaken("This e-mail address has an account already.")


def _nobody() -> NoSignIn:
    return NoSignIn("The sign-in service does not know this person.")
