"""Serializers of users and their devices."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts import permissions
from accounts.models import USER_STATUSES, User
from accounts.serializers.preferences import SettingsChange, SettingsView
from accounts.users import email_address, side_effects
from config import errors, phone_numbers
from config.api.fields import (
    PhoneTextField,
    StrictBooleanField,
    StrictChoiceField,
    StrictQuery,
    StrictSerializer,
    TextField,
    TextListField,
)
from config.api.name_field import NameField
from config.api.record_bodies import NewRecordBody
from config.api.record_views import RecordView

SETTABLE_STATUSES = ("active", "invited", "blocked")
ROLE_CHOICES = list(reversed(permissions.ROLES))
PERMISSIONS_HELP = "The permissions beyond those over oneself; omit for the role's."
_PRESENT_PERMISSIONS = "An update without a new role keeps the present ones if omitted."
_IS_SETUP = "Set by client applications; Dutyline only stores it."

UNKNOWN_PERMISSION = errors.define_field_code("unknown_permission", "There is no permission of this name.")


class RoleField(StrictChoiceField):
    """A role."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=ROLE_CHOICES, **kwargs)


@extend_schema_field({"type": "string", "format": "email", "maxLength": 254})
class UserEmailField(TextField):
    """An e-mail address that can receive an invitation."""

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        try:
            return email_address.normalize_email(text)
        except email_address.InvalidEmail as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error


class PhoneField(PhoneTextField):
    """A phone number with country code, normalized to E.164."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=32, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        number = phone_numbers.parse_number(text)
        if number is None or not phone_numbers.is_complete(number):
            raise serializers.ValidationError(
                "Must be a phone number with country code, such as +49 30 1234567.", code=errors.INVALID_PHONE
            )
        if number.extension:
            raise serializers.ValidationError(phone_numbers.NO_EXTENSION, code=errors.INVALID_PHONE)
        return phone_numbers.to_e164(number)


class LocationIdsField(TextListField):
    """Location ids, or ``["*"]`` for all."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_item_length=64, max_items=side_effects.MAX_LOCATIONS, **kwargs)


class SkillsField(TextListField):
    """Skills of a user."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_item_length=100, max_items=50, source="skills", **kwargs)


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "enum": sorted(permissions.PERMISSIONS)}, "uniqueItems": True}
)
class PermissionsField(TextListField):
    """A list of permissions; refuses unknown ones."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_item_length=64, max_items=len(permissions.PERMISSIONS), **kwargs)

    def to_internal_value(self, data: Any) -> list[str]:
        names = super().to_internal_value(data)
        unknown = sorted(set(names) - permissions.PERMISSIONS)
        if unknown:
            hint = errors.did_you_mean(unknown[0], permissions.PERMISSIONS)
            raise serializers.ValidationError(f"Unknown permission {unknown[0]}{hint}", code=UNKNOWN_PERMISSION)
        return sorted(names)


class _PermissionView(serializers.ChoiceField):
    """A permission."""

    def __init__(self) -> None:
        super().__init__(choices=sorted(permissions.PERMISSIONS))


class UserView(RecordView[User]):
    """A user."""

    derived_fields = frozenset({"invitedAt", "invitationExpiresAt"})
    """What the worker writes soon after a user was created; clients may send it back outdated."""

    id = serializers.CharField()
    email = serializers.EmailField()
    name = serializers.CharField()
    profileName = serializers.CharField(source="profile_name", allow_null=True)
    phone = serializers.CharField(allow_null=True)
    customerId = serializers.CharField(source="customer_id")
    role = serializers.ChoiceField(choices=ROLE_CHOICES)
    permissions = serializers.SerializerMethodField(
        help_text="All permissions of the user: those of the role, plus `extraPermissions`, minus `deniedPermissions`."
    )
    extraPermissions = serializers.ListField(
        child=_PermissionView(), source="extra", help_text="Permissions beyond those of the role."
    )
    deniedPermissions = serializers.SerializerMethodField(
        help_text="Permissions of the role that the user does not have."
    )
    locations = serializers.ListField(child=serializers.CharField(), help_text='Location ids, or ["*"] for all.')
    userSkills = serializers.ListField(child=serializers.CharField(), source="skills")
    isSetup = serializers.BooleanField(source="is_setup", help_text=_IS_SETUP)
    status = serializers.ChoiceField(choices=list(USER_STATUSES))
    invitedAt = serializers.DateTimeField(
        source="invited_at", allow_null=True, help_text="When the user was invited; null: not yet."
    )
    invitationExpiresAt = serializers.DateTimeField(
        source="invitation_expires_at",
        allow_null=True,
        help_text="When the link of the invitation expires. "
        "If nobody has accepted it by then, others may be invited at the address; invite again to claim it anew.",
    )
    acceptedAt = serializers.DateTimeField(
        source="accepted_at", allow_null=True, help_text="When the user first signed in."
    )
    settings = SettingsView()
    createdAt = serializers.DateTimeField(source="created_at")
    updatedAt = serializers.DateTimeField(source="updated_at")
    version = serializers.IntegerField()

    @extend_schema_field(serializers.ListField(child=_PermissionView()))
    def get_permissions(self, user: User) -> list[str]:
        """Those of the role, plus `extraPermissions`, minus `deniedPermissions`.

        Always with those over oneself.
        """
        return list(permissions.sort_permissions(permissions.effective_permissions(user)))

    @extend_schema_field(serializers.ListField(child=_PermissionView()))
    def get_deniedPermissions(self, user: User) -> list[str]:  # noqa: N802 - the wire's name
        """Permissions of the role that the user does not have."""
        return permissions.list_denied_permissions(user)


class NewUser(NewRecordBody):
    """A new user. `role` and `userRole`, `permissions` and `userPermissions` mean the same."""

    record_view = UserView
    email = UserEmailField(max_length=254)
    customerId = TextField(max_length=64, source="customer_id")
    name = NameField()
    role = RoleField(required=False, help_text="Default: staff.")
    userRole = RoleField(required=False, source="role", help_text="As `role`.")
    permissions = PermissionsField(required=False, help_text=PERMISSIONS_HELP)
    userPermissions = PermissionsField(required=False, source="permissions", help_text="As `permissions`.")
    locations = LocationIdsField(
        required=False, help_text='Location ids, or ["*"] for all; default: none (all for owner and admin).'
    )
    userSkills = SkillsField(required=False)
    isSetup = StrictBooleanField(required=False, source="is_setup", help_text=_IS_SETUP)


class CurrentUserChange(StrictSerializer):
    """The fields to update; all are optional. Permissions and locations can only be removed.

    Other fields of the user may be sent back unchanged.
    """

    record_view, read_only_aliases = UserView, {"userRole": "role"}
    profileName = NameField(is_new=False, required=False, allow_null=True, source="profile_name")
    phone = PhoneField(required=False, allow_null=True)
    locations = LocationIdsField(required=False, help_text="A subset of the current locations.")
    userPermissions = PermissionsField(
        required=False,
        source="permissions",
        help_text=f"{PERMISSIONS_HELP} {_PRESENT_PERMISSIONS} Permissions can only be removed.",
    )
    permissions = PermissionsField(required=False, help_text="As `userPermissions`.")
    userSkills = SkillsField(required=False)
    settings = SettingsChange(required=False)


class UserChange(StrictSerializer):
    """The fields to update; all but `id` are optional.

    Other fields of the user may be sent back unchanged.
    """

    record_view = UserView
    id = TextField(max_length=64)
    name = NameField(is_new=False, required=False)
    profileName = NameField(is_new=False, required=False, allow_null=True, source="profile_name")
    phone = PhoneField(required=False, allow_null=True)
    email = UserEmailField(max_length=254, required=False)
    userRole = RoleField(
        required=False,
        source="role",
        help_text="A new role brings its permissions, unless `permissions` is sent and differs from the present ones.",
    )
    role = RoleField(required=False, help_text="As `userRole`.")
    permissions = PermissionsField(required=False, help_text=f"{PERMISSIONS_HELP} {_PRESENT_PERMISSIONS}")
    userPermissions = PermissionsField(required=False, source="permissions", help_text="As `permissions`.")
    locations = LocationIdsField(required=False, help_text='Location ids, or ["*"] for all.')
    userSkills = SkillsField(required=False)
    isSetup = StrictBooleanField(required=False, source="is_setup", help_text=_IS_SETUP)
    settings = SettingsChange(required=False)
    status = StrictChoiceField(
        choices=list(USER_STATUSES),
        required=False,
        help_text="blocked: ends access with the next request; active: unblocks the user. "
        "invited: only for a user who has not signed in yet. The others cannot be set.",
    )

    def validate_status(self, value: str) -> str:
        """Refuse states that only Dutyline sets."""
        if value not in SETTABLE_STATUSES:
            raise serializers.ValidationError(f"Must be one of {', '.join(SETTABLE_STATUSES)}.", code="invalid_choice")
        return value


ERASURES = ("later", "now")
_ERASE_HELP = (
    "`now` erases the user at once, so that nobody can restore them: for a request to erase personal data. By "
    "default, `later`, they are erased at `eraseAt`; until then Dutyline support can restore them."
)


class UserReference(StrictSerializer):
    """The user to delete. Other fields of the user may be sent, as they were read."""

    record_view = UserView
    id = TextField(max_length=64)
    erase = StrictChoiceField(choices=ERASURES, required=False, help_text=_ERASE_HELP)


class UserReferenceQuery(StrictQuery):
    """The user to delete, for clients that cannot send a body with DELETE."""

    id = TextField(max_length=64, required=False, help_text="Instead of `id` in the body.")
    erase = StrictChoiceField(choices=ERASURES, required=False, help_text="Instead of `erase` in the body.")


class DeletedUser(serializers.Serializer[Any]):
    """A deleted user."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["deleted"], help_text="Confirms the deletion.")
    eraseAt = serializers.DateTimeField(
        source="erase_at", help_text="When the user is erased. Until then Dutyline support can restore them."
    )
