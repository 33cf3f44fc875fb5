"""Records of phone numbers, lines, calls, call-backs and people's phones."""

from telephony.models.callbacks import (
    CALLBACK_OUTCOMES,
    CALLBACK_STATUSES,
    Callback,
    CallbackOutcome,
    OpenCallback,
    caller_key,
    queue_key,
)
from telephony.models.callers import BlockedCaller, LastConversation, blocked_caller_id
from telephony.models.calls import CALL_OUTCOMES, EVENT_KINDS, Call, CallOfUser, EventKind, OngoingCall, Usage
from telephony.models.last_messages import LastMessage, last_message_key
from telephony.models.line_tests import LINE_TEST_RESULTS, LineTest
from telephony.models.numbers import ADDRESS_STATUSES, NUMBER_STATUSES, Line, NumberProfile, Orphan, PhoneNumber, Quota
from telephony.models.phones import PhonePause, PhoneVerification
from telephony.models.public_hours import PublicHours
from telephony.models.reach import ReachAlert
from telephony.models.revisions import IvrRevision

__all__ = [
    "ADDRESS_STATUSES",
    "CALLBACK_OUTCOMES",
    "CALLBACK_STATUSES",
    "CALL_OUTCOMES",
    "EVENT_KINDS",
    "LINE_TEST_RESULTS",
    "NUMBER_STATUSES",
    "BlockedCaller",
    "Call",
    "CallOfUser",
    "Callback",
    "CallbackOutcome",
    "EventKind",
    "IvrRevision",
    "LastConversation",
    "LastMessage",
    "Line",
    "LineTest",
    "NumberProfile",
    "OngoingCall",
    "OpenCallback",
    "Orphan",
    "PhoneNumber",
    "PhonePause",
    "PhoneVerification",
    "PublicHours",
    "Quota",
    "ReachAlert",
    "Usage",
    "blocked_caller_id",
    "caller_key",
    "last_message_key",
    "queue_key",
]
