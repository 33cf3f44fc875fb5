"""The header of a person's page: status, rights, and where their invitation is."""

from collections.abc import Mapping

from django.utils.html import format_html_join

from accounts import locations
from accounts.admin.mail_delivery import email_facts
from accounts.models import ALL_LOCATIONS, User
from accounts.notifications import devices
from config.backoffice import operators
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
    facts = [Fact("Invitation sent", Moment(user.invitation_sent_at, if_none="not sent yet"))]
    if expires_at:
        label = "Invitation expired" if has_expired else "Invitation expires"
        facts.append(Fact(label, Moment(expires_at), is_problem=has_expired))
    return facts
