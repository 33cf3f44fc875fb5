"""``/scheduleTemplate``."""

from datetime import UTC, datetime

from rest_framework.request import Request

from accounts import permissions
from accounts.auth.authentication import actor_of
from config import api, errors
from config.api import pagination
from config.api.fields import DeletedRecord
from config.api.messages import Response
from staffing import shift_templates
from staffing.recurrence.rrule import RecurrenceUnsupported
from staffing.serializers.shift_templates import (
    NewTemplate,
    TemplateChange,
    TemplateQuery,
    TemplateReference,
    TemplateReferenceQuery,
    TemplateView,
)
from staffing.views import examples


class Templates(api.OperationViewSet):
    """``/scheduleTemplate``."""

    tag = "Schedule Templates"

    @api.operation("listScheduleTemplates", "schedules:read", errors=(errors.NotFound,))
    @api.accepts_query(TemplateQuery)
    @api.returns_page(TemplateView, examples.TEMPLATE)
    def list_page(self, request: Request) -> Response:
        """List schedule templates.

        Sorted by name. Users who are restricted to some locations see only the templates of those,
        and templates for any location. A page may hold fewer than `limit` items before the end of
        the list.
        """
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
        return pagination.page_response(scope, page, TemplateView)

    @api.operation(
        "createScheduleTemplate",
        "schedules:write",
        rate_limit="write",
        idempotent=True,
        errors=(errors.NotFound, permissions.ForeignCustomer, RecurrenceUnsupported),
    )
    @api.accepts(NewTemplate, examples.NEW_TEMPLATE)
    @api.returns(TemplateView, examples.TEMPLATE, status=201, etag=True, location="/scheduleTemplate/{id}")
    def create(self, request: Request) -> Response:
        """Create a schedule template.

        Users who are restricted to some locations can only create templates for those.
        """
        actor, at = actor_of(request), datetime.now(UTC)
        values = NewTemplate.parse(request.data)
        customer_id = values.pop("customer_id", actor.customer_id)
        with permissions.audit_denied_attempts(actor, at, values={"customerId": customer_id}):
            permissions.check_customer(actor, customer_id)
        template = shift_templates.create_template(
            values, actor=actor, at=at, idempotency_key=api.read_idempotency_key(request)
        )
        return api.versioned_response(request, TemplateView(template), status=201)

    @api.operation(
        "updateScheduleTemplate",
        "schedules:write",
        rate_limit="write",
        errors=(errors.NotFound, permissions.ForeignCustomer, RecurrenceUnsupported),
    )
    @api.accepts(TemplateChange, {"id": examples.TEMPLATE["id"], "endTime": "15:00"})
    @api.returns(TemplateView, {**examples.TEMPLATE, "endTime": "15:00", "version": 2}, etag=True)
    def update(self, request: Request) -> Response:
        """Update a schedule template.

        Schedules that were created from it do not change.
        """
        changes = TemplateChange.parse(request.data)
        template = shift_templates.update_template(
            changes.pop("id"),
            changes,
            actor=actor_of(request),
            at=datetime.now(UTC),
            precondition=api.read_precondition(request),
        )
        return api.versioned_response(request, TemplateView(template))

    @api.operation(
        "deleteScheduleTemplate", "schedules:write", rate_limit="write", errors=(errors.NotFound,), if_match=True
    )
    @api.accepts_query(TemplateReferenceQuery)
    @api.accepts(TemplateReference, {"id": examples.TEMPLATE["id"]})
    @api.returns(DeletedRecord, {"id": examples.TEMPLATE["id"], "status": "removed"})
    def delete(self, request: Request) -> Response:
        """Delete a schedule template.

        Schedules that were created from it do not change. The id is in the body or in the query.
        """
        template_id = api.parse_body_or_query(request, TemplateReference)["id"]
        template = shift_templates.delete_template(
            template_id, actor=actor_of(request), at=datetime.now(UTC), precondition=api.read_precondition(request)
        )
        return Response(DeletedRecord({"id": template.id, "status": "removed"}).data)


class TemplateDetail(api.OperationViewSet):
    """``/scheduleTemplate/{id}``."""

    tag = "Schedule Templates"

    @api.operation("getScheduleTemplate", "schedules:read", errors=(errors.NotFound,))
    @api.returns(TemplateView, examples.TEMPLATE, etag=True)
    def retrieve(self, request: Request, id: str) -> Response:
        """Get a schedule template."""
        return api.versioned_response(request, TemplateView(shift_templates.get_template(id, actor=actor_of(request))))
