"""The wire shapes of the personal data export."""

from typing import Any

from rest_framework import serializers

from config.api.fields import Body, Choice


class ExportQuery(Body):
    """Which form."""

    format = Choice(choices=("pdf", "json"), required=False, help_text="pdf, the default, or json.")


class Named(serializers.Serializer[Any]):
    """Who or what this is about."""

    id = serializers.CharField()
    name = serializers.CharField()
    email = serializers.CharField(required=False)


class Recipient(serializers.Serializer[Any]):
    """Who receives values of a person."""

    name = serializers.CharField()
    about = serializers.CharField(help_text="What for.")
    receives = serializers.ListField(child=serializers.CharField())


class Retention(serializers.Serializer[Any]):
    """How long a kind of value is kept."""

    what = serializers.CharField()
    purpose = serializers.CharField()
    kept = serializers.CharField()
    afterDeletion = serializers.CharField()


class ExportView(serializers.Serializer[Any]):
    """Everything that is kept of a person."""

    format = serializers.CharField()
    person = Named()
    customer = Named()
    data = serializers.DictField(  # type: ignore[assignment] # the wire's name
        child=serializers.ListField(child=serializers.DictField()),
        help_text="By chapter: profile, rights, locations, terms, devices, history …",
    )
    recipients = Recipient(many=True)
    retention = Retention(many=True)
    rights = serializers.ListField(child=serializers.CharField())
