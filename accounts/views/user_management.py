"""``/userManagement``: the people of a customer."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import users
from accounts.notifications import invitations
from accounts.serializers.users import (
    DeletedUser,
    NewManagedUser,
    UserChange,
    UserPage,
    UserQuery,
    UserReference,
    UserView,
)
from accounts.users import create, delete, update
from accounts.views import examples
from accounts.views.caller import actor_of
from accounts.views.own_account import CREATE_OPERATION, DELETE_OPERATION
from config.api import pagination
from config.api.fields import EmptyBody
from config.api.operations import (
    OperationViewSet,
    operation,
    read_idempotency_key,
    read_if_match_versions,
    utc_now,
    versioned_response,
)

TAG = "User Management"


class UserManagement(OperationViewSet):
    """``/userManagement``."""

    @operation(
        "users:read",
        operation_id="listUsers",
        tag=TAG,
        summary="Users of a customer",
        description=(
            "The customer's people by name; who is confined to some locations sees who works "
            "there too. A page may hold fewer than `limit` before the list ends."
        ),
        query=UserQuery,
        responses={200: UserPage},
        example={"items": [examples.USER], "nextCursor": None},
        error_statuses=(400, 404),
        no_account_status=404,
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = UserQuery.parse_query(request)
        scope = f"users for {actor.id}"
        page = users.list_users(
            actor,
            utc_now(),
            customer_id=query.get("customerId"),
            limit=query.get("limit", 1000),
            cursor=pagination.decode_cursor(scope, query.get("cursor")),
        )
        return pagination.page_response(scope, page, UserPage)

    @operation(
        "users:create",
        operation_id="createManagedUser",
        tag=TAG,
        body=NewManagedUser,
        body_example={**examples.NEW_USER, "userRole": "staff"},
        **CREATE_OPERATION,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        new_user = create.NewUserData(**NewManagedUser.parse(request.data))
        user = create.create_user(
            new_user, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return versioned_response(request, UserView(user), int(user.version), status=201)

    @operation(
        "users:update",
        operation_id="updateManagedUser",
        tag=TAG,
        summary="Change a user",
        description=(
            "Changes somebody of lower rank (owners may change owners). A new address goes through "
            "Auth0 first; after a 503 it is still changed by itself. Nobody gives what they do not "
            "hold, and the last active owner stays one. A change of rights holds from the person's "
            "next request."
        ),
        body=UserChange,
        body_example={"id": examples.USER["id"], "userRole": "manager"},
        responses={200: UserView},
        example=examples.USER,
        error_statuses=(404, 409),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request) -> Response:
        patch = UserChange.parse(request.data)
        user = update.update_user(
            patch.pop("id"), patch, actor=actor_of(request), at=utc_now(), versions=read_if_match_versions(request)
        )
        return versioned_response(request, UserView(user), int(user.version))

    @operation("users:delete", operation_id="deleteManagedUser", tag=TAG, **DELETE_OPERATION)
    def delete(self, request: Request) -> Response:
        id = UserReference.parse(request.data)["id"]
        return Response(DeletedUser(delete.delete_user(id, actor=actor_of(request), at=utc_now())).data)


class Invitations(OperationViewSet):
    """``/userManagement/{id}/resend-invitation``."""

    @operation(
        "invitations:send",
        operation_id="resendInvitation",
        tag=TAG,
        summary="Resend an invitation",
        description=(
            "Sends the mail with the link to set the password again, with a new link; at most one "
            "a minute to a person. Who has come already needs none: 409."
        ),
        body=EmptyBody,
        responses={200: UserView},
        example=examples.USER,
        error_statuses=(404, 409),
        rate_limit="costly",
    )
    def resend(self, request: Request, id: str) -> Response:
        EmptyBody.parse(request.data)
        actor = actor_of(request)
        user = invitations.resend_invitation(
            id, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return Response(UserView(user).data)
