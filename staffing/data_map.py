"""The data map of this floor: shifts, who is busy when, templates, calendar feeds."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from config.privacy.data_map import Attribute, Chapter, Erasure, Holding, Part, Row
from staffing.calendar import feed
from staffing.models import Busy, Feed, Schedule, Template
from staffing.recurrence import expand, rrule
from staffing.schedules import availability, cleanup, queries

if TYPE_CHECKING:
    from accounts.models import User

_FOR_GOOD = "what is past: for as long as the customer exists"
_shift = partial(
    Attribute,
    category="shifts",
    purpose="to know who is on duty when, and where",
    retention=_FOR_GOOD,
    erasure=Erasure.ENDED,
)
_course = partial(_shift, category="technical", withheld="counts and sorts, tells nothing more")
_derived = partial(
    _shift,
    category="technical",
    purpose="to notice that somebody is planned twice at a time",
    withheld="made from shifts that are shown already",
)
_business = partial(
    Attribute,
    category="business",
    purpose="to plan alike more than once",
    retention="until it is removed",
    erasure=Erasure.IMPERSONAL,
    withheld="says nothing about a person",
)
_feed = partial(
    Attribute,
    category="feed",
    purpose="to show shifts in the person's own calendar",
    retention="until it is closed or the account is deleted",
    erasure=Erasure.REMOVED,
)


def _shifts_of(user: "User") -> Iterator[Row]:
    """What of schedules is a person's, without anybody else's part in them."""
    for row, schedule in queries.with_schedules(availability.rows_from(user.id, None, None)):
        for series in row.series():
            rule = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
            one = expand.placed(series)
            yield {
                "scheduleId": row.schedule_id,
                "locationId": schedule.location_id,
                "start": one.start,
                "end": one.end,
                "zone": series.zone,
                "pattern": rule,
            }


_HOLDINGS = [
    Holding(
        Schedule,
        (
            *(_shift(name) for name in ("location_id", "start", "end", "zone", "pattern")),
            *(
                _shift(name, withheld="stands in the profile")
                for name in ("customer_id", "staff_id")
            ),
            *(
                _course(name)
                for name in (
                    *("id", "window", "template_id", "split_from"),
                    *("created_at", "updated_at", "version"),
                )
            ),
        ),
        in_steps=cleanup.leave,
        shown=_shifts_of,
    ),
    Holding(
        Busy,
        tuple(
            _derived(name)
            for name in ("staff_id", "end", "version", "schedule_id", "shifts", "wrote")
        ),
        in_steps=cleanup.leave,
    ),
    Holding(
        Template,
        tuple(
            _business(name)
            for name in (
                *("id", "customer_id", "name", "name_key", "location_id", "start", "end"),
                *("pattern", "created_at", "updated_at", "version"),
            )
        ),
    ),
    Holding(
        Feed,
        (
            _feed("created_at", label="Opened"),
            _feed("user_id", withheld="stands in the profile"),
            _feed("customer_id", withheld="stands in the profile"),
            _feed("secret", withheld="a digest of what opens the feed"),
        ),
        of_person=lambda user: [Feed(user_id=user.id)],
        shown=feed.of_person,
    ),
]

MAP = Part(
    holdings=_HOLDINGS,
    chapters=[
        Chapter(
            "shifts",
            "Your shifts",
            "When and where you are or were planned to work. A series is told by its first shift "
            "and its rule (RFC 5545).",
            ("shifts",),
            {
                "From": ("start",),
                "Until": ("end",),
                "Time zone": ("zone",),
                "Recurs": ("pattern",),
                "Location": ("locationId",),
                "Id": ("scheduleId",),
            },
        ),
        Chapter(
            "calendarFeed",
            "Your calendar feed",
            "Whether your shifts can be read at an address of yours.",
            ("feed",),
        ),
    ],
)
