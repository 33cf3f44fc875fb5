"""``/user``: oneself, creating people, and deleting them."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from accounts.serializers.users import Gone, NewUser, OwnChange, UserView, WhichUser
from accounts.users import create, delete, update
from accounts.views import examples
from accounts.views.caller import actor_of, signed_in
from config.api.operations import Operations, now, once, one, operation, versions

CREATING: dict[str, Any] = {
    "summary": "Create a user",
    "description": (
        "Creates a person at Auth0 and here, and invites them by e-mail. Answers once both hold "
        "the person and the invitation is certain to be sent. After a 503 the creation is still "
        "finished by itself; repeat with the same Idempotency-Key to hear of it."
    ),
    "answers": {201: UserView},
    "example": examples.USER,
    "refuses": (404, 409, 422),
    "cost": "costly",
    "etag": True,
}
DELETING: dict[str, Any] = {
    "summary": "Delete a user",
    "description": (
        "Deletes a person here and at Auth0, oneself or somebody of lower rank: cut off from the "
        "next request, and every record of theirs erased. The audit stays, unreadable where it "
        "named them. After a 503 the deletion is still finished by itself. The last active owner "
        "stays."
    ),
    "body": WhichUser,
    "body_example": {"id": examples.USER["id"]},
    "answers": {200: Gone},
    "example": {"id": examples.USER["id"], "status": "deleted"},
    "refuses": (404, 409),
    "cost": "costly",
}
"""What ``/user`` and ``/userManagement`` declare alike."""


class CurrentUser(Operations):
    """``/user``."""

    @operation(
        "self:read",
        name="getCurrentUser",
        tag="Users",
        summary="Who am I",
        description="The signed-in person with locations, permissions and settings.",
        answers={200: UserView},
        example=examples.USER,
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The record was read to authenticate the request: nothing more to do."""
        user = signed_in(request).user
        return one(request, UserView(user), int(user.version))

    @operation(
        "users:create",
        name="createUser",
        tag="Users",
        body=NewUser,
        body_example=examples.NEW_USER,
        **CREATING,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        wanted = create.Wanted(**NewUser.of(request.data))
        user = create.create(wanted, actor=actor, at=now(), once=once(request, actor))
        return one(request, UserView(user), int(user.version), status=201)

    @operation(
        "self:update",
        name="updateCurrentUser",
        tag="Users",
        summary="Change oneself",
        description=(
            "Changes one's own profile, skills and settings. Permissions and locations can only "
            "shrink: an attempt to widen them is refused and kept in the audit."
        ),
        body=OwnChange,
        body_example={"profileName": "Sam", "settings": {"language": "es"}},
        answers={200: UserView},
        example=examples.USER,
        refuses=(404, 409),
        cost="write",
        etag=True,
    )
    def change(self, request: Request) -> Response:
        user = update.change_oneself(
            signed_in(request).user,
            OwnChange.of(request.data),
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, UserView(user), int(user.version))

    @operation(
        "self:update",
        others="users:delete",
        name="deleteUser",
        tag="Users",
        **DELETING,
    )
    def remove(self, request: Request) -> Response:
        id = WhichUser.of(request.data)["id"]
        return Response(Gone(delete.delete(id, actor=actor_of(request), at=now())).data)
