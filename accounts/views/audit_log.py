"""``/user/{userId}/audit-logs``."""

from typing import cast

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import audit_log
from accounts.permissions import Actor
from accounts.serializers.audit_log import AuditPage, AuditQuery
from accounts.views import examples
from config.api.operations import OperationViewSet, operation
from config.audit import reader


class AuditLogs(OperationViewSet):
    """``/user/{userId}/audit-logs``."""

    @operation(
        "audit:read",
        operation_id="getUserAuditLogs",
        tag="Users",
        summary="Audit logs of a user",
        description=(
            "Changes by and to the person, newest first, also after they were deleted. `total` "
            "counts what the filters take."
        ),
        query=AuditQuery,
        responses={200: AuditPage},
        example=examples.AUDIT,
        error_statuses=(400, 404),
    )
    def list_page(self, request: Request, userId: str) -> Response:  # noqa: N803 - the wire's name
        query = AuditQuery.parse_query(request)
        log_page = audit_log.get_user_audit_log(
            userId,
            actor=cast(Actor, request.user),
            limit=query.get("limit", 50),
            offset=query.get("offset", 0),
            criteria=reader.EntryFilter(query.get("action"), query.get("since"), query.get("until")),
        )
        return Response(AuditPage(log_page).data)
