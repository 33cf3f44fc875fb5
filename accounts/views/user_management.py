"""``/userManagement``: the people of a customer."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import users
from accounts.notifications import invitations
from accounts.serializers.users import (
    Gone,
    ListQuery,
    ManagedUser,
    UserChange,
    UserPage,
    UserView,
    WhichUser,
)
from accounts.users import create, delete, update
from accounts.views import examples
from accounts.views.caller import actor_of
from accounts.views.own_account import CREATING, DELETING
from config.api import pagination
from config.api.fields import Nothing
from config.api.operations import Operations, now, once, one, operation, versions

TAG = "User Management"


class Management(Operations):
    """``/userManagement``."""

    @operation(
        "users:read",
        name="listUsers",
        tag=TAG,
        summary="Users of a customer",
        description=(
            "The customer's people by name; who is confined to some locations sees who works "
            "there too. A page may hold fewer than `limit` before the list ends."
        ),
        query=ListQuery,
        answers={200: UserPage},
        example={"items": [examples.USER], "nextCursor": None},
        refuses=(400, 404),
        unknown_caller=404,
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = ListQuery.of_query(request)
        scope = f"users for {actor.id}"
        page = users.of_customer(
            actor,
            now(),
            customer_id=query.get("customerId"),
            limit=query.get("limit", 1000),
            start=pagination.start_of(scope, query.get("cursor")),
        )
        return pagination.answer(scope, page, UserPage)

    @operation(
        "users:create",
        name="createManagedUser",
        tag=TAG,
        body=ManagedUser,
        body_example={**examples.NEW_USER, "userRole": "staff"},
        **CREATING,
    )
    def create(self, request: Request) -> Response:
        actor = actor_of(request)
        wanted = create.Wanted(**ManagedUser.of(request.data))
        user = create.create(wanted, actor=actor, at=now(), once=once(request, actor))
        return one(request, UserView(user), int(user.version), status=201)

    @operation(
        "users:update",
        name="updateManagedUser",
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
        answers={200: UserView},
        example=examples.USER,
        refuses=(404, 409),
        cost="write",
        etag=True,
    )
    def change(self, request: Request) -> Response:
        asked = UserChange.of(request.data)
        user = update.change(
            asked.pop("id"),
            asked,
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, UserView(user), int(user.version))

    @operation(
        "users:delete",
        name="deleteManagedUser",
        tag=TAG,
        **DELETING,
    )
    def remove(self, request: Request) -> Response:
        id = WhichUser.of(request.data)["id"]
        return Response(Gone(delete.delete(id, actor=actor_of(request), at=now())).data)


class Invitations(Operations):
    """``/userManagement/{id}/resend-invitation``."""

    @operation(
        "invitations:send",
        name="resendInvitation",
        tag=TAG,
        summary="Resend an invitation",
        description=(
            "Sends the mail with the link to set the password again, with a new link; at most one "
            "a minute to a person. Who has come already needs none: 409."
        ),
        body=Nothing,
        answers={200: UserView},
        example=examples.USER,
        refuses=(404, 409),
        cost="costly",
    )
    def resend(self, request: Request, id: str) -> Response:
        Nothing.of(request.data)
        actor = actor_of(request)
        user = invitations.resend(id, actor=actor, at=now(), once=once(request, actor))
        return Response(UserView(user).data)
