"""``/ivrConfiguration/{locationId}`` and its preview, and the schema of configurations."""

from datetime import UTC, datetime
from typing import Any

import orjson
from django.conf import settings
from rest_framework.request import Request

from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import conditional
from config.api.messages import Response
from config.api.published import published_document
from telephony import lines
from telephony.calls import preview
from telephony.ivr import schema
from telephony.ivr.configuration import InvalidConfiguration
from telephony.serializers.numbers import CallPreviewQuery, CallPreviewView, IvrConfigurationChange, LineView
from telephony.views import examples


class IvrConfigurations(api.OperationViewSet):
    """``/ivrConfiguration/{locationId}``."""

    tag = "IVR"

    @api.operation("getIvrConfiguration", "calls:read", errors=(errors.NotFound,))
    @api.returns(LineView, examples.LINE, etag=True)
    def retrieve(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        """Get the IVR configuration of a location.

        The JSON Schema of configurations is at `/schemas/ivr-1.json`.
        """
        line, _ = lines.get_line(locationId, actor=actor_of(request))
        return api.versioned_response(request, LineView(line))

    @api.operation(
        "updateIvrConfiguration", "ivr:update", rate_limit="write", errors=(errors.NotFound, InvalidConfiguration)
    )
    @api.accepts(IvrConfigurationChange, {"configuration": examples.CONFIGURATION})
    @api.returns(LineView, examples.LINE, etag=True)
    def update(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        """Update the IVR configuration of a location.

        Applies from the next call; calls in progress continue with the previous configuration.
        Users and locations in the configuration must belong to the customer, and new locations must
        be the user's, too. Phone numbers must be in the
        location's country. Settings without effect are refused, unless the location has the same
        already: a configuration can be sent back as it was read.
        """
        line = lines.update_configuration(
            locationId,
            IvrConfigurationChange.parse(request.data)["configuration"],
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, LineView(line))


class CallPreviews(api.OperationViewSet):
    """``/ivrConfiguration/{locationId}/preview``."""

    tag = "IVR"

    @api.operation("previewCall", "calls:read", errors=(errors.NotFound,))
    @api.accepts_query(CallPreviewQuery)
    @api.returns(CallPreviewView, examples.PREVIEW)
    def preview(self, request: Request, locationId: str) -> Response:  # noqa: N803 - the path's name
        """Preview a call to a location.

        Simulates a call at a given time in which the caller presses no key and nobody answers.
        Returns the steps of the call in order: what the caller hears, which users would be called,
        and why others would not.
        """
        query = {"at": datetime.now(UTC), **CallPreviewQuery.parse_query(request)}
        call_preview = preview.preview_call(locationId, actor=actor_of(request), **query)
        view = CallPreviewView(call_preview).data
        later_opening = call_preview.next_opening if call_preview.next_opening != call_preview.at else None
        shown = [view["entrance"], view["reason"], view["steps"], str(later_opening)]
        return Response(view, headers={"ETag": conditional.weak_etag(shown)})


def _build_ivr_schema() -> bytes:
    return orjson.dumps(schema.published_schema(settings.PUBLIC_BASE_URL))


ivr_schema = published_document(_build_ivr_schema, "application/schema+json")
"""The JSON Schema of configurations."""


def add_ivr_schema(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add the parts of configurations to the components of the OpenAPI document."""
    result["components"]["schemas"] |= schema.openapi_components()
    return result
