"""``/scheduleTemplate``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import denied_attempts, permissions
from config.api import pagination
from config.api.operations import (
    OperationViewSet,
    operation,
    read_idempotency_key,
    read_if_match_versions,
    utc_now,
    versioned_response,
)
from staffing import shift_templates
from staffing.serializers.shift_templates import (
    DeletedTemplate,
    NewTemplate,
    TemplateChange,
    TemplatePage,
    TemplateQuery,
    TemplateReference,
    TemplateView,
)
from staffing.views import examples
from staffing.views.schedules import actor_of

TAG = "Schedule Templates"


class Templates(OperationViewSet):
    """``/scheduleTemplate``."""

    @operation(
        "schedules:read",
        operation_id="listTemplates",
        tag=TAG,
        summary="Templates",
        description=(
            "Reusable shapes of schedules, by name: those for any location, and those of one's "
            "own. A page may hold fewer than `limit` before the list ends."
        ),
        query=TemplateQuery,
        responses={200: TemplatePage},
        example={"items": [examples.TEMPLATE], "nextCursor": None},
        error_statuses=(400, 404),
    )
    def list_page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = TemplateQuery.parse_query(request)
        location_id = query.get("location_id")
        scope = f"templates for {actor.id} {location_id}"
        page = shift_templates.list_templates(
            actor,
            location_id=location_id,
            limit=query.get("limit", 1000),
            cursor=pagination.decode_cursor(scope, query.get("cursor")),
        )
        return pagination.page_response(scope, page, TemplatePage)

    @operation(
        "schedules:write",
        operation_id="createTemplate",
        tag=TAG,
        summary="Create a template",
        description="Who works in some locations only makes templates for those.",
        body=NewTemplate,
        body_example=examples.NEW_TEMPLATE,
        responses={201: TemplateView},
        example=examples.TEMPLATE,
        error_statuses=(404, 422),
        rate_limit="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor, at = actor_of(request), utc_now()
        values = NewTemplate.parse(request.data)
        customer_id = values.pop("customer_id", actor.customer_id)
        with denied_attempts.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id)
        template = shift_templates.create_template(
            values, actor=actor, at=at, idempotency_key=read_idempotency_key(request, actor)
        )
        return versioned_response(request, TemplateView(template), int(template.version), status=201)

    @operation(
        "schedules:write",
        operation_id="updateTemplate",
        tag=TAG,
        summary="Change a template",
        description="Schedules that were made of it stay as they are.",
        body=TemplateChange,
        body_example={"id": examples.TEMPLATE["id"], "endTime": "15:00"},
        responses={200: TemplateView},
        example=examples.TEMPLATE,
        error_statuses=(404,),
        rate_limit="write",
        etag=True,
    )
    def update(self, request: Request) -> Response:
        updates = TemplateChange.parse(request.data)
        template = shift_templates.update_template(
            updates.pop("id"), updates, actor=actor_of(request), at=utc_now(), versions=read_if_match_versions(request)
        )
        return versioned_response(request, TemplateView(template), int(template.version))

    @operation(
        "schedules:write",
        operation_id="deleteTemplate",
        tag=TAG,
        summary="Remove a template",
        description="Schedules that were made of it stay as they are.",
        body=TemplateReference,
        body_example={"id": examples.TEMPLATE["id"]},
        responses={200: DeletedTemplate},
        example={"id": examples.TEMPLATE["id"], "status": "removed"},
        error_statuses=(404,),
        rate_limit="write",
    )
    def delete(self, request: Request) -> Response:
        template_id = TemplateReference.parse(request.data)["id"]
        template = shift_templates.delete_template(template_id, actor=actor_of(request), at=utc_now())
        return Response(DeletedTemplate({"id": template.id, "status": "removed"}).data)
