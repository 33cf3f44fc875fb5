"""``/userManagement``: the users of a customer; and the audit log of a user."""

from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request

from accounts import audit_log, permissions, users
from accounts.auth.authentication import actor_of, authenticated_user
from accounts.clients import auth0
from accounts.notifications import invitations
from accounts.serializers import user_table
from accounts.serializers.audit_log import AuditPage, AuditQuery
from accounts.serializers.people_queries import UserQuery
from accounts.serializers.users import DeletedUser, NewUser, UserChange, UserReference, UserReferenceQuery, UserView
from accounts.users import address_claims, change_email, directory, phones, side_effects, update
from accounts.views import examples, own_account
from config import api, daily_limits, errors, local_time
from config.api import csv_tables, pagination, throttling
from config.api.fields import EmptyBody
from config.api.messages import Response
from config.audit import search

UPDATE_ERRORS = (
    *(permissions.ForeignCustomer, permissions.GrantRefused, permissions.TargetForbidden),
    *(errors.NotFound, users.UserNotReady),
    *(side_effects.LastOwner, address_claims.UserExists, auth0.EmailRefused, auth0.NoAuth0Account),
    *(change_email.StaleEmailChange, daily_limits.DailyLimitReached, phones.OwnNumber),
)


class UserManagement(api.OperationViewSet):
    """``/userManagement``."""

    tag = "User Management"

    @api.operation(
        "listManagedUsers", "users:read", no_account_status=404, errors=(errors.NotFound, permissions.ForeignCustomer)
    )
    @api.accepts_query(UserQuery)
    @api.returns_page(UserView, examples.USER)
    @api.returns_csv(user_table.COLUMNS)
    def list_page(self, request: Request) -> HttpResponse:
        """List the users of a customer.

        Sorted by name. The filters combine. Users who are restricted to some locations see only
        users of those locations. With a filter, and for these users, a page holds at most 99 items;
        it may hold fewer than `limit` items, even none, before the end of the list. Users who are
        being created or deleted are then left out.

        `q` ignores case, accents and Unicode form: text is decomposed (NFKD), marks are removed and
        case is folded, so that “strasse” finds Straße and “soren” Søren.

        With `Accept: text/csv`: the same users as CSV, up to 10,000 if there is no `limit`.
        """
        actor, customer = actor_of(request), authenticated_user(request).customer
        query = UserQuery.parse_query(request)
        limit, cursor, customer_id = query.pop("limit", None), query.pop("cursor", None), query.pop("customer_id", None)
        criteria = read_criteria(query)
        scope = f"users for {actor.id} {criteria}"
        fetch_page = partial(
            users.list_users, actor, datetime.now(UTC), customer=customer, customer_id=customer_id, criteria=criteria
        )
        if csv_tables.is_requested(request):
            table = user_table.user_table(customer, actor)
            return csv_tables.table_response(request, table, scope, fetch_page, limit=limit, cursor=cursor)
        page = fetch_page(limit=limit or 200, cursor=pagination.decode_cursor(scope, cursor))
        return pagination.page_response(scope, page, UserView)

    @api.operation(
        "createManagedUser", "users:create", rate_limit="costly", idempotent=True, errors=own_account.CREATION_ERRORS
    )
    @api.accepts(NewUser, {**examples.NEW_USER, "userRole": "staff"})
    @api.returns(UserView, examples.USER, status=201, etag=True, location="/userManagement/{id}")
    def create(self, request: Request) -> Response:
        """Create a user.

        Same as `POST /user`.
        """
        return own_account.create_user(request)

    @api.operation("updateManagedUser", "users:update", rate_limit="write", errors=UPDATE_ERRORS)
    @api.accepts(UserChange, {"id": examples.USER_ID, "userRole": "manager"})
    @api.returns(UserView, examples.MANAGER, etag=True)
    def update(self, request: Request) -> Response:
        """Update a user.

        Updates a user with a lower role; owners can also update owners. A new e-mail address is
        changed at Auth0 first; after a 503 the change still completes in the background. A new
        address, also one's own, and unblocking end what went before: password, sessions, tokens
        (401 `access_ended`), links, devices and the calendar feed. The user gets an e-mail with a
        link to set a new password; the former address is told. Unblocking is not limited: beyond
        the daily limit of e-mails no link is sent, and "Forgot password?" at sign-in sends one. Nor
        is one sent if the invitation expired and others may have the address: send it again. You
        cannot grant permissions that you do not hold, and the last active owner must remain an
        owner. Changed permissions apply from the user's next request.
        """
        changes, actor = UserChange.parse(request.data), actor_of(request)
        if "email" in changes:  # it sends mail
            self.rate_limit_status = throttling.get_limiter().count_request("costly", actor.id, actor.customer_id)
        user = update.update_user(
            changes.pop("id"), changes, actor=actor, at=datetime.now(UTC), precondition=api.read_precondition(request)
        )
        return api.versioned_response(request, UserView(user))

    @api.operation(
        "deleteManagedUser", "users:delete", rate_limit="costly", errors=own_account.DELETION_ERRORS, if_match=True
    )
    @api.accepts_query(UserReferenceQuery)
    @api.accepts(UserReference, {"id": examples.USER_ID})
    @api.returns(DeletedUser, examples.DELETED_USER)
    def delete(self, request: Request) -> Response:
        """Delete a user.

        Same as `DELETE /user`.
        """
        return own_account.delete_user(request)


def read_criteria(query: dict[str, Any]) -> directory.Criteria:
    """The criteria of a validated query."""
    descending, status = query.pop("sort", "name") == "-name", query.pop("status", None)
    return directory.Criteria(**query, statuses=(status,) if status else (), descending=descending)


class UserDetail(api.OperationViewSet):
    """``/userManagement/{id}``."""

    tag = "User Management"

    @api.operation(
        "getManagedUser", "self:read", permission_for_others="users:read", errors=(errors.Forbidden, errors.NotFound)
    )
    @api.prefetches(lambda request: users.list_user_keys(api.path_value(request, "id")))
    @api.returns(UserView, examples.ACTIVE_USER, etag=True)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a user.

        Everybody can get themselves. Users who are restricted to some locations can get users of
        those locations; others do not exist for them (404).
        """
        caller, actor = authenticated_user(request), actor_of(request)
        is_caller = id == caller.user.id
        user = caller.user if is_caller else users.get_visible_user(id, actor=actor, known=caller.records)
        return api.versioned_response(request, UserView(user))


class Invitations(api.OperationViewSet):
    """``/userManagement/{id}/resend-invitation``."""

    tag = "User Management"

    @api.operation(
        "resendInvitation",
        "invitations:send",
        rate_limit="costly",
        idempotent=True,
        errors=(
            *(permissions.TargetForbidden, errors.NotFound, users.UserNotReady, invitations.NotInvited),
            *(daily_limits.DailyLimitReached, address_claims.UserExists),
        ),
    )
    @api.accepts(EmptyBody)
    @api.returns(UserView, examples.USER)
    def resend(self, request: Request, id: str) -> Response:
        """Resend an invitation.

        Sends the invitation e-mail again, with a new link to set the password; at most once a
        minute per user. Earlier links, and passwords set with them, stop working. 409 if the user
        has already accepted the invitation, or if the invitation expired and somebody else has
        been invited at the address since.
        """
        EmptyBody.parse(request.data)
        user = invitations.resend_invitation(
            id, actor=actor_of(request), at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return Response(UserView(user).data)


class AuditLogs(api.OperationViewSet):
    """``/user/{userId}/audit-logs``."""

    tag = "Users"

    @api.operation(
        "getUserAuditLogs", "audit:read", errors=(errors.NotFound, search.FilterTooBroad, local_time.TimeZoneUnknown)
    )
    @api.accepts_query(AuditQuery)
    @api.prefetches(lambda request: audit_log.list_log_keys(api.path_value(request, "userId")))
    @api.returns(AuditPage, examples.AUDIT_LOG)
    def list_page(self, request: Request, userId: str) -> Response:  # noqa: N803 - the wire's name
        """Get the audit log of a user.

        Changes made by the user and changes to the user, newest first; also available after the
        user is deleted. `total` is the number of entries that match the filters.
        """
        actor = actor_of(request)
        query = AuditQuery.parse_query(request)
        customer_zone = authenticated_user(request).customer.settings.get("time_zone")
        since, until = local_time.resolve_range(query.get("since"), query.get("until"), customer_zone)
        criteria = search.EntryFilter(query.get("action"), since, until)
        scope = f"audit log of {userId} for {actor.id} {criteria}"
        log_page = audit_log.get_user_audit_log(
            userId,
            actor=actor,
            limit=query.get("limit", 50),
            offset=query.get("offset", 0),
            cursor=pagination.decode_cursor(scope, query.get("cursor")),
            criteria=criteria,
            known=authenticated_user(request).records,
        )
        next_cursor = pagination.encode_cursor(scope, log_page.next_cursor)
        return Response(AuditPage({**vars(log_page), "nextCursor": next_cursor}).data)
