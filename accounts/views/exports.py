"""``/user/export/my-data``."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.privacy import export
from accounts.serializers.exports import ExportQuery, ExportView
from accounts.views import examples
from accounts.views.caller import actor_of, authenticated_user
from config.api.operations import OperationViewSet, operation, utc_now


class PersonalData(OperationViewSet):
    """What is kept of the signed-in person."""

    @operation(
        "self:export",
        operation_id="exportMyData",
        tag="Users",
        summary="Download my personal data",
        description=(
            "Everything that is kept of the signed-in person, without data of others: as a PDF "
            "with the same data embedded as JSON (my-data.json), or as that JSON alone."
        ),
        query=ExportQuery,
        responses={200: ExportView},
        file_media_type="application/pdf",
        example=examples.EXPORT,
        error_statuses=(400,),
        rate_limit="export",
    )
    def download(self, request: Request) -> HttpResponse:
        file_format = ExportQuery.parse_query(request).get("format", "pdf")
        caller, actor = authenticated_user(request), actor_of(request)
        if file_format == "json":
            content = export.export_json(caller.user, caller.customer, actor=actor)
            return _file_response(content, "application/json", "my-data.json")
        content = export.export_pdf(caller.user, caller.customer, actor=actor, at=utc_now())
        return _file_response(content, "application/pdf", "my-data.pdf")


def _file_response(content: bytes, content_type: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(content, content_type, headers={"Content-Disposition": disposition})
