"""Users of Auth0's Management API.

Users are created with our own id as ``user_id``, so that a repeated creation is harmless and a
token's ``sub`` is ``auth0|<our id>``. Every function may be repeated, and raises
`errors.Unavailable` if Auth0 does not answer.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
from django.conf import settings

from accounts.clients import auth0_access
from accounts.clients.auth0_access import NO_RETRIES
from accounts.clients.auth0_http import call_auth0, error_class
from config import errors

if TYPE_CHECKING:
    from auth0.management.client import Auth0

LIST_PAGE_SIZE, MAX_LISTED = 100, 1_000


class EmailInUse(errors.Conflict):
    """Another Auth0 user has this e-mail address."""

    code = "email_taken"


class EmailRefused(errors.InvalidRequest):
    """Auth0 rejects this e-mail address or name."""

    code = "email_refused"
    example_detail = "The sign-in service rejects this e-mail address or name."


class NoAuth0Account(errors.Conflict):
    """Auth0 has no account for this user."""

    code = "no_auth0_account"


def subject_of_user(user_id: str) -> str:
    """The ``sub`` of a user's tokens."""
    return f"auth0|{user_id}"


def user_id_from_subject(subject: str) -> str | None:
    """The user that a ``sub`` names; None for machines and other connections."""
    prefix, _, id = subject.partition("|")
    return id if prefix == "auth0" and id.startswith("usr_") else None


def create_user(*, user_id: str, email: str, name: str, customer_id: str) -> None:
    """Create the account of a user. Raises `EmailInUse` or `EmailRefused`."""

    def create(client: "Auth0") -> None:
        try:
            client.users.create(
                connection=settings.AUTH0["connection"],
                user_id=user_id,
                email=email,
                name=name,
                password=_random_password(),
                verify_email=False,
                email_verified=False,
                app_metadata={"customer_id": customer_id},
                request_options=NO_RETRIES,
            )
        except error_class("ConflictError") as error:
            _check_own_account(client, user_id, email, error)
        except error_class("BadRequestError") as error:
            if not _is_invalid_body(error):
                raise  # our configuration is at fault, not this user
            raise _email_refused() from error

    call_auth0(create)


def change_email(*, user_id: str, email: str) -> None:
    """Change the e-mail address of an account.

    Raises `EmailInUse`, `EmailRefused` or `NoAuth0Account`.
    """

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
    """Set name and block of an account; a blocked user loses every session.

    Raises `NoAuth0Account`.
    """

    def update(client: "Auth0") -> None:
        try:
            client.users.update(subject_of_user(user_id), name=name, blocked=blocked, request_options=NO_RETRIES)
        except error_class("NotFoundError") as error:
            raise _no_auth0_account() from error
        if blocked:
            with suppress(error_class("NotFoundError")):
                auth0_access.revoke_access(client, subject_of_user(user_id))

    call_auth0(update)


def end_access(user_id: str) -> datetime:
    """End everything that gives access to an account; afterwards only a new ticket does.

    That is every ticket, the password, every session, refresh token and second factor: an earlier
    holder may have enrolled theirs. Returns the time by Auth0's clock when access ended: tokens
    issued until then may be an earlier holder's. Raises `NoAuth0Account`.
    """

    def end(client: "Auth0") -> datetime:
        subject = subject_of_user(user_id)
        try:
            # Neither a password nor an address that was changed voids tickets: a newer ticket does.
            # It comes first, as an older one could otherwise still replace the random password.
            client.tickets.change_password(user_id=subject, ttl_sec=1, request_options=NO_RETRIES)
            client.users.update(subject, password=_random_password(), request_options=NO_RETRIES)
            headers = auth0_access.revoke_access(client, subject)
            auth0_access.delete_factors(client, subject)
        except error_class("NotFoundError") as error:
            raise _no_auth0_account() from error
        # The header's fraction of a second is cut off; edge and token servers may differ a little.
        return parsedate_to_datetime(httpx.Headers(headers).get("Date", "")) + timedelta(seconds=1)

    return call_auth0(end)


def delete_user(user_id: str) -> None:
    """End every session of a user and delete their account, if it exists."""

    def delete(client: "Auth0") -> None:
        with suppress(error_class("NotFoundError")):
            auth0_access.revoke_access(client, subject_of_user(user_id))
            client.users.delete(subject_of_user(user_id), request_options=NO_RETRIES)

    call_auth0(delete)


@dataclass(frozen=True)
class Account:
    """An account as Auth0 has it."""

    email: str
    is_blocked: bool


def find_account(user_id: str) -> Account | None:
    """The account of a user, if there is one."""

    def find(client: "Auth0") -> Account | None:
        try:
            user = client.users.get(subject_of_user(user_id), request_options=NO_RETRIES)
        except error_class("NotFoundError"):
            return None
        return Account(str(user.email or ""), bool(user.blocked))

    return call_auth0(find)


def list_user_ids_created_since(at: datetime) -> list[str]:
    """Our ids of the accounts created since then, the newest first: Auth0 lists at most 1,000."""
    ids: list[str] = []
    for page in range(MAX_LISTED // LIST_PAGE_SIZE):
        users = call_auth0(partial(_list_created_since, at=at, page=page))
        new_users = [user for user in users if datetime.fromisoformat(str(user.created_at)) >= at]
        ids += [id for user in new_users if (id := user_id_from_subject(str(user.user_id)))]
        if len(new_users) < LIST_PAGE_SIZE:
            break
    return ids


def _list_created_since(client: "Auth0", *, at: datetime, page: int) -> list[Any]:
    """A page of the accounts created since that day (UTC)."""
    pager = client.users.list(
        q=f"created_at:[{at:%Y-%m-%d} TO *]",
        search_engine="v3",
        sort="created_at:-1",
        page=page,
        per_page=LIST_PAGE_SIZE,
        request_options=NO_RETRIES,
    )
    return list(pager.items or [])


def create_password_ticket(*, user_id: str, seconds: int) -> str:
    """A link to set the password, which verifies the e-mail address and works once.

    Raises `NoAuth0Account`.
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


def _random_password() -> str:
    """A password that nobody knows; the tenant's policy may ask for each class of characters."""
    return secrets.token_urlsafe(32) + "aA1!"


def _check_own_account(client: "Auth0", user_id: str, email: str, conflict: Exception) -> None:
    """After a 409: check whether an earlier call of ours created the account.

    Raises `EmailInUse` if the address belongs to another account. If there is neither ours nor
    another, an earlier call may still be in progress: raises `errors.Unavailable`.
    """
    try:
        client.users.get(subject_of_user(user_id), request_options=NO_RETRIES)
    except error_class("NotFoundError"):
        account_ids = _account_ids_with_email(client, email)
        if account_ids - {subject_of_user(user_id)}:
            raise _email_in_use() from conflict
        if not account_ids:
            raise errors.Unavailable(
                "The sign-in service reports a conflict, but has no account with this address; retry."
            ) from conflict


def _account_ids_with_email(client: "Auth0", email: str) -> set[str]:
    """The accounts of database connections with this e-mail address."""
    accounts = client.users.list_users_by_email(email=email, request_options=NO_RETRIES)
    return {id for account in accounts if (id := str(account.user_id)).startswith("auth0|")}


def _is_invalid_body(error: Any) -> bool:
    body = error.body if isinstance(error.body, dict) else {}
    return body.get("errorCode") == "invalid_body"


def _email_refused() -> EmailRefused:
    return EmailRefused("The sign-in service rejects this e-mail address or name.")


def _email_in_use() -> EmailInUse:
    return EmailInUse("This e-mail address already has an account.")


def _no_auth0_account() -> NoAuth0Account:
    return NoAuth0Account("The sign-in service has no account for this person.")
