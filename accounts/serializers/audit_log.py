"""Serializers of audit logs."""

from typing import Any

from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, NextCursorField, QueryIntegerField, TextField


class AuditQuery(DateTimeRangeQuery):
    """Filters of an audit log."""

    action = TextField(required=False, max_length=100, help_text="Only entries with this action, such as user.blocked.")

    limit = QueryIntegerField(required=False, min_value=1, max_value=100, help_text="1 to 100; default 50.")
    offset = QueryIntegerField(
        required=False, min_value=0, help_text="Number of newer entries to skip; not together with `cursor`."
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


class AuditParty(serializers.Serializer[Any]):
    """The actor or the subject of an entry."""

    type = serializers.CharField(help_text="Such as user, operator, system, customer, location or schedule.")
    id = serializers.CharField()
    name = serializers.CharField(allow_null=True, help_text="null after the personal data is erased.")


class AuditChange(serializers.Serializer[Any]):
    """A changed field; values are null after personal data is erased."""

    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class AuditLogItem(serializers.Serializer[Any]):
    """An audit entry."""

    id = serializers.CharField()
    seq = serializers.IntegerField(help_text="Sequence number in this user's log, from 1.")
    at = serializers.DateTimeField()
    action = serializers.CharField(help_text="Such as user.blocked.")
    actor = AuditParty()
    subject = AuditParty()
    customerId = serializers.CharField(source="customer_id")
    changes = AuditChange(many=True)
    ip = serializers.CharField(allow_null=True, help_text="IP address of the actor; null if unknown or erased.")
    userAgent = serializers.CharField(
        source="user_agent", allow_null=True, help_text="User agent of the actor; null if unknown or erased."
    )
    requestId = serializers.CharField(source="request_id")
    hash = serializers.CharField(help_text="SHA-256 of this entry, which includes `prevHash`.")
    prevHash = serializers.CharField(
        source="prev_hash", help_text="`hash` of the previous entry; empty for the first entry."
    )


class AuditPage(serializers.Serializer[Any]):
    """Audit entries, newest first, and their total number."""

    items = AuditLogItem(many=True, source="lines")
    total = serializers.IntegerField(help_text="Number of entries that match the filters.")
    limit = serializers.IntegerField()
    offset = serializers.IntegerField(help_text="Number of newer entries that match the filters.")
    nextCursor = NextCursorField()
