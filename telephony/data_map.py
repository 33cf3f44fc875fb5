"""The data map of this floor: proven phones, and calls with who was rung and who called."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from accounts import locations, permissions
from config import outbox
from config.privacy.data_map import Attribute, Chapter, Erasure, Holding, Part, Row
from telephony import phone_verification
from telephony.calls import call_record
from telephony.models import Call, Line, Orphan, PhoneNumber, Proof, Quota, Usage

if TYPE_CHECKING:
    from accounts.models import User

_TWILIO = ("Twilio",)
_proof = partial(
    Attribute,
    category="proof",
    purpose="to ring only phones that their person answers",
    retention="until another is proven or the account is deleted",
    erasure=Erasure.REMOVED,
    recipients=_TWILIO,
)
_call = partial(
    Attribute,
    category="calls",
    purpose="to know who called, who was rung and why, and what came of it",
    retention="CALLS_KEPT_DAYS, 90 by default",
    erasure=Erasure.EXPIRES,
)
_of_caller = partial(
    _call, recipients=_TWILIO, withheld="tells of callers, who are others than the person"
)
_course = partial(_call, category="technical", withheld="how the call went on, told by the rest")
_business = partial(
    Attribute,
    category="business",
    purpose="to answer the locations' numbers",
    retention="until the number is released",
    erasure=Erasure.IMPERSONAL,
    withheld="says nothing about a person",
)


def _calls_of(user: "User") -> Iterator[Row]:
    """The calls for which somebody was rung, or would have been; not who called."""
    at = outbox.now()
    house = permissions.system(user.customer_id)
    every = locations.within_reach(house, limit=1000, start=None).records
    for call in call_record.of_person([place.id for place in every], user.id, at):
        one = next(one for one in call_record.people_of(call) if one.id == user.id)
        yield {
            "id": call.id,
            "startedAt": call.started_at,
            "locationId": call.location_id,
            "plans": f"{one.why}, not rung: {one.why_not}" if one.why_not else one.why,
            "answeredBy": user.id if call.answered_by == user.id else None,
        }


_HOLDINGS = [
    Holding(
        Proof,
        (
            _proof("phone", label="Verified phone"),
            _proof("verified_at"),
            _proof("asked_phone", label="Phone called with a code"),
            _proof("asked_at", label="Called with a code"),
            *(
                _proof(name, recipients=(), withheld="stands in the profile")
                for name in ("user_id", "customer_id")
            ),
            *(
                _proof(name, recipients=(), withheld="proves that the code is yours")
                for name in ("nonce", "tries")
            ),
        ),
        of_person=lambda user: [Proof(user_id=user.id)],
        shown=phone_verification.of_person,
    ),
    Holding(
        Call,
        (
            *(_call(name) for name in ("id", "location_id", "started_at", "answered_by")),
            _call("plans", recipients=_TWILIO),
            *(_of_caller(name) for name in ("caller", "recordings")),
            *(
                _course(name)
                for name in (
                    *("customer_id", "number", "ended_at", "seconds", "outcome", "pinned"),
                    *("events", "steps", "expires_at"),
                )
            ),
        ),
        shown=_calls_of,
    ),
    Holding(
        PhoneNumber,
        tuple(
            _business(name)
            for name in (
                *("number", "customer_id", "location_id", "status", "purchase_id", "sid"),
                *("release_at", "created_at", "updated_at", "version"),
            )
        ),
    ),
    Holding(
        Line,
        tuple(
            _business(name)
            for name in (
                *("location_id", "customer_id", "number", "configuration"),
                *("updated_at", "version"),
            )
        ),
    ),
    Holding(Quota, tuple(_business(name) for name in ("customer_id", "held", "most"))),
    Holding(Orphan, tuple(_business(name) for name in ("number", "sid", "tag", "found_at"))),
    Holding(
        Usage,
        tuple(
            _business(
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

MAP = Part(
    holdings=_HOLDINGS,
    chapters=[
        Chapter(
            "phone",
            "Your phone",
            "Which number was proven to be answered by you; only that one is rung.",
            ("proof",),
        ),
        Chapter(
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
