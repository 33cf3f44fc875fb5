"""The header of a person's page: status, rights, and where their invitation is."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html, format_html_join

from accounts import locations
from accounts.admin.mail_delivery import email_facts, is_being_resent
from accounts.admin.operator_commands import group_by_customer
from accounts.models import ALL_LOCATIONS, User, make_name_key
from accounts.notifications import devices
from config import dynamodb
from config.backoffice import clock, operators
from config.backoffice.links import link_to
from config.backoffice.record_header import Badge, Fact, Moment, RecordHeader, Tone

STATUS_TONES: Mapping[str, Tone] = {
    "active": "good",
    "invited": "info",
    "pending": "warning",
    "blocked": "danger",
    "deleting": "danger",
}
MAX_LOCATIONS = 10
MAX_LISTED, MAX_NAMESAKES = 3, 3
"""Locations of a person in a list, and people with the same name."""


def person_header(user: User) -> RecordHeader:
    """The header; reads the person's locations and last e-mail."""
    status = str(user.status)
    return RecordHeader(
        name=str(user.name),
        badge=Badge(status, STATUS_TONES[status]),
        facts=[
            Fact("Role", str(user.role).capitalize()),
            Fact("Locations", _location_links(user)),
            *_invitation_facts(user),
            *email_facts(user),
            Fact("E-mail", user.email),
            Fact("Devices with the app", len(devices.list_devices(str(user.id)))),
            Fact("Added", Moment(user.created_at)),
        ],
        primary={"invited": "resend", "blocked": "unblock"}.get(status, ""),
    )


def describe_last_invitation(user: User) -> list[str]:
    """When the invitation was last sent, for the page that asks whether to send it again."""
    if not user.invitation_sent_at:
        return ["It was not sent yet."]
    return [format_html("It was last sent on {}.", Moment(user.invitation_sent_at))]


def describe_sending(user: User) -> str:
    """When somebody who has not come yet was invited; empty of others."""
    if user.status != "invited" or not user.invitation_sent_at:
        return ""
    return f"invited {clock.format_day_time(user.invitation_sent_at)} UTC"


def load_location_lists(objects: Iterable[Any]) -> None:
    """Set ``location_names`` of projected people: the names of their first locations; one read."""
    for customer_id, rows in group_by_customer(objects).items():
        ids = {id for obj in rows for id in obj.record.locations[:MAX_LISTED] if id != ALL_LOCATIONS}
        names = {id: str(location.name) for id, location in locations.load_locations(sorted(ids), customer_id).items()}
        for obj in rows:
            shown = [names[id] for id in obj.record.locations[:MAX_LISTED] if id in names]
            more = len(obj.record.locations) - MAX_LISTED
            parts = [*shown, *([f"{more} more"] if more > 0 else [])]
            obj.location_names = "all" if ALL_LOCATIONS in obj.record.locations else ", ".join(parts) or "none"


def namesake_facts(obj: Any) -> list[Fact]:
    """Others of the customer with the same name, who may be the same person; one read."""
    user = obj.record
    prefix = make_name_key(str(user.name), "")
    values = {":of": {"S": str(user.customer_id)}, ":name": {"S": prefix}}
    condition = "#customer_id = :of AND begins_with(#name_key, :name)"
    people = dynamodb.query_records(User, condition, values, IndexName="byCustomer", Limit=MAX_NAMESAKES + 1)
    others = [person for person in people if person.id != user.id][:MAX_NAMESAKES]
    if not others:
        return []
    links = [(link_to("accounts", "user", str(person.id), person.email), person.status) for person in others]
    return [Fact("Same name: entered twice?", format_html_join(", ", "{} ({})", links), is_problem=True)]


def _location_links(user: User) -> str:
    if ALL_LOCATIONS in user.locations:
        return "all locations"
    if not user.locations:
        return "none"
    shown = user.locations[:MAX_LOCATIONS]
    loaded = locations.load_locations(shown, str(user.customer_id))
    links = [(link_to("accounts", "location", id, str(loaded[id].name)),) for id in shown if id in loaded]
    more = len(user.locations) - len(shown)
    return format_html_join(", ", "{}", [*links, *([(f"{more} more",)] if more else [])])


def _invitation_facts(user: User) -> list[Fact]:
    """First what decides now: whether they came, or why they have not."""
    if user.accepted_at:
        return [Fact("First signed in", Moment(user.accepted_at))]
    if user.address_freed_at:
        text = "expired; somebody else was invited at the address"
        return [Fact("Invitation", text, is_problem=True)]
    expires_at = user.invitation_expires_at
    has_expired = bool(expires_at and expires_at <= operators.now())
    sent_at = user.invitation_sent_at
    if is_being_resent(user):
        facts = [Fact("Invitation", format_html("being sent again; asked for {}", Moment(user.resent_at)))]
    else:
        facts = [Fact("Invitation sent", Moment(sent_at, if_none="not sent yet"))]
    if expires_at:
        label = "Invitation expired" if has_expired else "Invitation expires"
        facts.append(Fact(label, Moment(expires_at), is_problem=has_expired))
    return facts
