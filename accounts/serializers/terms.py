"""The wire shapes of terms."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts import preferences
from accounts.terms import documents
from config.api.fields import StrictChoiceField, StrictSerializer, TextField


class TermsAcceptanceBody(StrictSerializer):
    """What was shown; both members may be left out."""

    version = TextField(
        required=False, max_length=20, help_text="`currentVersion` as it was shown; 409 if another is in force by now."
    )
    locale = StrictChoiceField(
        choices=preferences.LANGUAGES, required=False, help_text="The language it was shown in; default: the person's."
    )


class LegalDocument(serializers.Serializer[Any]):
    """One of the documents in force."""

    document = serializers.ChoiceField(choices=documents.DOCUMENTS)
    title = serializers.CharField()
    version = serializers.CharField()
    effectiveFrom = serializers.DateTimeField(source="effective_from")
    locale = serializers.CharField(help_text="The language of this text.")
    sha256 = serializers.CharField(help_text="Of the text, as `url` with `?format=text` gives it.")
    url = serializers.SerializerMethodField(help_text="A page that a person can read.")

    def get_url(self, text: documents.LegalText) -> str:
        """Where anybody may read it."""
        url = f"{settings.PUBLIC_BASE_URL}/legal/{text.document}/{text.version}"
        return url if text.locale == documents.BINDING_LANGUAGE else f"{url}?language={text.locale}"


class TermsView(serializers.Serializer[Any]):
    """How a person stands to the terms in force."""

    accepted = serializers.BooleanField(help_text="Whether the current version was accepted.")
    currentVersion = serializers.CharField(source="current_version")
    acceptedVersion = serializers.CharField(source="accepted_version", allow_null=True)
    acceptedAt = serializers.DateTimeField(source="accepted_at", allow_null=True)
    documents = LegalDocument(many=True)
