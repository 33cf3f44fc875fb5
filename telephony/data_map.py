"""The data map of this floor: proven phones, and calls with who was rung and who called."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from accounts import locations, permissions
from config import outbox
from config.privacy.data_map import AppDataMap, DataMapAttribute, Erasure, ExportChapter, ExportRow, TableDataMap
from telephony import phone_verification
from telephony.calls import queries
from telephony.models import Call, Line, Orphan, PhoneNumber, PhoneVerification, Quota, Usage

if TYPE_CHECKING:
    from accounts.models import User

_TWILIO = ("Twilio",)
_verification_attribute = partial(
    DataMapAttribute,
    category="proof",
    purpose="to ring only phones that their person answers",
    retention="until another is proven or the account is deleted",
    erasure=Erasure.REMOVED,
    recipients=_TWILIO,
)
_call_attribute = partial(
    DataMapAttribute,
    category="calls",
    purpose="to know who called, who was rung and why, and what came of it",
    retention="CALLS_KEPT_DAYS, 90 by default",
    erasure=Erasure.EXPIRES,
)
_caller_attribute = partial(
    _call_attribute, recipients=_TWILIO, withheld="tells of callers, who are others than the person"
)
_technical_attribute = partial(_call_attribute, category="technical", withheld="how the call went on, told by the rest")
_business_attribute = partial(
    DataMapAttribute,
    category="business",
    purpose="to answer the locations' numbers",
    retention="until the number is released",
    erasure=Erasure.NOT_PERSONAL,
    withheld="says nothing about a person",
)


def _export_calls(user: "User") -> Iterator[ExportRow]:
    """The calls for which somebody was rung, or would have been; not who called."""
    at = outbox.utc_now()
    system_actor = permissions.system_actor(user.customer_id)
    customer_locations = locations.list_accessible_locations(system_actor, limit=1000, cursor=None).records
    for call in queries.list_calls_of_user([location.id for location in customer_locations], user.id, at):
        candidate = next(candidate for candidate in call.candidates if candidate.id == user.id)
        yield {
            "id": call.id,
            "startedAt": call.row.started_at,
            "locationId": call.row.location_id,
            "plans": f"{candidate.why}, not rung: {candidate.why_not}" if candidate.why_not else candidate.why,
            "answeredBy": user.id if call.row.answered_by == user.id else None,
        }


_HOLDINGS = [
    TableDataMap(
        PhoneVerification,
        (
            _verification_attribute("phone", label="Verified phone"),
            _verification_attribute("verified_at"),
            _verification_attribute("asked_phone", label="Phone called with a code"),
            _verification_attribute("asked_at", label="Called with a code"),
            *(
                _verification_attribute(name, recipients=(), withheld="stands in the profile")
                for name in ("user_id", "customer_id")
            ),
            *(
                _verification_attribute(name, recipients=(), withheld="proves that the code is yours")
                for name in ("nonce", "tries")
            ),
        ),
        records_to_erase=lambda user: [PhoneVerification(user_id=user.id)],
        records_to_export=phone_verification.list_verifications,
    ),
    TableDataMap(
        Call,
        (
            *(_call_attribute(name) for name in ("id", "location_id", "started_at", "answered_by")),
            _call_attribute("plans", recipients=_TWILIO),
            *(_caller_attribute(name) for name in ("caller", "recordings")),
            *(
                _technical_attribute(name)
                for name in (
                    *("customer_id", "number", "ended_at", "seconds", "outcome", "pinned"),
                    *("events", "steps", "expires_at"),
                )
            ),
        ),
        records_to_export=_export_calls,
    ),
    TableDataMap(
        PhoneNumber,
        tuple(
            _business_attribute(name)
            for name in (
                *("number", "customer_id", "location_id", "status", "purchase_id", "sid"),
                *("release_at", "created_at", "updated_at", "version"),
            )
        ),
    ),
    TableDataMap(
        Line,
        tuple(
            _business_attribute(name)
            for name in (*("location_id", "customer_id", "number", "configuration"), *("updated_at", "version"))
        ),
    ),
    TableDataMap(Quota, tuple(_business_attribute(name) for name in ("customer_id", "held", "most"))),
    TableDataMap(Orphan, tuple(_business_attribute(name) for name in ("number", "sid", "tag", "found_at"))),
    TableDataMap(
        Usage,
        tuple(
            _business_attribute(
                name,
                purpose="to bound what calls cost",
                retention="two days",
                erasure=Erasure.EXPIRES,
                withheld="counts, tells nothing more",
            )
            for name in ("key", "used", "expires_at")
        ),
    ),
]

MAP = AppDataMap(
    table_maps=_HOLDINGS,
    chapters=[
        ExportChapter(
            "phone", "Your phone", "Which number was proven to be answered by you; only that one is rung.", ("proof",)
        ),
        ExportChapter(
            "calls",
            "Calls that rang you",
            "Calls to locations for which you were rung, or would have been, and why.",
            ("calls",),
            {
                "When": ("startedAt",),
                "Location": ("locationId",),
                "Why you": ("plans",),
                "You took it": ("answeredBy",),
                "Id": ("id",),
            },
        ),
    ],
    recipients={"Twilio": "carries the calls"},
)
