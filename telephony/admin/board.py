"""What operators read on the board about numbers, calls and rotas, by the location's clock."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.urls import reverse

from accounts import locations, users
from config import dynamodb, phone_numbers
from config.backoffice import clock
from config.backoffice.board import Kind, Line, describe_age
from config.backoffice.links import admin_change_url, admin_list_url
from config.board.models import BoardItem
from telephony import problems, reasons
from telephony.line_tests import steps

if TYPE_CHECKING:
    from accounts.models import Location


def _no_keys(_: BoardItem) -> Iterable[dynamodb.RecordKey]:
    return ()


def _location_keys(item: BoardItem) -> Iterable[dynamodb.RecordKey]:
    return [locations.location_key(item.facts["location"])]


def _location_in(item: BoardItem, records: dynamodb.BatchResult) -> "Location | None":
    return locations.find_location_in(records, item.facts["location"], str(item.customer_id))


def _describe_missed_calls(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    location, facts = _location_in(item, records), item.facts
    if location is None:
        return None
    count = facts["missed"] + facts["messages"]
    text = f"{location.name}: nobody answered {count} call{'s' if count > 1 else ''} of the last 24 hours"
    last = _local(datetime.fromisoformat(facts["last"]), location)
    messages = f"{facts['messages']} left a message, " if facts["messages"] else ""
    url = admin_list_url("telephony", "call", location_id__exact=facts["location"])
    return Line(text, url, f"{messages}the last one called {clock.format_day_time(last)} {last:%Z}", "Open calls", url)


def _describe_waiting(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    count = item.facts["count"]
    callers = f"{count} callers wait" if count > 1 else "A caller waits"
    waiting_since = datetime.fromisoformat(item.facts["since"])
    url = admin_list_url("telephony", "callback", customer_id__exact=str(item.customer_id), status="1#")
    detail = f"the longest for {describe_age(waiting_since, at)}"
    return Line(f"{callers} longer than an hour to be called back", url, detail, "Open call-backs", url)


def _describe_without_rota(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    location = _location_in(item, records)
    if location is None:
        return None
    url = reverse("admin:rota", args=(location.id,))
    return Line(
        f"{location.name}: the number {phone_numbers.to_readable(str(item.facts['number']))} has no rota",
        url,
        "",
        "Open rota",
        url,
    )


def _describe_without_number(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    location = _location_in(item, records)
    if location is None:
        return None
    url = admin_change_url("accounts", "location", str(location.id))
    return Line(f"{location.name}: has a rota, but no number", url, "Nobody can call it.", "Open location", url)


def list_hole_keys(item: BoardItem) -> Iterable[dynamodb.RecordKey]:
    """The records that `describe_hole` names."""
    people = (staff_id for staff_id, _ in item.facts.get("people", ()) if dynamodb.is_id("usr", staff_id))
    return [*_location_keys(item), *map(users.user_key, people)]


def describe_hole(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    """When calls of a line ring nobody, or nobody is on duty; None: the location is removed."""
    location, facts = _location_in(item, records), item.facts
    if location is None:
        return None
    gaps = [tuple(map(datetime.fromisoformat, gap)) for gap in facts["gaps"]]
    first_day = gaps[0][0].astimezone(ZoneInfo(str(location.time_zone))).date()
    more = facts["count"] - len(gaps)
    shown = "; ".join(_format_gap(start, end, location) for start, end in gaps)
    url = f"{reverse('admin:rota', args=(location.id,))}?show=week&day={first_day}"
    detail = shown + (f"; and {more} more" if more > 0 else "")
    when = f"on {facts['days']} of the next 7 days" if "days" in facts else "at times in the next 7 days"
    if "people" not in facts:
        return Line(f"{location.name}: nobody on duty {when}", url, detail, "Open rota", url)
    staff = users.find_users_in(records, [staff_id for staff_id, _ in facts["people"]], str(item.customer_id))
    names = {staff_id: users.display_name(user) for staff_id, user in staff.items()}
    why = " ".join(_list_hole_reasons(facts["people"], names)) or reasons.sentence("hole", "nobody_on_duty")
    line_url = admin_change_url("accounts", "location", str(location.id))
    text = f"{location.name}: calls ring nobody {when}"
    return Line(text, line_url, f"{why} {detail}", *_find_hole_mend(facts["people"], names) or ("Open rota", url))


def _list_hole_reasons(people: Iterable[tuple[str, str]], names: Mapping[str, str]) -> list[str]:
    """Why the first hole of a line is one, in sentences about people and numbers."""
    return [
        reasons.sentence("why_not", code, names.get(staff_id, staff_id))
        for staff_id, code in people
        if (staff_id in names or staff_id.startswith("+")) and code in reasons.WHY_NOT
    ]


def _find_hole_mend(people: Iterable[tuple[str, str]], names: Mapping[str, str]) -> tuple[str, str] | None:
    """The link to the first person who can do something about it."""
    mends = (
        (f"{mend.label}: {names[staff_id]}", admin_change_url("accounts", "user", staff_id))
        for staff_id, code in people
        if staff_id in names
        for mend in reasons.list_mends("why_not", code)
        if mend.of == "person"
    )
    return next(mends, None)


def _describe_failed_test(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    location, facts = _location_in(item, records), item.facts
    if location is None:
        return None
    failed = steps.read_steps(facts["steps"])
    more = facts["count"] - len(failed)
    tested_at = _local(datetime.fromisoformat(facts["tested"]), location)
    detail = " ".join(f"{step.sentence}{f' ({step.place})' if step.place else ''}" for step in failed)
    detail += f" And {more} more." if more > 0 else ""
    url = admin_change_url("telephony", "line", facts["location"])
    text = f"{location.name}: the line test of {clock.format_day_time(tested_at)} {tested_at:%Z} failed"
    return Line(text, url, detail, "Open line", url)


def _describe_stuck(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    location, number = _location_in(item, records), str(item.facts["number"])
    if location is None:
        return None
    url = admin_change_url("telephony", "phonenumber", number)
    age = describe_age(datetime.fromisoformat(item.facts["since"]), at)
    return Line(
        f"{location.name}: the purchase of {phone_numbers.to_readable(number)} hangs",
        url,
        f"begun {age} ago",
        "Open number",
        url,
    )


def _describe_unassigned(item: BoardItem, records: dynamodb.BatchResult, at: datetime) -> Line | None:
    number = str(item.facts["number"])
    url = admin_change_url("telephony", "orphan", number)
    return Line(
        f"{phone_numbers.to_readable(number)} is paid for and belongs to nobody", url, "", "Assign or release", url
    )


def _local(at: datetime, location: "Location") -> datetime:
    """By the clock of a location, or in UTC for operators who chose that."""
    return at.astimezone(UTC if clock.shows_utc() else ZoneInfo(str(location.time_zone)))


def _format_gap(start: datetime, end: datetime, location: "Location") -> str:
    """The day and its times, or the day alone if it is a whole one."""
    first, last = _local(start, location), _local(end, location)
    begins, ends_at_midnight = clock.format_day_time(first), (last.hour, last.minute) == (0, 0)
    is_next_day = last.date() - first.date() == timedelta(1)
    if ends_at_midnight and is_next_day:
        return f"{begins[:-7]}, all day" if (first.hour, first.minute) == (0, 0) else f"{begins} to 24:00"
    return f"{begins} to {f'{last:%H:%M}' if last.date() == first.date() else clock.format_day_time(last)}"


KINDS = (
    Kind(
        problems.MISSED_CALLS,
        "Calls of the last 24 hours nobody answered",
        "Somebody answered every call of the last 24 hours.",
        "No calls in the last 24 hours.",
        _location_keys,
        _describe_missed_calls,
    ),
    Kind(
        problems.CALLBACK_LATE,
        "Callers who wait for a call-back",
        "No caller waits longer than an hour.",
        "No customers.",
        _no_keys,
        _describe_waiting,
    ),
    Kind(
        problems.LINE_TEST,
        "Failed line tests",
        "The last test of every line succeeded.",
        "No line was tested yet.",
        _location_keys,
        _describe_failed_test,
    ),
    Kind(
        problems.NUMBER_WITHOUT_ROTA,
        "Numbers without a rota",
        "Every number has a rota.",
        "No numbers.",
        _location_keys,
        _describe_without_rota,
    ),
    Kind(
        problems.ROTA_WITHOUT_NUMBER,
        "Rotas without a number",
        "Every location with a rota has a number.",
        "No customers with a number.",
        _location_keys,
        _describe_without_number,
    ),
    Kind(
        problems.ROTA_HOLE,
        "Rota holes",
        "In the next seven days lines ring somebody while they are open.",
        "No rotas.",
        list_hole_keys,
        describe_hole,
    ),
    Kind(
        problems.STUCK_PURCHASE,
        "Purchases that hang",
        "No purchase hangs.",
        "No numbers.",
        _location_keys,
        _describe_stuck,
    ),
    Kind(
        problems.UNASSIGNED_NUMBER,
        "Unassigned numbers",
        "Every number at Twilio is assigned.",
        "No numbers.",
        _no_keys,
        _describe_unassigned,
    ),
)
