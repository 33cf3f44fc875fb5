"""``/user``: the signed-in user, their terms, devices and data; creating and deleting users."""

from datetime import UTC, datetime

from django.http import HttpResponse
from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of, authenticated_user
from accounts.clients import auth0
from accounts.models import PreparedExport
from accounts.notifications import devices
from accounts.privacy import export, prepared_exports
from accounts.serializers.exports import ExportQuery, ExportView, PreparedExportView
from accounts.serializers.push_tokens import PushTokenBody, PushTokenQuery, PushTokenView
from accounts.serializers.terms import TermsAcceptanceBody, TermsView
from accounts.serializers.users import (
    CurrentUserChange,
    DeletedUser,
    NewUser,
    UserReference,
    UserReferenceQuery,
    UserView,
)
from accounts.terms import acceptance
from accounts.users import address_claims, create, delete, phones, side_effects, update
from accounts.views import examples
from config import api, daily_limits, errors
from config.api.messages import Response, pending_response
from config.content_negotiation import select_media_type

CREATION_ERRORS = (
    *(permissions.ForeignCustomer, permissions.GrantRefused),
    *(errors.NotFound, errors.RequestInProgress, address_claims.UserExists, auth0.EmailRefused),
    daily_limits.DailyLimitReached,
)
DELETION_ERRORS = (
    *(permissions.TargetForbidden, permissions.ForeignCustomer, errors.Forbidden),
    *(errors.NotFound, side_effects.LastOwner),
)


class CurrentUser(api.OperationViewSet):
    """``/user``."""

    tag = "Users"

    @api.operation("getCurrentUser", "self:read")
    @api.returns(UserView, examples.ACTIVE_USER, etag=True)
    def retrieve(self, request: Request) -> Response:
        """Get the signed-in user.

        Includes locations, permissions and settings.
        """
        return api.versioned_response(request, UserView(authenticated_user(request).user))

    @api.operation("createUser", "users:create", rate_limit="costly", idempotent=True, errors=CREATION_ERRORS)
    @api.accepts(NewUser, examples.NEW_USER)
    @api.returns(UserView, examples.USER, status=201, etag=True, location="/userManagement/{id}")
    def create(self, request: Request) -> Response:
        """Create a user.

        Creates the user in Dutyline and at Auth0, and sends an invitation by e-mail. The response
        is sent once both have the user and the invitation is queued. After a 503 the creation still
        completes in the background; retry with the same Idempotency-Key to get the result.
        """
        return create_user(request)

    @api.operation(
        "updateCurrentUser",
        "self:update",
        rate_limit="write",
        errors=(
            *(errors.NotFound, permissions.ForeignCustomer, permissions.GrantRefused, side_effects.LastOwner),
            phones.OwnNumber,
        ),
    )
    @api.accepts(CurrentUserChange, {"profileName": "Sam", "settings": {"language": "es"}})
    @api.returns(UserView, examples.UPDATED_USER, etag=True)
    def update(self, request: Request) -> Response:
        """Update the signed-in user.

        Updates profile, skills and settings. Permissions and locations can only be removed; an
        attempt to add some is refused with 403 and audited.
        """
        user = update.update_own_profile(
            authenticated_user(request).user,
            CurrentUserChange.parse(request.data),
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, UserView(user))

    @api.operation(
        "deleteUser",
        "self:update",
        permission_for_others="users:delete",
        rate_limit="costly",
        errors=DELETION_ERRORS,
        if_match=True,
    )
    @api.accepts_query(UserReferenceQuery)
    @api.accepts(UserReference, {"id": examples.USER_ID})
    @api.returns(DeletedUser, examples.DELETED_USER)
    def delete(self, request: Request) -> Response:
        """Delete a user.

        Deletes the signed-in user or a user with a lower role, in Dutyline and at Auth0; owners can
        also delete owners. Access ends with the next request, and the user is gone from every list
        and rota; others may use the e-mail address. Dutyline support can restore the user until
        `eraseAt`; then the user's records are erased, and with `erase` = `now` at once. Audit
        entries remain, from then on with the user's personal data unreadable. After a 503 the
        deletion still completes in the background. The last active owner cannot be deleted. The id
        is in the body or in the query.
        """
        return delete_user(request)


def create_user(request: Request) -> Response:
    """Create the user that the body describes."""
    user = create.create_user(
        create.NewUserData(**NewUser.parse(request.data)),
        actor=actor_of(request),
        at=datetime.now(UTC),
        idempotency_key=api.read_idempotency_key(request),
    )
    return api.versioned_response(request, UserView(user), status=201)


def delete_user(request: Request) -> Response:
    """Delete the user that the body names."""
    body = api.parse_body_or_query(request, UserReference)
    deleted_user = delete.delete_user(
        body["id"],
        actor=actor_of(request),
        at=datetime.now(UTC),
        erases_now=body.get("erase") == "now",
        precondition=api.read_precondition(request),
    )
    return Response(DeletedUser(deleted_user).data)


class Terms(api.OperationViewSet):
    """``/user/accept-terms``, ``/user/terms-status``."""

    tag = "Users"

    @api.operation("getTermsStatus", "self:read")
    @api.returns(TermsView, examples.TERMS)
    def status(self, request: Request) -> Response:
        """Get the terms status.

        Tells whether the signed-in user has accepted the terms in force, and lists their documents.
        """
        caller = authenticated_user(request)
        terms_status = acceptance.get_status(
            caller.user, caller.customer, actor=actor_of(request), at=datetime.now(UTC)
        )
        return Response(TermsView(terms_status).data)

    @api.operation(
        "acceptTerms", "terms:accept", rate_limit="write", idempotent=True, errors=(acceptance.TermsOutdated,)
    )
    @api.accepts(TermsAcceptanceBody, {"version": examples.TERMS_VERSION, "locale": "en"})
    @api.returns(TermsView, examples.ACCEPTED_TERMS)
    def accept(self, request: Request) -> Response:
        """Accept the terms in force.

        Records that the signed-in user accepted the terms of service, the provider terms and the
        privacy policy: versions, hashes, time, IP address and browser. Repeating it changes
        nothing. Send the version that was shown to the user: if another version is in force,
        nothing is accepted (409).
        """
        caller, actor = authenticated_user(request), actor_of(request)
        terms_status = acceptance.accept_terms(
            caller.user,
            caller.customer,
            actor=actor,
            at=datetime.now(UTC),
            idempotency_key=api.read_idempotency_key(request),
            **TermsAcceptanceBody.parse(request.data),
        )
        return Response(TermsView(terms_status).data)


class PushTokens(api.OperationViewSet):
    """``/user/push-token``."""

    tag = "Users"

    @api.operation(
        "registerPushToken", "push:manage", rate_limit="write", idempotent=True, errors=(devices.InvalidPushToken,)
    )
    @api.accepts(PushTokenBody, {"token": examples.PUSH_TOKEN})
    @api.returns(PushTokenView, examples.DEVICE)
    def register(self, request: Request) -> Response:
        """Register an Expo push token.

        Notifications are sent to this device from now on. A token belongs to one user: registering
        a token of another user moves it to the signed-in user. Repeating it changes nothing.
        """
        token, actor = PushTokenBody.parse(request.data)["token"], actor_of(request)
        device = devices.register_device(
            token, actor=actor, at=datetime.now(UTC), idempotency_key=api.read_idempotency_key(request)
        )
        return Response(PushTokenView({"token": device.token, "status": "registered"}).data)

    @api.operation("removePushToken", "push:manage", rate_limit="write", errors=(devices.InvalidPushToken,))
    @api.accepts_query(PushTokenQuery)
    @api.accepts(PushTokenBody, {"token": examples.PUSH_TOKEN})
    @api.returns(PushTokenView, {**examples.DEVICE, "status": "removed"})
    def delete(self, request: Request) -> Response:
        """Remove an Expo push token.

        Stops notifications to this device. Removing an unknown token changes nothing. The token is
        in the body or in the query.
        """
        token = api.parse_body_or_query(request, PushTokenBody)["token"]
        devices.unregister_device(token, actor=actor_of(request), at=datetime.now(UTC))
        return Response(PushTokenView({"token": token, "status": "removed"}).data)


EXPORT_LOCATION = "/user/export/my-data/{id}"
SECONDS_UNTIL_READY = 5


class PersonalData(api.OperationViewSet):
    """``/user/export/my-data``."""

    tag = "Users"

    @api.operation("exportMyData", "self:export", rate_limit="export", errors=(prepared_exports.ExportFailed,))
    @api.accepts_query(ExportQuery)
    @api.returns(ExportView, examples.EXPORT)
    @api.returns_file("application/pdf")
    @api.returns_pending(PreparedExportView, examples.PREPARED_EXPORT, location=EXPORT_LOCATION)
    def download(self, request: Request) -> HttpResponse:
        """Download the signed-in user's personal data.

        All stored data about the signed-in user, without data about others: a PDF with the same
        data embedded as JSON (my-data.json), or that JSON alone, with `format=json` or an `Accept`
        that prefers JSON to PDF.

        A long PDF that is not ready within 5 seconds is made in the background: the answer is 202,
        and `Location` says where to fetch it. Repeating this request gets it, too, until 10 minutes
        after it was made; until then a repeated request makes no other one. If it cannot be made
        (409), JSON still can.
        """
        accepted_type = select_media_type(request, ["application/pdf", "application/json"])
        file_format = ExportQuery.parse_query(request).get("format") or accepted_type.removeprefix("application/")
        caller, actor = authenticated_user(request), actor_of(request)
        if file_format == "json":
            content = export.export_json(caller.user, caller.customer, actor=actor)
            return _file_response(content, "application/json", "my-data.json")
        return _pdf_response(
            prepared_exports.export_pdf(caller.user, caller.customer, actor=actor, at=datetime.now(UTC))
        )

    @api.operation("getPreparedExport", "self:export", errors=(errors.NotFound, prepared_exports.ExportFailed))
    @api.returns_file("application/pdf")
    @api.returns_pending(PreparedExportView, examples.PREPARED_EXPORT, location=EXPORT_LOCATION)
    def download_prepared(self, request: Request, exportId: str) -> HttpResponse:  # noqa: N803 - the wire's name
        """Download an export that was made in the background.

        The PDF that `GET /user/export/my-data` referred to, once it is ready. It is deleted an hour
        after it was requested; another request of the same user after 10 minutes may replace it.
        """
        return _pdf_response(prepared_exports.get_prepared(exportId, actor=actor_of(request), at=datetime.now(UTC)))


def _pdf_response(export_result: bytes | PreparedExport) -> HttpResponse:
    if isinstance(export_result, bytes):
        return _file_response(export_result, "application/pdf", "my-data.pdf")
    return pending_response(PreparedExportView(export_result).data, retry_after=SECONDS_UNTIL_READY)


def _file_response(content: bytes, content_type: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    headers = {"Content-Disposition": disposition, "Cache-Control": "no-store", "Vary": "Accept"}
    return HttpResponse(content, content_type, headers=headers)
