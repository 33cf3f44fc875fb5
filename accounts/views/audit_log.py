"""``/user/{userId}/audit-logs``."""

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit_log
from accounts.permissions import Actor
from accounts.serializers.audit_log import AuditPage, AuditQuery
from accounts.views import examples
from config.api.operations import Operations, operation
from config.audit import reader


class AuditLogs(Operations):
    """``/user/{userId}/audit-logs``."""

    @operation(
        "audit:read",
        name="getUserAuditLogs",
        tag="Users",
        summary="Audit logs of a user",
        description=(
            "Changes by and to the person, newest first, also after they were deleted. `total` "
            "counts what the filters take."
        ),
        query=AuditQuery,
        answers={200: AuditPage},
        example=examples.AUDIT,
        refuses=(400, 404),
    )
    def page(self, request: Request, userId: str) -> Response:  # noqa: N803 - the wire's name
        query = AuditQuery.of_query(request)
        page = audit_log.of_user(
            userId,
            actor=cast(Actor, request.user),
            limit=query.get("limit", 50),
            offset=query.get("offset", 0),
            wanted=reader.Filter(query.get("action"), query.get("since"), query.get("until")),
        )
        return Response(AuditPage(page).data)
