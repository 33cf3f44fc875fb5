"""Serializers of call-backs."""

from typing import Any

from rest_framework import serializers

from config.api.choice_lists import ChoiceListField
from config.api.fields import OWN_CUSTOMER_HELP, MultilineTextField, PageQuery, StrictChoiceField, TextField
from config.api.record_bodies import NewRecordBody
from config.api.record_views import RecordView
from config.api.time_queries import LOCAL_TIMES_HELP, QueryTimeField
from telephony.callbacks import queries
from telephony.callbacks.closing import MAX_NOTE_LENGTH
from telephony.models import CALLBACK_OUTCOMES, CALLBACK_STATUSES


class CallbackQuery(PageQuery):
    """Filters of call-backs."""

    locationId = TextField(max_length=100, required=False, source="location_id", help_text="Only of this location.")
    customerId = TextField(max_length=100, required=False, source="customer_id", help_text=OWN_CUSTOMER_HELP)
    status = ChoiceListField(
        choices=CALLBACK_STATUSES, required=False, help_text="Only with these statuses. Default: open,taken."
    )
    mine = StrictChoiceField(
        choices=("true", "false"),
        required=False,
        help_text="Only those that the user has taken, or has closed. Default: false.",
    )


class NewCallback(NewRecordBody):
    """A call-back for the caller of a call."""

    blank_fields = frozenset({"dueAt"})

    callId = TextField(max_length=100, source="call_id", help_text="A call that the user can see.")
    dueAt = QueryTimeField(
        required=False, source="due_at", help_text=f"When to call back. Null or left out: now. {LOCAL_TIMES_HELP}"
    )


class CallbackClosing(NewRecordBody):
    """How a call-back ended."""

    blank_fields = frozenset({"note"})

    outcome = StrictChoiceField(
        choices=CALLBACK_OUTCOMES,
        help_text="wrong_number and spam: the caller is not to be called back; the status is then dropped, else done.",
    )
    note = MultilineTextField(
        max_length=MAX_NOTE_LENGTH,
        required=False,
        help_text="For whoever looks at it later. Null, empty or left out: none.",
    )


class CallbackView(RecordView[queries.CallbackEntry]):
    """A caller to be called back: at most one that is not closed for a caller and location."""

    id = serializers.CharField(source="callback.id")
    customerId = serializers.CharField(source="callback.customer_id")
    locationId = serializers.CharField(source="callback.location_id")
    callId = serializers.CharField(source="callback.call_id", help_text="The last call of the caller.")
    caller = serializers.CharField(
        source="callback.caller",
        help_text="Number of the caller, or address such as sip:ann@example.com; empty if withheld.",
    )
    canCall = serializers.BooleanField(
        source="can_call", help_text="Whether the caller's number can be called from the location."
    )
    calls = serializers.IntegerField(source="callback.calls", help_text="How often they called since it was opened.")
    lastCallAt = serializers.DateTimeField(source="callback.last_call_at", help_text="When they called the last time.")
    dueAt = serializers.DateTimeField(
        source="callback.due_at",
        help_text="When to call back: at once, when somebody is on duty again, or when the caller was promised.",
    )
    status = serializers.ChoiceField(source="callback.status", choices=list(CALLBACK_STATUSES))
    takenBy = serializers.CharField(
        source="callback.taken_by",
        allow_null=True,
        help_text="Id of the user who has taken it or, once it is closed, of who closed it or talked with the caller.",
    )
    takenUntil = serializers.DateTimeField(
        source="callback.taken_until",
        allow_null=True,
        help_text="When it is open again unless it is closed by then. Of one that was closed by calling back: until "
        "when who called may close it with another outcome.",
    )
    outcome = serializers.ChoiceField(
        source="callback.outcome", choices=CALLBACK_OUTCOMES, allow_null=True, help_text="Null until it is closed."
    )
    note = serializers.CharField(
        source="callback.note", allow_null=True, help_text="What whoever closed it wrote; null if nothing."
    )
    createdAt = serializers.DateTimeField(source="callback.created_at")
    updatedAt = serializers.DateTimeField(source="callback.updated_at")
    version = serializers.IntegerField()


class CallbackCallView(RecordView[Any]):
    """The call that calls a caller back."""

    callId = serializers.CharField(source="id", help_text="The call that rings the user's phone.")
