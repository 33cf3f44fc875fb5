"""``/user/export/my-data``."""

from django.http import HttpResponse
from rest_framework.request import Request

from accounts.privacy import export
from accounts.serializers.exports import ExportQuery, ExportView
from accounts.views import examples
from accounts.views.caller import actor_of, signed_in
from config.api.operations import Operations, now, operation


class PersonalData(Operations):
    """What is kept of the signed-in person."""

    @operation(
        "self:export",
        name="exportMyData",
        tag="Users",
        summary="Download my personal data",
        description=(
            "Everything that is kept of the signed-in person, without data of others: as a PDF "
            "with the same data embedded as JSON (my-data.json), or as that JSON alone."
        ),
        query=ExportQuery,
        answers={200: ExportView},
        file="application/pdf",
        example=examples.EXPORT,
        refuses=(400,),
        cost="export",
    )
    def download(self, request: Request) -> HttpResponse:
        wanted = ExportQuery.of_query(request).get("format", "pdf")
        caller, actor = signed_in(request), actor_of(request)
        if wanted == "json":
            content = export.as_json(caller.user, caller.customer, actor=actor)
            return _file(content, "application/json", "my-data.json")
        content = export.as_pdf(caller.user, caller.customer, actor=actor, at=now())
        return _file(content, "application/pdf", "my-data.pdf")


def _file(content: bytes, media: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(content, media, headers={"Content-Disposition": disposition})
