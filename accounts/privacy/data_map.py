"""Erasure and export of accounts, their devices and their accepted terms."""

from collections.abc import Iterator

from accounts import permissions
from accounts.models import (
    ALL_LOCATIONS,
    DeletedUser,
    DirectoryEntry,
    EmailOwner,
    Location,
    PreparedExport,
    PushToken,
    PushTokenOwner,
    SentEmail,
    TermsAcceptance,
    User,
)
from accounts.notifications import delivery, devices
from accounts.privacy import prepared_exports
from accounts.terms import acceptance
from accounts.users import email_address
from config import dynamodb
from config.privacy.data_map import AppDataMap, BatchErasure, DeletionStep, ExportChapter, ExportRow
from config.search_index import SearchEntry


def _email_owners_of(user: User) -> list[EmailOwner]:
    """The uniqueness records of the address, unless it was freed, and of a pending new one."""
    pending_email = user.awaited["asked"]["email"] if user.awaited else user.email
    keys = list(dict.fromkeys([user.email_key, email_address.email_key(pending_email)]))
    if user.address_freed_at:  # others may have it
        records = dynamodb.batch_get(dynamodb.RecordKey(EmailOwner, key) for key in keys)
        keys = [key for key in keys if (owner := records.get(EmailOwner, key)) and owner.user_id == user.id]
    return [EmailOwner(key=key, user_id=user.id) for key in keys]


def _rights_of(user: User) -> Iterator[ExportRow]:
    rights = permissions.access_rights_of(user)
    yield {**RIGHTS.to_row(user), "denied": list(rights.denied), "permissions": sorted(rights.permissions)}


def _locations_of(user: User) -> Iterator[Location]:
    """The locations that a person works at."""
    if ALL_LOCATIONS not in user.locations:
        records = dynamodb.batch_get(dynamodb.RecordKey(Location, id) for id in user.locations)
        yield from (location for id in user.locations if (location := records.get(Location, id)))
        return
    values = {":of": {"S": user.customer_id}}
    yield from dynamodb.iter_records(Location, "#customer_id = :of", values, IndexName="byCustomer")


def _terms_acceptances_of(user: User) -> Iterator[ExportRow]:
    yield from map(acceptance.decrypt_acceptance, acceptance.list_acceptances(user.id))


PROFILE = ExportChapter(
    "profile",
    "Your profile",
    "Your name, contact details and settings, and the history of your account.",
    User,
    ("identity", "contact", "preferences", "account"),
    read=lambda user: [user],
)
RIGHTS = ExportChapter(
    "rights",
    "Your role and rights",
    "What you are allowed to do. Your role grants permissions; individual permissions can be added or removed.",
    User,
    ("role and permissions",),
    read=_rights_of,
)
LOCATIONS = ExportChapter(
    "locations",
    "Your locations",
    "The locations where you work.",
    Location,
    ("locations",),
    read=_locations_of,
    columns={"Name": ("name",), "Address": ("address",), "Time zone": ("timeZone",), "Id": ("id",)},
)
TERMS = ExportChapter(
    "terms",
    "Terms that you accepted",
    "For each acceptance: the texts with their SHA-256, the time, and where the request came from.",
    TermsAcceptance,
    ("terms",),
    read=_terms_acceptances_of,
)
DEVICES = ExportChapter(
    "devices",
    "Your devices",
    "The devices that receive notifications. A token identifies one installation of the app.",
    PushToken,
    ("devices",),
    read=lambda user: devices.list_devices(user.id),
    columns={"Token": ("token",), "Registered": ("registeredAt",)},
)
EMAILS = ExportChapter(
    "emails",
    "E-mails to you",
    "The e-mails that were sent to you in the last 30 days, and what the mail servers said about them.",
    SentEmail,
    ("e-mails",),
    read=lambda user: delivery.iter_emails(user.id),
    columns={"Sent": ("sentAt",), "About": ("kind",), "State": ("state",), "Reason": ("reason",)},
    is_newest_first=True,
)

MAP = AppDataMap(
    chapters=[PROFILE, RIGHTS, LOCATIONS, TERMS, DEVICES, EMAILS],
    records_to_erase={
        User: lambda user: [user],
        DeletedUser: lambda user: [DeletedUser(user.id)],
        DirectoryEntry: lambda user: [user.directory_entry()],
        SearchEntry: lambda user: [user.search_entry()],
        EmailOwner: _email_owners_of,
    },
    erase_in_batches=dict.fromkeys(
        (PushToken, PushTokenOwner),
        BatchErasure(lambda user: devices.list_devices(user.id), devices.delete_all_devices),
    ),
    deletion_steps=[DeletionStep(lambda user: devices.list_devices(user.id), devices.delete_all_devices)],
    erase_afterwards={PreparedExport: prepared_exports.forget_exports_of, SentEmail: delivery.forget_emails_of},
    recipients={
        "Auth0": "signs you in and stores your password, which Dutyline never sees",
        "the mail service": "delivers e-mail to you",
        "Expo": "delivers notifications to your devices, through Apple and Google",
    },
)
