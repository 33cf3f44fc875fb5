"""``/ivrConfiguration/{locationId}`` and its preview, and the schema of configurations."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of
from config.api.operations import Operations, now, one, operation, versions
from telephony import lines
from telephony.calls import preview
from telephony.ivr.schema import SCHEMA
from telephony.serializers.numbers import ConfigurationChange, LineView, PreviewQuery, PreviewView
from telephony.views import examples

TAG = "IVR"


class Configurations(Operations):
    """``/ivrConfiguration/{locationId}``."""

    @operation(
        "calls:read",
        name="getIvrConfiguration",
        tag=TAG,
        summary="How a location answers its number",
        description="The JSON Schema of configurations is at `/schemas/ivr-1.json`.",
        answers={200: LineView},
        example=examples.LINE,
        refuses=(404,),
        etag=True,
    )
    def retrieve(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        line, _ = lines.get(locationId, actor=actor_of(request))
        return one(request, LineView(line), int(line.version))

    @operation(
        "ivr:update",
        name="updateIvrConfiguration",
        tag=TAG,
        summary="Let a location answer otherwise",
        description=(
            "It holds for the next call; calls that are on go on as they began. Users that are "
            "named must be the customer's, numbers of the location's country."
        ),
        body=ConfigurationChange,
        body_example={"configuration": examples.CONFIGURATION},
        answers={200: LineView},
        example=examples.LINE,
        refuses=(404,),
        cost="write",
        etag=True,
    )
    def change(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        line = lines.change(
            locationId,
            ConfigurationChange.of(request.data)["configuration"],
            actor=actor_of(request),
            at=now(),
            versions=versions(request),
        )
        return one(request, LineView(line), int(line.version))


class Previews(Operations):
    """``/ivrConfiguration/{locationId}/preview``."""

    @operation(
        "calls:read",
        name="previewCall",
        tag=TAG,
        summary="What a caller would meet",
        description=(
            "What a call would meet at a moment, pressing no key and answered by nobody: who would "
            "ring, in order, and why somebody on duty would not."
        ),
        query=PreviewQuery,
        answers={200: PreviewView},
        example=examples.PREVIEW,
        refuses=(400, 404),
    )
    def preview(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        at = PreviewQuery.of_query(request).get("at", now())
        found = preview.preview(locationId, actor=actor_of(request), at=at)
        return Response(PreviewView(found).data)


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """The JSON Schema of configurations."""
    answer = JsonResponse(SCHEMA)
    answer["Content-Type"] = "application/schema+json"
    return answer
