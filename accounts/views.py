"""The operations on people. Each makes one call into the rules."""

from typing import Any, cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import history, provisioning
from accounts.actors import Actor
from accounts.models import User
from accounts.serializers import AuditPage, AuditQuery, NewUser, UserView
from config.api.operations import Operations, now, once, one, operation

USER_EXAMPLE: dict[str, Any] = {
    "id": "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF",
    "email": "sam@harbour.example",
    "name": "Sam Reed",
    "profileName": None,
    "phone": None,
    "customerId": "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM",
    "role": "staff",
    "permissions": ["push:manage", "schedules:read", "self:export", "self:read", "self:update"],
    "extraPermissions": [],
    "deniedPermissions": ["terms:accept"],
    "locations": ["loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB"],
    "userSkills": ["hygienist"],
    "isSetup": False,
    "status": "invited",
    "invitedAt": "2026-11-23T09:00:00Z",
    "invitationExpiresAt": "2026-11-30T09:00:00Z",
    "acceptedAt": None,
    "settings": {},
    "createdAt": "2026-11-23T09:00:00Z",
    "updatedAt": "2026-11-23T09:00:00Z",
    "version": 2,
}
AUDIT_EXAMPLE: dict[str, Any] = {
    "items": [
        {
            "id": "aud_01JDCXR6C1D3F5G7H9J0K2M4NP",
            "seq": 1,
            "at": "2026-11-23T09:00:00Z",
            "action": "user.invited",
            "actor": {"type": "user", "id": "usr_01JDCXQ4B9Q1Z6E8F0H3J5K7MN", "name": "Ann Archer"},
            "subject": {"type": "user", "id": USER_EXAMPLE["id"], "name": "Sam Reed"},
            "customerId": USER_EXAMPLE["customerId"],
            "changes": [{"field": "role", "before": None, "after": "staff"}],
            "ip": "192.0.2.7",
            "userAgent": "curl/7.88.1",
            "requestId": "01JDCXR5T0V2W4X6Y8Z0A2B4CD",
            "hash": "9f2c…",
            "prevHash": "",
        }
    ],
    "total": 1,
    "limit": 50,
    "offset": 0,
}


class CurrentUser(Operations):
    """``/user``: oneself, and creating people."""

    @operation(
        "self:read",
        name="getCurrentUser",
        tag="Users",
        summary="Who am I",
        description="The signed-in person with locations, permissions and settings.",
        answers={200: UserView},
        example=USER_EXAMPLE,
        etag=True,
    )
    def retrieve(self, request: Request) -> Response:
        """The record was read to authenticate the request: nothing more to do."""
        user = cast(User, request.auth)
        return one(request, UserView(user), int(user.version))

    @operation(
        "users:create",
        name="createUser",
        tag="Users",
        summary="Create a user",
        description=(
            "Creates a person at Auth0 and here, and invites them by e-mail. Answers once both "
            "hold the person and the invitation is certain to be sent. After a 503 the creation "
            "is still finished by itself; repeat with the same Idempotency-Key to hear of it."
        ),
        body=NewUser,
        body_example={
            "email": "sam@harbour.example",
            "customerId": USER_EXAMPLE["customerId"],
            "name": "Sam Reed",
            "locations": USER_EXAMPLE["locations"],
        },
        answers={201: UserView},
        example=USER_EXAMPLE,
        refuses=(404, 409, 422),
        cost="costly",
    )
    def create(self, request: Request) -> Response:
        actor = cast(Actor, request.user)
        wanted = provisioning.Wanted(**NewUser.of(request.data))
        user = provisioning.create(wanted, actor=actor, at=now(), once=once(request, actor))
        return one(request, UserView(user), int(user.version), status=201)


class AuditLogs(Operations):
    """``/user/{userId}/audit-logs``."""

    @operation(
        "audit:read",
        name="getUserAuditLogs",
        tag="Users",
        summary="Audit logs of a user",
        description="Changes by and to the person, newest first, also after they were deleted.",
        query=AuditQuery,
        answers={200: AuditPage},
        example=AUDIT_EXAMPLE,
        refuses=(400, 404),
    )
    def page(self, request: Request, userId: str) -> Response:  # noqa: N803 - the wire's name
        query = AuditQuery.of_query(request)
        page = history.of_user(
            userId,
            actor=cast(Actor, request.user),
            limit=query.get("limit", 50),
            offset=query.get("offset", 0),
        )
        return Response(AuditPage(page).data)
