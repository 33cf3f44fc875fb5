"""Queries of lists of people."""

from typing import Any

from accounts.models import DIRECTORY_STATUSES
from accounts.serializers.users import RoleField
from config.api.fields import PageQuery, StrictChoiceField, TextField
from config.api.number_fields import LimitField


class PeopleQuery(PageQuery):
    """The query of a list of people. A parameter without a value is as if it were not sent."""

    limit = LimitField(maximum=1000, default=200)
    q = TextField(
        max_length=100,
        required=False,
        source="text",
        help_text="Words that all must be part of the name. Case, accents and Unicode form do not matter.",
    )
    locationId = TextField(
        max_length=64,
        required=False,
        source="location_id",
        help_text="Only who works at this location, also because of access to all locations.",
    )

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value({name: value for name, value in data.items() if value != ""})


class UserQuery(PeopleQuery):
    """Filters of users."""

    customerId = TextField(
        max_length=64,
        required=False,
        source="customer_id",
        help_text="Must be the signed-in user's customer, which is the default.",
    )
    q = TextField(
        max_length=100,
        required=False,
        source="text",
        help_text=(
            "Words that all must be part of the name, the profile name or the e-mail address. Case, accents and "
            "Unicode form do not matter."
        ),
    )
    role = RoleField(required=False, help_text="Only users with this role.")
    status = StrictChoiceField(choices=DIRECTORY_STATUSES, required=False, help_text="Only users with this status.")
    skill = TextField(max_length=100, required=False, help_text="Only users with this skill, compared like `q`.")
    sort = StrictChoiceField(choices=("name", "-name"), required=False, help_text="Default: name, ascending.")
