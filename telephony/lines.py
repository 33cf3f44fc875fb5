"""Lines: how locations answer calls. Reads and changes their configuration, resolves a call."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.conf import settings

from accounts import locations, users
from accounts.permissions import Actor
from config import audit, dynamodb, errors, journal
from telephony import dialing_rules, ivr, line_test_messages
from telephony.ivr import open_periods
from telephony.ivr_revisions import add_revision, get_revision
from telephony.models import Line, PhoneNumber

if TYPE_CHECKING:
    from accounts.models import Location


@dataclass(frozen=True)
class ResolvedLine:
    """A called number with everything that its calls need."""

    number: str
    customer_id: str
    location_id: str
    location_name: str
    time_zone: str
    configuration: dict[str, Any]
    is_suspended: bool
    is_called_by_own_number: bool = False
    """Whether the caller is a Dutyline number: lines that call each other would loop."""
    is_caller_blocked: bool = False

    @property
    def country(self) -> str | None:
        """The country that its calls may go to."""
        return allowed_country(dialing_rules.country_of_location(self.time_zone, self.number))


def allowed_country(country: str | None) -> str | None:
    """The country if `settings.CALL_COUNTRIES` allows calls to it."""
    return country if country in settings.CALL_COUNTRIES else None


def find_active_line(location_id: str, customer_id: str, caller: str = "") -> ResolvedLine | None:
    """The line of a location, if its number is active, for calls with a caller; two round trips."""
    records = dynamodb.batch_get([dynamodb.RecordKey(Line, location_id), locations.location_key(location_id)])
    line = records.get(Line, location_id)
    location = locations.find_location_in(records, location_id, customer_id)
    if line is None or location is None or not line.number or not line.configuration:
        return None
    lookup_numbers = dict.fromkeys([str(line.number), *([caller] if 0 < len(caller) < 32 else [])])
    numbers = dynamodb.batch_get(dynamodb.RecordKey(PhoneNumber, candidate) for candidate in lookup_numbers)
    number = numbers.get(PhoneNumber, str(line.number))
    if number is None or number.status != "active" or number.location_id != location_id:
        return None
    is_own = caller == settings.TWILIO["caller_id"] or numbers.get(PhoneNumber, caller) is not None
    return replace(to_resolved_line(line, location), is_called_by_own_number=is_own)


def to_resolved_line(line: Line, location: "Location | None") -> ResolvedLine:
    """A line with its location, not suspended."""
    return ResolvedLine(
        number=str(line.number or ""),
        customer_id=line.customer_id,
        location_id=line.location_id,
        location_name=location.name if location else "",
        time_zone=location.time_zone if location else "UTC",
        configuration=dict(line.configuration or {}),
        is_suspended=False,
    )


def load_lines(location_ids: Iterable[str], customer_id: str) -> list[ResolvedLine]:
    """The lines of those locations of a customer that have one. One round trip."""
    ids = list(location_ids)
    return find_lines_in(dynamodb.batch_get(keys_of_lines(ids)), ids, customer_id)


def keys_of_lines(location_ids: Iterable[str]) -> list[dynamodb.RecordKey]:
    """What `find_lines_in` needs."""
    ids = list(location_ids)
    return [*(dynamodb.RecordKey(Line, id) for id in ids), *map(locations.location_key, ids)]


def find_lines_in(records: dynamodb.BatchResult, location_ids: Iterable[str], customer_id: str) -> list[ResolvedLine]:
    """The lines among records of those locations of a customer that have one."""
    return [
        to_resolved_line(line, locations.find_location_in(records, line.location_id, customer_id))
        for id in location_ids
        if (line := records.get(Line, id)) and line.number and line.configuration
    ]


def get_line(
    location_id: str, *, actor: Actor, known: dynamodb.BatchResult = dynamodb.NOTHING_READ
) -> tuple[Line, "Location"]:
    """A location and its line, which may be among the ``known`` records.

    Raises `errors.NotFound` and `errors.Forbidden`.
    """
    actor.require("calls:read")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    records = dynamodb.batch_get(line_keys(location_id), known)
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    return require_configured_line(records, location_id), location


def line_keys(location_id: str) -> list[dynamodb.RecordKey]:
    """The keys of what `get_line` reads; none if this is no id of a location."""
    if not dynamodb.is_id("loc", location_id):
        return []
    return [locations.location_key(location_id), dynamodb.RecordKey(Line, location_id)]


def get_holiday_settings(location_id: str) -> Mapping[str, Any]:
    """The holidays on which the number of a location is closed, as its configuration has them."""
    line = dynamodb.get_record(Line, location_id)
    hours = (line.configuration or {}).get("hours", {}) if line else {}
    return dict(hours.get("holidays", {}))


def load_open_periods(
    location_id: str, since: datetime, until: datetime, *, time_zone: str
) -> list[tuple[datetime, datetime]] | None:
    """When the number of a location is open by the hours of its configuration, in order.

    None: it has no number, or the rota opens it. ``time_zone`` is the location's. One round trip.
    """
    line = dynamodb.get_record(Line, location_id)
    if line is None or not line.number or not line.configuration:
        return None
    return open_periods.list_open_periods(line.configuration, since, until, time_zone=time_zone)


def require_configured_line(records: dynamodb.BatchResult, location_id: str) -> Line:
    """The line of a location among these records. Raises `errors.NotFound`."""
    line = records.get(Line, location_id)
    if line is None or not line.configuration:
        raise errors.NotFound("This location has no phone number; purchase one first.")
    return line


@dataclass(frozen=True)
class CheckedConfiguration:
    """A configuration that may be saved, with what it was checked against."""

    line: Line
    """As it is stored."""
    location: "Location"
    values: dict[str, Any]
    records: dynamodb.BatchResult


def check_configuration(
    location_id: str,
    ivr_configuration: Any,
    *,
    actor: Actor,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
) -> CheckedConfiguration:
    """Check a configuration without saving it. Raises as `update_configuration`."""
    actor.require("ivr:update")
    if not dynamodb.is_id("loc", location_id):
        raise errors.NotFound("Location not found.")
    parsed = ivr.parse_configuration(ivr_configuration)
    user_references = ivr.list_user_references(parsed.values)
    number_references = ivr.list_number_references(parsed.values)
    location_references = ivr.list_location_references(parsed.values)
    records = dynamodb.batch_get(
        [
            locations.location_key(location_id),
            dynamodb.RecordKey(Line, location_id),
            *(users.user_key(user_id) for _, user_id in user_references),
            *(locations.location_key(other_id) for _, other_id in location_references),
            *(dynamodb.RecordKey(PhoneNumber, number) for _, number in number_references),
            *journal.stream_keys([actor.stream, actor.customer_id]),
        ]
    )
    location = locations.get_location_from(records, location_id, actor)
    locations.check_access(actor, location_id)
    line = require_configured_line(records, location_id)
    precondition.check(line)
    parsed.check_additions(line.configuration or {})
    for pointer, user_id in user_references:
        users.get_user_from(records, user_id, actor.customer_id, pointer=pointer)
    known_references = ivr.list_location_references(line.configuration or {})
    new_references = [item for item in location_references if item not in known_references]
    _check_neighbours(new_references, location_id, records, actor)
    country = allowed_country(dialing_rules.country_of_location(location.time_zone, line.number))
    own_numbers = {number for _, number in number_references if records.get(PhoneNumber, number)}
    _check_numbers(number_references, country, own_numbers)
    return CheckedConfiguration(line, location, parsed.values, records)


def update_configuration(
    location_id: str,
    ivr_configuration: Any,
    *,
    actor: Actor,
    at: datetime,
    precondition: journal.Precondition = journal.NO_PRECONDITION,
    action: str = "ivr.changed",
) -> Line:
    """Change how a location answers, from the next call on; ``action`` is what the audit says.

    What it has already that would be refused today, such as a setting without effect, may stay.
    Raises `ivr.InvalidConfiguration` (also for numbers that may not be called from there),
    `errors.NotFound` (the location, or a user or another location in the configuration),
    `errors.Forbidden` and `errors.PreconditionFailed`.
    """

    def decide() -> Line:
        checked = check_configuration(location_id, ivr_configuration, actor=actor, precondition=precondition)
        if checked.line.configuration == checked.values:
            return checked.line
        return _save_configuration(checked, actor=actor, at=at, action=action)

    return journal.retry_on_conflict(decide)


def restore_revision(
    location_id: str, number: int, *, actor: Actor, at: datetime, precondition: journal.Precondition
) -> Line:
    """Answer as an earlier revision says; the restored one is the newest revision.

    Raises as `update_configuration`; `errors.NotFound` if the revision is no longer kept.
    """
    actor.require("ivr:update")
    revision = get_revision(location_id, number, actor=actor)
    return update_configuration(
        location_id, revision.configuration, actor=actor, at=at, precondition=precondition, action="ivr.restored"
    )


def _check_neighbours(
    location_references: Iterable[tuple[str, str]], location_id: str, records: dynamodb.BatchResult, actor: Actor
) -> None:
    """Refuse new references to a location itself, to unknown ones, and to those of others."""
    for pointer, other_id in location_references:
        if other_id == location_id:
            raise ivr.InvalidConfiguration(
                "The people of this location are rung anyway; leave it out.",
                field_errors=[errors.FieldError(pointer, "invalid", "This is the location itself; leave it out.")],
            )
        locations.get_location_from(records, other_id, actor, pointer=pointer)
        if not actor.can_access_locations([other_id]):
            raise errors.Forbidden("You have no access to this location.", pointer=pointer)


def _save_configuration(checked: CheckedConfiguration, *, actor: Actor, at: datetime, action: str) -> Line:
    before = checked.line
    after = before.with_changes(configuration=checked.values, updated_at=at)
    previous = before.configuration or {}
    changed_names = [name for name in {**previous, **checked.values} if previous.get(name) != checked.values.get(name)]
    with journal.write(
        actor,
        action,
        checked.location,
        at,
        changes=[audit.FieldChange(name, previous.get(name), checked.values.get(name)) for name in changed_names],
        prefetched=checked.records,
    ) as write:
        write.save(before, after)
        add_revision(write, before, after)
        line_test_messages.enqueue_planning(write, str(after.location_id))
    return after


_REJECTION_CODES = {
    "no_number": errors.INVALID_PHONE,
    "other_country": errors.define_field_code("other_country", "The number is not in the country of the location."),
    "kind_of_number": errors.define_field_code("kind_of_number", "Not a landline, mobile or VoIP number."),
    "own_number": errors.define_field_code("own_number", "The number is that of a location."),
}
REJECTION_DETAILS = {
    "no_number": "Must be a valid phone number with country code.",
    "other_country": "Only numbers in a location's own country can be called.",
    "kind_of_number": "Only landline, mobile and VoIP numbers can be called.",
    "own_number": "This is the number of a location; locations cannot call each other.",
}


def _check_numbers(
    number_references: Iterable[tuple[str, str]], country: str | None, own_numbers: Collection[str]
) -> None:
    rejections = (
        errors.FieldError(pointer, _REJECTION_CODES[reason], REJECTION_DETAILS[reason])
        for pointer, number in number_references
        if (reason := "own_number" if number in own_numbers else dialing_rules.rejection_reason(number, country))
    )
    if faults := list(islice(rejections, errors.MAX_FIELD_ERRORS + 1)):
        raise ivr.InvalidConfiguration("Some phone numbers cannot be called; see `errors`.", field_errors=faults)
