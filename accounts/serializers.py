"""The wire shapes of people: camelCase outside, snake_case inside."""

from typing import Any

from rest_framework import serializers

from accounts import actors, emails
from accounts.models import User
from config.api.fields import Body, Text, Texts, Whole

ROLES = list(reversed(actors.ROLES))


class Role(serializers.ChoiceField):
    """One of the four roles."""

    def __init__(self, **more: Any) -> None:
        super().__init__(choices=ROLES, **more)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=type(data).__name__)
        return super().to_internal_value(data)


class Address(Text):
    """An e-mail address that a person can be invited at."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return emails.checked(text)
        except emails.BadEmail as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error


class Permissions(Texts):
    """A list of permissions; one that does not exist is refused."""

    def __init__(self, **more: Any) -> None:
        super().__init__(longest=64, most=len(actors.PERMISSIONS), **more)

    def to_internal_value(self, data: Any) -> list[str]:
        given = super().to_internal_value(data)
        unknown = sorted(set(given) - actors.PERMISSIONS)
        if unknown:
            raise serializers.ValidationError(
                f"There is no permission {unknown[0]}.", code="unknown_permission"
            )
        return given


class NewUser(Body):
    """Who is to be created and invited."""

    email = Address(max_length=254)
    customerId = Text(max_length=64, source="customer_id")
    name = Text(max_length=200)
    role = Role(required=False, help_text="Default: staff.")
    permissions = Permissions(
        required=False, help_text="The effective list wanted; default: the role's."
    )
    locations = Texts(
        longest=64,
        most=100,
        required=False,
        help_text='Location ids, or ["*"] for all; default: none (owner, admin: all).',
    )
    userSkills = Texts(longest=100, most=50, required=False, source="skills")


class UserView(serializers.Serializer[User]):
    """A person."""

    id = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    profileName = serializers.CharField(source="profile_name", allow_null=True)
    phone = serializers.CharField(allow_null=True)
    customerId = serializers.CharField(source="customer_id")
    role = serializers.ChoiceField(choices=ROLES)
    permissions = serializers.SerializerMethodField()
    extraPermissions = serializers.ListField(child=serializers.CharField(), source="extra")
    deniedPermissions = serializers.ListField(child=serializers.CharField(), source="denied")
    locations = serializers.ListField(child=serializers.CharField())
    userSkills = serializers.ListField(child=serializers.CharField(), source="skills")
    isSetup = serializers.BooleanField(source="is_setup")
    status = serializers.ChoiceField(
        choices=["pending", "invited", "active", "blocked", "deleting"]
    )
    invitedAt = serializers.DateTimeField(source="invited_at", allow_null=True)
    invitationExpiresAt = serializers.DateTimeField(source="invitation_expires_at", allow_null=True)
    acceptedAt = serializers.DateTimeField(source="accepted_at", allow_null=True)
    settings = serializers.DictField()
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()

    def get_permissions(self, user: User) -> list[str]:
        """What they may do: the role's permissions, plus extra, minus denied."""
        return sorted(actors.effective(user.role, user.extra, user.denied))


class AuditQuery(Body):
    """Which entries."""

    limit = Whole(required=False, min_value=1, max_value=100, help_text="1 to 100, default 50.")
    offset = Whole(required=False, min_value=0, help_text="How many newer ones to skip.")


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


class AuditLine(serializers.Serializer[Any]):
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

    items = AuditLine(many=True, source="lines")
    total = serializers.IntegerField()
    limit = serializers.IntegerField()
    offset = serializers.IntegerField()
