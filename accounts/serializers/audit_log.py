"""Serializers of audit logs."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config import audit
from config.api.fields import NextCursorField, TextField
from config.api.number_fields import LimitField, QueryIntegerField
from config.api.record_views import RecordView
from config.api.time_queries import DateTimeRangeQuery


@extend_schema_field({"type": "string", "enum": list(audit.known_actions())})
class AuditActionField(TextField):
    """An audit action; one that does not exist matches no entry."""


class AuditQuery(DateTimeRangeQuery):
    """Filters of an audit log."""

    action = AuditActionField(required=False, max_length=100, help_text="Only entries with this action.")

    limit = LimitField(maximum=100, default=50)
    offset = QueryIntegerField(
        required=False,
        min_value=0,
        max_value=999_999_999,
        help_text="Number of newer entries to skip; not together with `cursor`.",
    )
    cursor = TextField(
        required=False,
        max_length=2000,
        help_text="`nextCursor` of the previous page: unlike an offset, it does not shift while the log grows.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse two positions."""
        if "cursor" in attrs and "offset" in attrs:
            raise serializers.ValidationError({"offset": ["Send either `cursor` or `offset`."]})
        return attrs


class AuditParty(RecordView[Any]):
    """The actor or the subject of an entry."""

    type = serializers.CharField(help_text="Such as user, operator, system, customer, location or schedule.")
    id = serializers.CharField()
    name = serializers.CharField(allow_null=True, help_text="null after the personal data is erased.")


class AuditChange(RecordView[Any]):
    """A changed field; values are null after personal data is erased."""

    field = serializers.CharField(help_text="Name of the field.")
    before = serializers.JSONField(help_text="Value before, as JSON; null: none.")
    after = serializers.JSONField(help_text="Value after, as JSON; null: none.")


class AuditLogItem(RecordView[Any]):
    """An audit entry."""

    id = serializers.CharField()
    seq = serializers.IntegerField(help_text="Sequence number in this user's log, from 1.")
    at = serializers.DateTimeField(help_text="When it happened.")
    action = serializers.ChoiceField(choices=list(audit.known_actions()))
    actor = AuditParty()
    subject = AuditParty()
    customerId = serializers.CharField(source="customer_id")
    changes = AuditChange(many=True, help_text="The changed fields of the subject.")
    ip = serializers.CharField(allow_null=True, help_text="IP address of the actor; null if unknown or erased.")
    userAgent = serializers.CharField(
        source="user_agent", allow_null=True, help_text="User agent of the actor; null if unknown or erased."
    )
    requestId = serializers.CharField(source="request_id", help_text="Id of the request, as in `X-Request-Id`.")
    hash = serializers.CharField(help_text="SHA-256 of this entry, which includes `prevHash`.")
    prevHash = serializers.CharField(
        source="prev_hash", help_text="`hash` of the previous entry; empty for the first entry."
    )


class AuditPage(RecordView[Any]):
    """Audit entries, newest first, and their total number."""

    items = AuditLogItem(many=True, source="lines")
    total = serializers.IntegerField(help_text="Number of entries that match the filters.")
    limit = serializers.IntegerField(help_text="The limit that applied.")
    offset = serializers.IntegerField(help_text="Number of newer entries that match the filters.")
    nextCursor = NextCursorField()
