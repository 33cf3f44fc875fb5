"""Views and serializers."""

import json
from datetime import UTC, datetime
from typing import Any

from pynamodb.transactions import TransactWrite
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.peers import common
from bench.peers.drf.authentication import HasPermission
from bench.peers.drf.models import (
    AuditRow,
    Location,
    OutboxMessage,
    Schedule,
    StaffHours,
    User,
    batch_get,
    connection,
    to_item,
)


class ShortTimeField(serializers.CharField):
    """A stored time without its fraction."""

    def to_representation(self, value: Any) -> str:
        return common.short_time(value)


class UserSerializer(serializers.Serializer[Any]):
    """The answer of GET /user."""

    id = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    profileName = serializers.CharField(source="profile_name")
    phone = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    role = serializers.CharField()
    permissions = serializers.SerializerMethodField()
    extraPermissions = serializers.ListField(source="extra", child=serializers.CharField())
    deniedPermissions = serializers.ListField(source="denied", child=serializers.CharField())
    locations = serializers.ListField(child=serializers.CharField())
    userSkills = serializers.ListField(source="skills", child=serializers.CharField())
    isSetup = serializers.BooleanField(source="is_setup")
    status = serializers.CharField()
    invitedAt = ShortTimeField(source="invited_at")
    invitationExpiresAt = ShortTimeField(source="invitation_expires_at")
    acceptedAt = ShortTimeField(source="accepted_at")
    settings = serializers.SerializerMethodField()
    createdAt = ShortTimeField(source="created_at")
    updatedAt = ShortTimeField(source="updated_at")
    version = serializers.IntegerField()

    def get_permissions(self, user: User) -> list[str]:
        return common.permissions_of(user.attribute_values)

    def get_settings(self, user: User) -> dict[str, Any]:
        return {**common.DEFAULT_SETTINGS, **json.loads(user.settings)}


class ScheduleSerializer(serializers.Serializer[Any]):
    """A schedule in answers."""

    kind = serializers.ReadOnlyField(default="schedule")
    id = serializers.CharField()
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(source="location_id")
    staffId = serializers.CharField(source="staff_id")
    staffName = serializers.SerializerMethodField()
    startTime = serializers.SerializerMethodField()
    endTime = serializers.SerializerMethodField()
    timeZone = serializers.CharField(source="zone")
    recurring = serializers.SerializerMethodField()
    recurrencePattern = serializers.SerializerMethodField()
    templateId = serializers.CharField(source="template_id")
    splitFrom = serializers.CharField(source="split_from")
    notes = serializers.CharField()
    position = serializers.CharField()
    breakMinutes = serializers.IntegerField(source="break_minutes")
    color = serializers.CharField()
    createdAt = ShortTimeField(source="created_at")
    updatedAt = ShortTimeField(source="updated_at")
    version = serializers.IntegerField()

    def get_staffName(self, schedule: Schedule) -> str:
        return str(self.context["names"].get(schedule.staff_id, ""))

    def get_startTime(self, schedule: Schedule) -> str:
        return common.local_time(schedule.start, schedule.zone)

    def get_endTime(self, schedule: Schedule) -> str:
        return common.local_time(schedule.end, schedule.zone)

    def get_recurring(self, schedule: Schedule) -> bool:
        return schedule.pattern is not None

    def get_recurrencePattern(self, schedule: Schedule) -> Any:
        return common.pattern_answer(schedule.pattern, schedule.zone)


class ScheduleQuerySerializer(serializers.Serializer[Any]):
    """The query of GET /staffSchedule; ``from`` is a word of Python."""

    locationId = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)


class NewScheduleSerializer(serializers.Serializer[Any]):
    """The body of POST /staffSchedule."""

    customerId = serializers.CharField()
    locationId = serializers.CharField()
    staffId = serializers.CharField()
    startTime = serializers.DateTimeField()
    endTime = serializers.DateTimeField()


class UserView(APIView):
    """GET /user."""

    permission_classes = [HasPermission]
    permissions_by_method = {"GET": "self:read"}

    def get(self, request: Request) -> Response:
        """The caller's own record."""
        return Response(UserSerializer(request.user).data)


class ScheduleView(APIView):
    """GET and POST /staffSchedule."""

    permission_classes = [HasPermission]
    permissions_by_method = {"GET": "schedules:read", "POST": "schedules:write"}

    def get(self, request: Request) -> Response:
        """Schedules of a location in a window, with the names of their people."""
        parameters = request.query_params
        data = {**parameters.dict(), "start": parameters.get("from"), "end": parameters.get("to")}
        query = ScheduleQuerySerializer(data=data)
        query.is_valid(raise_exception=True)
        location_id, limit = query.validated_data["locationId"], query.validated_data["limit"]
        _check_location(request)
        window = common.Window.between(query.validated_data["start"], query.validated_data["end"])
        schedules = [schedule for keys in window for schedule in _query(location_id, keys, limit + 1)]
        page = schedules[:limit]
        staff_ids = {schedule.staff_id: None for schedule in page if schedule.staff_id != request.user.id}
        people = batch_get((User, [{"id": id} for id in staff_ids]))[0] if staff_ids else []
        names = {person.id: common.display_name(person.attribute_values) for person in [request.user, *people]}
        return Response(
            {"items": ScheduleSerializer(page, many=True, context={"names": names}).data, "nextCursor": None}
        )

    def post(self, request: Request) -> Response:
        """Create a single schedule with its audit entries and its outbox messages."""
        serializer = NewScheduleSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        body, user = serializer.validated_data, _user(request)
        streams = list(dict.fromkeys([user.id, body["staffId"]]))
        location = _check_location(request)
        records: Any = request.auth
        people = [person for person in records[User] if person.id == body["staffId"]]
        busy_versions, heads = records[StaffHours], records[AuditRow]
        if not people or not people[0].customer_id == body["customerId"] == user.customer_id:
            raise common.Refused(404, "No such person.")
        now = common.key_time(datetime.now(UTC))
        list(StaffHours.query(body["staffId"], StaffHours.end > now, consistent_read=True))
        heads.sort(key=lambda head: streams.index(head.stream))
        writes = common.ScheduleWrites.build(
            body,
            caller=user.attribute_values,
            location=to_item(location),
            busy_version=to_item(busy_versions[0]) if busy_versions else None,
            heads=[to_item(head) for head in heads],
        )
        schedule = Schedule(**writes.schedule)
        _write(writes, schedule, busy_versions, heads)
        names = {people[0].id: common.display_name(people[0].attribute_values)}
        return Response(ScheduleSerializer(schedule, context={"names": names}).data, 201)


def _user(request: Request) -> Any:
    """The record that `TokenAuthentication` has loaded."""
    return request.user


def _query(location_id: str, keys: tuple[str, str], limit: int) -> list[Any]:
    condition = Schedule.window.between(*keys)
    return list(Schedule.by_location.query(location_id, condition, limit=limit, page_size=limit))


def _check_location(request: Request) -> Any:
    """The location that was read with the user."""
    records: Any = request.auth
    locations = records[Location]
    item = to_item(locations[0]) if locations else None
    common.check_location(_user(request).attribute_values, item)
    return locations[0]


def _write(writes: common.ScheduleWrites, schedule: Schedule, busy_versions: list[Any], heads: list[Any]) -> None:
    unchanged = StaffHours.version == busy_versions[0].version if busy_versions else StaffHours.version.does_not_exist()
    with TransactWrite(connection=connection, client_request_token=common.new_id("req")) as transaction:
        transaction.save(schedule, condition=Schedule.id.does_not_exist())
        transaction.save(StaffHours(**writes.busy_version), condition=unchanged)
        transaction.save(StaffHours(**writes.busy))
        transaction.condition_check(User, schedule.staff_id, condition=User.status.is_in("active", "invited"))
        for entry in writes.audit_entries:
            transaction.save(AuditRow(**entry), condition=AuditRow.seq.does_not_exist())
        for old, new in zip(heads, writes.audit_heads, strict=True):
            transaction.save(AuditRow(**new), condition=(AuditRow.last == old.last) & (AuditRow.hash == old.hash))
        for message in writes.messages:
            transaction.save(OutboxMessage(**message))
