"""Serializers of audit logs."""

from typing import Any

from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, QueryIntegerField, TextField


class AuditQuery(DateTimeRangeQuery):
    """Filters of an audit log."""

    action = TextField(required=False, max_length=100, help_text="Only entries with this action, such as user.blocked.")

    limit = QueryIntegerField(required=False, min_value=1, max_value=100, help_text="1 to 100, default 50.")
    offset = QueryIntegerField(required=False, min_value=0, help_text="Number of newer entries to skip.")


class AuditParty(serializers.Serializer[Any]):
    """The actor or the subject of an entry."""

    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField(allow_null=True, help_text="null after erasure.")


class AuditChange(serializers.Serializer[Any]):
    """A changed field; values are null after erasure."""

    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class AuditLogItem(serializers.Serializer[Any]):
    """An audit entry."""

    id = serializers.CharField()
    seq = serializers.IntegerField(help_text="Sequence number in this user's log, from 1.")
    at = serializers.DateTimeField()
    action = serializers.CharField()
    actor = AuditParty()
    subject = AuditParty()
    customerId = serializers.CharField(source="customer_id")
    changes = AuditChange(many=True)
    ip = serializers.CharField(allow_null=True)
    userAgent = serializers.CharField(source="user_agent", allow_null=True)
    requestId = serializers.CharField(source="request_id")
    hash = serializers.CharField()
    prevHash = serializers.CharField(source="prev_hash")


class AuditPage(serializers.Serializer[Any]):
    """Audit entries, newest first, and their total number."""

    items = AuditLogItem(many=True, source="lines")
    total = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
