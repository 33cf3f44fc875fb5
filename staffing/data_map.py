"""The data map of this floor: shifts, who is busy when, templates, calendar feeds."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from config.privacy.data_map import AppDataMap, DataMapAttribute, Erasure, ExportChapter, ExportRow, TableDataMap
from staffing.calendar import feed
from staffing.models import Feed, Schedule, StaffAvailability, Template
from staffing.recurrence import expand, rrule
from staffing.schedules import availability, cleanup, queries

if TYPE_CHECKING:
    from accounts.models import User

_CUSTOMER_LIFETIME = "what is past: for as long as the customer exists"
_shift_attribute = partial(
    DataMapAttribute,
    category="shifts",
    purpose="to know who is on duty when, and where",
    retention=_CUSTOMER_LIFETIME,
    erasure=Erasure.FUTURE_REMOVED,
)
_metadata_attribute = partial(_shift_attribute, category="technical", withheld="counts and sorts, tells nothing more")
_availability_attribute = partial(
    _shift_attribute,
    category="technical",
    purpose="to notice that somebody is planned twice at a time",
    withheld="made from shifts that are shown already",
)
_template_attribute = partial(
    DataMapAttribute,
    category="business",
    purpose="to plan alike more than once",
    retention="until it is removed",
    erasure=Erasure.NOT_PERSONAL,
    withheld="says nothing about a person",
)
_feed_attribute = partial(
    DataMapAttribute,
    category="feed",
    purpose="to show shifts in the person's own calendar",
    retention="until it is closed or the account is deleted",
    erasure=Erasure.REMOVED,
)


def _export_shifts(user: "User") -> Iterator[ExportRow]:
    """What of schedules is a person's, without anybody else's part in them."""
    for row, schedule in queries.join_schedules(availability.fetch_rows(user.id, None, None)):
        for series in row.series():
            rrule_text = rrule.to_rrule(series.rule, zone=series.zone) if series.rule else None
            occurrence = expand.build_first_occurrence(series)
            yield {
                "scheduleId": row.schedule_id,
                "locationId": schedule.location_id,
                "start": occurrence.start,
                "end": occurrence.end,
                "zone": series.zone,
                "pattern": rrule_text,
            }


_HOLDINGS = [
    TableDataMap(
        Schedule,
        (
            *(_shift_attribute(name) for name in ("location_id", "start", "end", "zone", "pattern")),
            *(_shift_attribute(name, withheld="stands in the profile") for name in ("customer_id", "staff_id")),
            *(
                _metadata_attribute(name)
                for name in (*("id", "window", "template_id", "split_from"), *("created_at", "updated_at", "version"))
            ),
        ),
        erase_in_batches=cleanup.end_schedules_of_user,
        records_to_export=_export_shifts,
    ),
    TableDataMap(
        StaffAvailability,
        tuple(
            _availability_attribute(name) for name in ("staff_id", "end", "version", "schedule_id", "shifts", "wrote")
        ),
        erase_in_batches=cleanup.end_schedules_of_user,
    ),
    TableDataMap(
        Template,
        tuple(
            _template_attribute(name)
            for name in (
                *("id", "customer_id", "name", "name_key", "location_id", "start", "end"),
                *("pattern", "created_at", "updated_at", "version"),
            )
        ),
    ),
    TableDataMap(
        Feed,
        (
            _feed_attribute("created_at", label="Opened"),
            _feed_attribute("user_id", withheld="stands in the profile"),
            _feed_attribute("customer_id", withheld="stands in the profile"),
            _feed_attribute("secret", withheld="a digest of what opens the feed"),
        ),
        records_to_erase=lambda user: [Feed(user_id=user.id)],
        records_to_export=feed.list_feeds_of_user,
    ),
]

MAP = AppDataMap(
    table_maps=_HOLDINGS,
    chapters=[
        ExportChapter(
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
        ExportChapter(
            "calendarFeed", "Your calendar feed", "Whether your shifts can be read at an address of yours.", ("feed",)
        ),
    ],
)
