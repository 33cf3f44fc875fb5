"""Serializers of the personal data export."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictChoiceField, StrictQuery
from config.api.record_views import RecordView


class ExportQuery(StrictQuery):
    """The format of the export."""

    format = StrictChoiceField(
        choices=("pdf", "json"), required=False, help_text="Default: pdf, unless `Accept` prefers JSON."
    )


class ExportSubject(serializers.Serializer[Any]):
    """The user or customer of the export."""

    id = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField(required=False)


class DataRecipient(serializers.Serializer[Any]):
    """A recipient of personal data."""

    name = serializers.CharField()
    about = serializers.CharField(help_text="What the recipient does with it.")
    receives = serializers.ListField(child=serializers.CharField(), help_text="Names of the values.")


class RetentionRule(serializers.Serializer[Any]):
    """How long a kind of data is stored."""

    what = serializers.CharField(help_text="The kind of data.")
    purpose = serializers.CharField(help_text="Why it is stored.")
    kept = serializers.CharField(help_text="How long it is stored.")
    afterDeletion = serializers.CharField(help_text="What remains after the account is deleted.")


class ExportView(RecordView[Any]):
    """All stored data about a user."""

    format = serializers.CharField(help_text="Name and version of this format.")
    person = ExportSubject()
    customer = ExportSubject()
    data = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="By section: profile, rights, locations, terms, devices, history …",
    )
    recipients = DataRecipient(many=True, help_text="Who receives personal data.")
    retention = RetentionRule(many=True, help_text="How long each kind of data is stored.")
    rights = serializers.ListField(child=serializers.CharField(), help_text="Rights of the user, as sentences.")


class PreparedExportView(RecordView[Any]):
    """A PDF that is being made."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=("preparing",), default="preparing", help_text="It is not ready yet.")
    requestedAt = serializers.DateTimeField(source="requested_at", help_text="When it was requested.")
    expiresAt = serializers.DateTimeField(source="expiry", help_text="When it is deleted.")
