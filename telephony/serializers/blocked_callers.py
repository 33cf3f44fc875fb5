"""Serializers of blocked callers."""

from rest_framework import serializers

from config.api.fields import OWN_CUSTOMER_HELP, PageQuery, PhoneTextField, StrictQuery, TextField
from config.api.record_bodies import NewRecordBody
from config.api.record_views import RecordView
from telephony.callers import MAX_LENGTH
from telephony.models import BlockedCaller

_NUMBER_HELP = (
    "A phone number in any form, without country code that of the location, otherwise of the customer's `timeZone` "
    "setting; or an address such as sip:ann@example.com."
)


class BlockedCallerQuery(PageQuery):
    """Filters of blocked callers."""

    customerId = TextField(max_length=64, required=False, source="customer_id", help_text=OWN_CUSTOMER_HELP)
    locationId = TextField(
        max_length=100,
        required=False,
        source="location_id",
        help_text="Only callers who are blocked at this location, and those who are blocked at all locations.",
    )


class BlockedCallerView(RecordView[BlockedCaller]):
    """A caller whose calls are rejected."""

    number = serializers.CharField(help_text="Number in E.164, or address.")
    customerId = serializers.CharField(source="customer_id")
    locationId = serializers.CharField(
        source="location_id", allow_null=True, help_text="Where calls are rejected; null: at all locations."
    )
    reason = serializers.CharField(allow_null=True, help_text="Why, as whoever blocked the caller wrote.")
    blockedBy = serializers.CharField(source="blocked_by", help_text="Id of the user or operator.")
    createdAt = serializers.DateTimeField(source="created_at")


class NewBlockedCaller(NewRecordBody):
    """A caller to block."""

    blank_fields = frozenset({"reason"})

    number = PhoneTextField(max_length=MAX_LENGTH, help_text=_NUMBER_HELP)
    locationId = TextField(
        max_length=100, required=False, source="location_id", help_text="Where; null or left out: at all locations."
    )
    reason = TextField(
        max_length=200, required=False, help_text="Why; shown to those who see the list. Null, empty or left out: none."
    )


class UnblockQuery(StrictQuery):
    """Where to unblock a caller."""

    locationId = TextField(
        max_length=100,
        required=False,
        source="location_id",
        help_text="Where the caller is blocked; left out: at all locations.",
    )


class UnblockedCaller(serializers.Serializer[BlockedCaller]):
    """A caller whose calls are taken again."""

    number = serializers.CharField(help_text="Number in E.164, or address.")
    locationId = serializers.CharField(
        source="location_id", allow_null=True, help_text="Where; null: at all locations."
    )
    status = serializers.SerializerMethodField(help_text="Confirms the deletion.")

    def get_status(self, _: BlockedCaller) -> str:
        """Always removed."""
        return "removed"
