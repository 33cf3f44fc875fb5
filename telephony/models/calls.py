"""Records of calls. Their progress is written through `config.dynamodb.unaudited`."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from config import audit, dynamodb
from config.dynamodb.attributes import Boolean, Json, Number, Text, TextList, TextMap, TextSet, Timestamp
from telephony.models.personal_data import CALL_FLOW, CALL_KEYS, CALLERS, CALLS, HEARD, USAGE

CALL_OUTCOMES = {
    "ringing": "in progress",
    "answered": "a user or number took the call",
    "voicemail": "the caller left a message",
    "missed": "ended without either",
    "closed": "the same, outside opening hours",
    "blocked": "rejected, as the caller is blocked; no phone rang and nobody was notified",
}
EventKind = Literal[
    "entered",
    "blocked",
    "planned",
    "nobody_to_ring",
    "lookup_failed",
    "rung",
    "accepted",
    "not_taken",
    "time_over",
    "called_back",
    "not_reached",
    "key",
    "callback",
    "voicemail",
    "conversation",
    "ended",
]
EVENT_KINDS: dict[EventKind, str] = {
    "entered": "the call began; `where` says in which part of the configuration",
    "blocked": "the call was rejected, as the caller is blocked",
    "planned": "it was decided whose phones ring",
    "nobody_to_ring": "there was nobody whose phone could ring",
    "lookup_failed": "who is on duty could not be read, so the fallback of the configuration was used",
    "rung": "the phone of `who` began to ring, for the reason `why`",
    "accepted": "`who` answered and talks with the caller",
    "not_taken": "`who` did not answer, which `how` explains",
    "time_over": "the time to ring ended before everybody's phone had rung",
    "called_back": "`who` pressed 1, and the caller's phone began to ring",
    "not_reached": "the caller who was called back did not answer, which `how` explains",
    "key": "the caller pressed `key`, or none in time",
    "callback": "the caller was promised a call by `due`",
    "voicemail": "the caller left a message of `seconds`",
    "conversation": "the conversation was recorded, `seconds` of it",
    "ended": "the call ended",
}
CLOCK_DIFFERENCE = timedelta(seconds=5)
"""By how much the clocks of two processes may differ."""


FILTERED_VALUES = ("location_id", "caller", "outcome", "answered_by", "direction")


class Call(dynamodb.Record):
    """A call to a location: which phones rang, why, and how it ended."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("calls")
        ttl = "expires_at"

    by_location = dynamodb.index("byLocation", "location_id", "started_at")
    by_customer = dynamodb.index("byCustomer", "customer_id", "started_at", values=FILTERED_VALUES)
    """Small, as a call changes often: it has what filters need."""
    by_caller = dynamodb.index("byCaller", "caller_key", "started_at", keys_only=True)
    id = Text(CALLS, hash_key=True)
    """Twilio's call sid."""
    customer_id = Text(CALL_FLOW)
    location_id = Text(CALLS)
    number = Text(CALL_FLOW)
    caller = Text(CALLERS)
    """The number or address of the caller; empty if withheld."""
    caller_key = Text(CALLERS, null=True)
    """The same, by which support finds the calls of a caller; None if withheld."""
    started_at = Timestamp(CALLS)
    ended_at = Timestamp(CALL_FLOW, null=True)
    seconds = Number(CALL_FLOW, null=True)
    leg_minutes = Number(CALL_FLOW, default=0)
    """Minutes of the phones that it rang, as far as they are reported."""
    outcome = Text(CALL_FLOW, default="ringing")
    """One of `CALL_OUTCOMES`."""
    answered_by = Text(CALLS, null=True)
    """A user's id, or a number of the configuration."""
    pinned = Json(CALL_FLOW, null=True)
    """The configuration of the call, as it was at its start."""
    plans = TextList(CALLS.sent_to("Twilio"), default=list)
    """Whom each ring action rings: encrypted, one per action; the first of each counts."""
    events = TextList(CALL_FLOW, default=list)
    """Events in order: JSON objects."""
    steps = TextSet(CALL_FLOW, null=True)
    """Completed steps: a repeated webhook does not repeat them."""
    recordings = TextList(CALLERS, default=list)
    """Voicemail or conversation recordings: JSON objects."""
    heard_by = TextSet(HEARD, null=True)
    """Who listened to a recording: a user's id, a space, and when for the first time."""
    direction = Text(CALL_FLOW, default="in")
    """in: to the location; out: a call-back from it"""
    callback_id = Text(CALL_FLOW, null=True)
    """The call-back that it opened, joined or closed, or that it makes."""
    erased_at = Timestamp(CALL_FLOW, null=True)
    """When the caller and the recordings were erased, at the caller's request."""
    has_people = Boolean(CALL_FLOW, null=True)
    """Whether its people are in `CallOfUser`; those of calls from before that are not."""
    expires_at = Number(CALL_FLOW)

    @property
    def party(self) -> audit.Party:
        return audit.Party("call", self.id, "", self.customer_id, self.customer_id)

    def list_users(
        self, candidate_ids: Iterable[str], duty_locations: Mapping[str, str] = MappingProxyType({})
    ) -> "list[CallOfUser]":
        """The records by which those candidates who are users find this call.

        ``duty_locations``: the other location at which a user is on duty who was rung, by id.
        """
        key = f"{dynamodb.format_timestamp(self.started_at)}#{self.id}"
        return [
            CallOfUser(
                user_id=id,
                key=key,
                call_id=self.id,
                location_id=self.location_id,
                duty_location_id=duty_locations.get(id),
                expires_at=self.expires_at,
            )
            for id in candidate_ids
            if dynamodb.is_id("usr", id)
        ]


class CallOfUser(dynamodb.Record):
    """A call for which a user was considered, or of which they were told while on duty.

    They may see these calls, and an export of their data reads these only.
    """

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("call-people")
        ttl = "expires_at"

    user_id = Text(CALL_KEYS, hash_key=True)
    key = Text(CALL_KEYS, range_key=True)
    """When the call began, and its id."""
    call_id = Text(CALL_KEYS)
    location_id = Text(CALL_KEYS, null=True)
    """Of the call; None in records of 0.2.0 and before: their calls say it."""
    duty_location_id = Text(CALL_KEYS, null=True)
    """The other location at which they were on duty, whose people the call rang too."""
    expires_at = Number(CALL_KEYS)


class OngoingCall(dynamodb.Record):
    """The call in which a user talks, or is about to: other calls do not ring them meanwhile."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("ongoing-calls")
        ttl = "expires_at"

    user_id = Text(CALL_KEYS, hash_key=True)
    call_id = Text(CALL_KEYS)
    began_at = Timestamp(CALL_KEYS)
    expires_at = Number(CALL_KEYS)
    """When it ends at the latest."""

    def is_ongoing(self, at: datetime) -> bool:
        """Whether the user talks at this time, as far as the end of the call is not reported."""
        return bool(self.began_at - CLOCK_DIFFERENCE <= at and at.timestamp() < self.expires_at)


class Usage(dynamodb.Record):
    """A counter of usage per day; that of call minutes also has the calls under way."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("phone-usage")
        ttl = "expires_at"

    key = Text(USAGE, hash_key=True)
    """Kind, owner and day."""
    used = Number(USAGE, default=0)
    committed = Number(USAGE, default=0)
    """Call minutes that are used or reserved."""
    messages = Number(USAGE, default=0)
    """Minutes of calls that could only leave a message."""
    calls = TextMap(USAGE, default=dict)
    """The leases of calls under way, by the id of the call."""
    callers = TextMap(USAGE, default=dict)
    """Used call minutes by the pseudonym of the calling number."""
    notified = TextSet(USAGE, null=True)
    """The limits whose reaching operators were told."""
    expires_at = Number(USAGE)
