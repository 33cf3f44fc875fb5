"""``/scheduleTemplate``."""

from rest_framework.request import Request
from rest_framework.response import Response

from accounts import denied_attempts, permissions
from config.api import pagination
from config.api.operations import Operations, now, once, one, operation, versions
from staffing import shift_templates
from staffing.serializers.shift_templates import (
    NewTemplate,
    TemplateChange,
    TemplateGone,
    TemplatePage,
    TemplateQuery,
    TemplateView,
    WhichTemplate,
)
from staffing.views import examples
from staffing.views.schedules import actor_of

TAG = "Schedule Templates"


class Templates(Operations):
    """``/scheduleTemplate``."""

    @operation(
        "schedules:read",
        name="listTemplates",
        tag=TAG,
        summary="Templates",
        description=(
            "Reusable shapes of schedules, by name: those for any location, and those of one's "
            "own. A page may hold fewer than `limit` before the list ends."
        ),
        query=TemplateQuery,
        answers={200: TemplatePage},
        example={"items": [examples.TEMPLATE], "nextCursor": None},
        refuses=(400, 404),
    )
    def page(self, request: Request) -> Response:
        actor = actor_of(request)
        query = TemplateQuery.of_query(request)
        location_id = query.get("location_id")
        scope = f"templates for {actor.id} {location_id}"
        page = shift_templates.within_reach(
            actor,
            location_id=location_id,
            limit=query.get("limit", 1000),
            start=pagination.start_of(scope, query.get("cursor")),
        )
        return pagination.answer(scope, page, TemplatePage)

    @operation(
        "schedules:write",
        name="createTemplate",
        tag=TAG,
        summary="Create a template",
        description="Who works in some locations only makes templates for those.",
        body=NewTemplate,
        body_example=examples.NEW_TEMPLATE,
        answers={201: TemplateView},
        example=examples.TEMPLATE,
        refuses=(404, 422),
        cost="write",
        etag=True,
    )
    def create(self, request: Request) -> Response:
        actor, at = actor_of(request), now()
        values = NewTemplate.of(request.data)
        customer_id = values.pop("customer_id", actor.customer_id)
        with denied_attempts.noted(actor, at, asked={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id)
        made = shift_templates.create(values, actor=actor, at=at, once=once(request, actor))
        return one(request, TemplateView(made), int(made.version), status=201)

    @operation(
        "schedules:write",
        name="updateTemplate",
        tag=TAG,
        summary="Change a template",
        description="Schedules that were made of it stay as they are.",
        body=TemplateChange,
        body_example={"id": examples.TEMPLATE["id"], "endTime": "15:00"},
        answers={200: TemplateView},
        example=examples.TEMPLATE,
        refuses=(404,),
        cost="write",
        etag=True,
    )
    def change(self, request: Request) -> Response:
        asked = TemplateChange.of(request.data)
        template = shift_templates.change(
            asked.pop("id"), asked, actor=actor_of(request), at=now(), versions=versions(request)
        )
        return one(request, TemplateView(template), int(template.version))

    @operation(
        "schedules:write",
        name="deleteTemplate",
        tag=TAG,
        summary="Remove a template",
        description="Schedules that were made of it stay as they are.",
        body=WhichTemplate,
        body_example={"id": examples.TEMPLATE["id"]},
        answers={200: TemplateGone},
        example={"id": examples.TEMPLATE["id"], "status": "removed"},
        refuses=(404,),
        cost="write",
    )
    def remove(self, request: Request) -> Response:
        id = WhichTemplate.of(request.data)["id"]
        gone = shift_templates.remove(id, actor=actor_of(request), at=now())
        return Response(TemplateGone({"id": gone.id, "status": "removed"}).data)
