"""``/ivrConfiguration/{locationId}`` and its preview, and the schema of configurations."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.views.caller import actor_of
from config.api.operations import OperationViewSet, operation, read_if_match_versions, utc_now, versioned_response
from telephony import lines
from telephony.calls import preview
from telephony.ivr.configuration import SCHEMA
from telephony.serializers.numbers import CallPreviewQuery, CallPreviewView, IvrConfigurationChange, LineView
from telephony.views import examples

TAG = "IVR"


class IvrConfigurations(OperationViewSet):
    """``/ivrConfiguration/{locationId}``."""

    @operation(
        "calls:read",
        operation_id="getIvrConfiguration",
        tag=TAG,
        summary="How a location answers its number",
        description="The JSON Schema of configurations is at `/schemas/ivr-1.json`.",
        responses={200: LineView},
        example=examples.LINE,
        error_statuses=(404,),
        etag=True,
    )
    def retrieve(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        line, _ = lines.get_line(locationId, actor=actor_of(request))
        return versioned_response(request, LineView(line), int(line.version))

    @operation(
        "ivr:update",
        operation_id="updateIvrConfiguration",
        tag=TAG,
        summary="Let a location answer otherwise",
        description=(
            "It holds for the next call; calls that are on go on as they began. Users that are "
            "named must be the customer's, numbers of the location's country."
        ),
        body=IvrConfigurationChange,
        body_example={"configuration": examples.CONFIGURATION},
        responses={200: LineView},
        example=examples.LINE,
        error_statuses=(404,),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        line = lines.update_configuration(
            locationId,
            IvrConfigurationChange.parse(request.data)["configuration"],
            actor=actor_of(request),
            at=utc_now(),
            versions=read_if_match_versions(request),
        )
        return versioned_response(request, LineView(line), int(line.version))


class CallPreviews(OperationViewSet):
    """``/ivrConfiguration/{locationId}/preview``."""

    @operation(
        "calls:read",
        operation_id="previewCall",
        tag=TAG,
        summary="What a caller would meet",
        description=(
            "What a call would meet at a moment, pressing no key and answered by nobody: who would "
            "ring, in order, and why somebody on duty would not."
        ),
        query=CallPreviewQuery,
        responses={200: CallPreviewView},
        example=examples.PREVIEW,
        error_statuses=(400, 404),
    )
    def preview(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        at = CallPreviewQuery.parse_query(request).get("at", utc_now())
        call_preview = preview.preview_call(locationId, actor=actor_of(request), at=at)
        return Response(CallPreviewView(call_preview).data)


@require_safe
def ivr_schema(request: HttpRequest) -> HttpResponse:
    """The JSON Schema of configurations."""
    response = JsonResponse(SCHEMA)
    response["Content-Type"] = "application/schema+json"
    return response
