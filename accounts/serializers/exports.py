"""The wire shapes of the personal data export."""

from typing import Any

from rest_framework import serializers

from config.api.fields import StrictChoiceField, StrictSerializer


class ExportQuery(StrictSerializer):
    """Which form."""

    format = StrictChoiceField(choices=("pdf", "json"), required=False, help_text="pdf, the default, or json.")


class ExportSubject(serializers.Serializer[Any]):
    """Who or what this is about."""

    id = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField(required=False)


class DataRecipient(serializers.Serializer[Any]):
    """Who receives values of a person."""

    name = serializers.CharField()
    about = serializers.CharField(help_text="What for.")
    receives = serializers.ListField(child=serializers.CharField())


class RetentionRule(serializers.Serializer[Any]):
    """How long a kind of value is kept."""

    what = serializers.CharField()
    purpose = serializers.CharField()
    kept = serializers.CharField()
    afterDeletion = serializers.CharField()


class ExportView(serializers.Serializer[Any]):
    """Everything that is kept of a person."""

    format = serializers.CharField()
    person = ExportSubject()
    customer = ExportSubject()
    data = serializers.DictField(  # type: ignore[assignment] # the wire's name
        child=serializers.ListField(child=serializers.DictField()),
        help_text="By chapter: profile, rights, locations, terms, devices, history …",
    )
    recipients = DataRecipient(many=True)
    retention = RetentionRule(many=True)
    rights = serializers.ListField(child=serializers.CharField())
