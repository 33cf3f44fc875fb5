"""The form of a person."""

from accounts import locations as location_queries
from accounts import permissions, preferences, users
from accounts.admin.operator_commands import OperatorForm
from accounts.admin.permission_labels import permission_choices
from accounts.admin.projected import LANGUAGE_CHOICES, to_choices
from accounts.models import ALL_LOCATIONS
from accounts.models import User as UserRecord
from accounts.serializers.preferences import ChannelChange
from accounts.serializers.users import NewUser, UserChange, UserView
from accounts.users import create, update
from config import errors
from config.backoffice.forms import form_fields

MAX_LOCATIONS = 200
STORED_AS_PENDING = (
    "The person is stored as pending: Dutyline creates their account and sends the invitation in the background, as "
    "soon as it answers. Do not add them again; you find them among the people of the customer."
)
_CHANNEL_NAMES = {"email": "e-mail", "push": "push notification"}
NOTIFICATION_LABELS = {
    f"settings__notifications__{channel}__{event}": f"{form_fields.label_for(event)} ({_CHANNEL_NAMES[channel]})"
    for channel in preferences.CHANNELS
    for event in map(str, ChannelChange().fields)
}


class PersonForm(OperatorForm):
    """A person."""

    view_serializer, create_body, change_body = UserView, NewUser, UserChange
    aliases = {"role": "userRole"}
    labels = {
        "email": "E-mail",
        "userRole": "Role",
        "permissions": "Permissions",
        "userSkills": "Skills",
        "isSetup": "Setup completed",
        "settings__reminderMinutes": "Reminder, minutes before the shift",
        "settings__ringing": "Calls may ring their phone",
        "settings__answerWithoutKey": "Calls are answered without pressing 1 (a mailbox would take them)",
        **NOTIFICATION_LABELS,
    }
    help_texts = {
        "phone": "With country code, such as +1 617 555 0123.",
        "permissions": "If you change only the role, the person gets the permissions of that role.",
    }
    choices = {
        "userRole": to_choices(*permissions.ROLES),
        "permissions": permission_choices(),
        "settings__language": LANGUAGE_CHOICES,
        "locations": (),
    }

    def prepare_fields(self) -> None:
        self.initial.setdefault("userRole", "staff")
        reachable = location_queries.list_accessible_locations(self.actor, limit=MAX_LOCATIONS, cursor=None).records
        names_by_id = {ALL_LOCATIONS: "All locations", **{location.id: location.name for location in reachable}}
        assigned_ids = self.instance.record.locations if self.is_change else ()
        names_by_id |= {location_id: location_id for location_id in assigned_ids if location_id not in names_by_id}
        self.fields["locations"].choices = list(names_by_id.items())  # type: ignore[attr-defined]

    def save_record(self) -> UserRecord:
        actor, now = self.actor, self.now
        if not self.is_change:
            new_user = create.NewUserData(customer_id=self.customer_id, **self.body)
            return create.create_user(new_user, actor=actor, at=now)
        return update.update_user(self.instance.pk, self.body, actor=actor, at=now, precondition=self.precondition)

    def unavailable_text(self, error: errors.Unavailable) -> str:
        """Whether a new person is stored already, and completed later."""
        email = str(self.cleaned_data.get("email") or "")
        stored = users.find_users_by_email([email]).values() if not self.is_change and email else ()
        if any(user.customer_id == self.customer_id and user.status == "pending" for user in stored):
            return f"{error.detail} {STORED_AS_PENDING}"
        return super().unavailable_text(error)
