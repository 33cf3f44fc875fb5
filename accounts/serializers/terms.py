"""Serializers of terms."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts import preferences
from accounts.terms import documents
from config.api.fields import StrictChoiceField, StrictSerializer, TextField
from config.api.record_views import RecordView


class TermsAcceptanceBody(StrictSerializer):
    """The terms that were shown to the user; both fields are optional."""

    version = TextField(
        required=False, max_length=20, help_text="The `currentVersion` that was shown; 409 if it is no longer in force."
    )
    locale = StrictChoiceField(
        choices=preferences.LANGUAGES,
        required=False,
        help_text="The language that was shown; default: the user's language.",
    )


class LegalDocument(serializers.Serializer[Any]):
    """A legal document in force."""

    document = serializers.ChoiceField(choices=documents.DOCUMENTS, help_text="Which document.")
    title = serializers.CharField(help_text="Title of the text.")
    version = serializers.CharField()
    effectiveFrom = serializers.DateTimeField(source="effective_from", help_text="When it came into force.")
    locale = serializers.CharField(help_text="Language of this text.")
    sha256 = serializers.CharField(help_text="SHA-256 of the text at `url` with the parameter `format=text`.")
    url = serializers.SerializerMethodField(help_text="Public page with the text.")

    def get_url(self, text: documents.LegalText) -> str:
        """The public page."""
        url = f"{settings.PUBLIC_BASE_URL}/legal/{text.document}/{text.version}"
        return url if text.locale == documents.BINDING_LANGUAGE else f"{url}?language={text.locale}"


class TermsView(RecordView[Any]):
    """The terms status of a user."""

    accepted = serializers.BooleanField(help_text="Whether the user has accepted the current version.")
    currentVersion = serializers.CharField(source="current_version", help_text="The version in force.")
    acceptedVersion = serializers.CharField(
        source="accepted_version", allow_null=True, help_text="The version that the user accepted last; null: none."
    )
    acceptedAt = serializers.DateTimeField(
        source="accepted_at", allow_null=True, help_text="When the user accepted it."
    )
    documents = LegalDocument(many=True, help_text="The documents in force.")
