"""The wire shapes of audit logs."""

from typing import Any

from rest_framework import serializers

from config.api.fields import DateTimeRangeQuery, QueryIntegerField, TextField


class AuditQuery(DateTimeRangeQuery):
    """Which entries."""

    action = TextField(required=False, max_length=100, help_text="Only entries of this action: user.blocked.")

    limit = QueryIntegerField(required=False, min_value=1, max_value=100, help_text="1 to 100, default 50.")
    offset = QueryIntegerField(required=False, min_value=0, help_text="How many newer ones to skip.")


class AuditParty(serializers.Serializer[Any]):
    """Who or what an entry names."""

    type = serializers.CharField()
    id = serializers.CharField()
    name = serializers.CharField(allow_null=True, help_text="null once erased")


class AuditChange(serializers.Serializer[Any]):
    """One field; values are null once erased."""

    field = serializers.CharField()
    before = serializers.JSONField()
    after = serializers.JSONField()


class AuditLogItem(serializers.Serializer[Any]):
    """One audit entry."""

    id = serializers.CharField()
    seq = serializers.IntegerField(help_text="Its number in this person's log: 1, 2, 3 …")
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
    """Entries newest first, and how many there are."""

    items = AuditLogItem(many=True, source="lines")
    total = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
