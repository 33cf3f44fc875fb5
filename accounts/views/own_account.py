"""``/user``: oneself, creating people, and deleting them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.serializers.users import CurrentUserChange, DeletedUser, NewUser, UserReference, UserView
from accounts.users import create, delete, update
from accounts.views import examples
from accounts.views.caller import actor_of, authenticated_user
from config.api.operations import (
    OperationViewSet,
    operation,
    read_idempotency_key,
    read_if_match_versions,
    utc_now,
    versioned_response,
)

CREATE_OPERATION: dict[str, Any] = {
    "summary": "Create a user",
    "description": (
        "Creates a person at Auth0 and here, and invites them by e-mail. Answers once both hold "
        "the person and the invitation is certain to be sent. After a 503 the creation is still "
        "finished by itself; repeat with the same Idempotency-Key to hear of it."
    ),
    "responses": {201: UserView},
    "example": examples.USER,
    "error_statuses": (404, 409, 422),
    "rate_limit": "costly",
    "etag": True,
}
DELETE_OPERATION: dict[str, Any] = {
    "summary": "Delete a user",
    "description": (
        "Deletes a person here and at Auth0, oneself or somebody of lower rank: cut off from the "
        "next request, and every record of theirs erased. The audit stays, unreadable where it "
        "named them. After a 503 the deletion is still finished by itself. The last active owner "
        "stays."
    ),
    "body": UserReference,
    "body_example": {"id": examples.USER["id"]},
    "responses": {200: DeletedUser},
    "example": {"id": examples.USER["id"], "status": "deleted"},
    "error_statuses": (404, 409),
    "rate_limit": "costly",
}
"""What ``/user`` and ``/userManagement`` declare alike."""


class CurrentUser(OperationViewSet):
    """``/user``."""

    @operation(
        "self:read",
        operation_id="getCurrentUser",
        tag="Users",
        summary="Who am I",
        description="The signed-in person with locations, permissions and settings.",
        responses={200: UserView},
        example=examples.USER,
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The record was read to authenticate the request: nothing more to do."""
        user = authenticated_user(request).user
        return versioned_response(request, UserView(user), int(user.version))

    @operation(
        "users:create",
        operation_id="createUser",
        tag="Users",
        body=NewUser,
        body_example=examples.NEW_USER,
        **CREATE_OPERATION,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        new_user = create.NewUserData(**NewUser.parse(request.data))
        user = create.create_user(
            new_user, actor=actor, at=utc_now(), idempotency_key=read_idempotency_key(request, actor)
        )
        return versioned_response(request, UserView(user), int(user.version), status=201)

    @operation(
        "self:update",
        operation_id="updateCurrentUser",
        tag="Users",
        summary="Change oneself",
        description=(
            "Changes one's own profile, skills and settings. Permissions and locations can only "
            "shrink: an attempt to widen them is refused and kept in the audit."
        ),
        body=CurrentUserChange,
        body_example={"profileName": "Sam", "settings": {"language": "es"}},
        responses={200: UserView},
        example=examples.USER,
        error_statuses=(404, 409),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request) -> Response:
        user = update.update_own_profile(
            authenticated_user(request).user,
            CurrentUserChange.parse(request.data),
            actor=actor_of(request),
            at=utc_now(),
            versions=read_if_match_versions(request),
        )
        return versioned_response(request, UserView(user), int(user.version))

    @operation(
        "self:update", permission_for_others="users:delete", operation_id="deleteUser", tag="Users", **DELETE_OPERATION
    )
    def delete(self, request: Request) -> Response:
        id = UserReference.parse(request.data)["id"]
        return Response(DeletedUser(delete.delete_user(id, actor=actor_of(request), at=utc_now())).data)
