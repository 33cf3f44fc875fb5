"""The data map of this floor: people, the guards of their addresses, customers and locations."""

from collections.abc import Iterator
from functools import partial

from accounts import permissions
from accounts.models import (
    ALL_LOCATIONS,
    Customer,
    EmailOwner,
    Location,
    PushToken,
    PushTokenOwner,
    TermsAcceptance,
    User,
)
from accounts.notifications import devices
from accounts.terms import acceptance
from accounts.users import email_address
from config import dynamodb
from config.privacy.data_map import AppDataMap, DataMapAttribute, Erasure, ExportChapter, ExportRow, TableDataMap

_UNTIL_DELETION = "until the account is deleted"
_user_attribute = partial(DataMapAttribute, retention=_UNTIL_DELETION, erasure=Erasure.REMOVED)
_identity_attribute = partial(_user_attribute, category="identity", purpose="to know and address the person")
_contact_attribute = partial(_user_attribute, category="contact", purpose="to sign in, to write to and to call")
_rights_attribute = partial(_user_attribute, category="work", purpose="to decide what the person may do, and where")
_lifecycle_attribute = partial(_user_attribute, category="account", purpose="to follow the life of the account")
_derived_attribute = partial(_user_attribute, category="technical", withheld="made from a value that is shown already")
_business_attribute = partial(
    DataMapAttribute,
    category="business",
    purpose="to know the customer and its places",
    retention="for as long as the customer exists",
    erasure=Erasure.NOT_PERSONAL,
    withheld="says nothing about a person",
)
_device_attribute = partial(
    _user_attribute, category="devices", purpose="to notify the person where they want to be notified"
)
_terms_attribute = partial(
    DataMapAttribute,
    category="terms",
    purpose="to prove what was agreed",
    retention="for as long as the customer exists, also after the account is deleted",
    erasure=Erasure.PROOF,
)
_EMAIL_RECIPIENTS = ("Auth0", "the mail service")


def _email_owners_of(user: User) -> list[EmailOwner]:
    """The guard of the address and, where a change of it waits, that of the new one."""
    pending_email = user.awaited["asked"]["email"] if user.awaited else user.email
    keys = dict.fromkeys([user.email_key, email_address.email_key(pending_email)])
    return [EmailOwner(key=key, user_id=user.id) for key in keys]


def _permissions_of(user: User) -> ExportRow:
    return {"permissions": sorted(permissions.access_rights_of(user).permissions)}


def _locations_of(user: User) -> Iterator[Location]:
    """The locations that somebody works in."""
    if ALL_LOCATIONS not in user.locations:
        records = dynamodb.batch_get(dynamodb.RecordKey(Location, id) for id in user.locations)
        yield from (location for id in user.locations if (location := records.get(Location, id)))
        return
    values = {":of": {"S": user.customer_id}}
    arguments = dynamodb.query_arguments(Location, "#customer_id = :of", values)
    for items in dynamodb.iter_pages("Query", **arguments, IndexName="byCustomer"):
        yield from map(Location.from_item, items)


def _terms_acceptances_of(user: User) -> Iterator[ExportRow]:
    yield from map(acceptance.decrypt_acceptance, acceptance.list_acceptances(user.id))


_HOLDINGS = [
    TableDataMap(
        User,
        (
            _identity_attribute("id", recipients=("Auth0",), label="User id"),
            _identity_attribute("name", recipients=_EMAIL_RECIPIENTS),
            _identity_attribute("profile_name"),
            _contact_attribute("email", recipients=_EMAIL_RECIPIENTS),
            _contact_attribute("phone"),
            _rights_attribute("customer_id", recipients=("Auth0",), label="Customer id"),
            _rights_attribute("role"),
            _rights_attribute("extra", label="Permissions beyond the role's"),
            _rights_attribute("denied", label="Permissions of the role that were taken"),
            _rights_attribute("locations", label="Ids of your locations (*: all)"),
            _rights_attribute("skills"),
            _user_attribute(
                "settings",
                category="preferences",
                purpose="to write in the right language and only what is wanted",
                label="Settings that you chose",
            ),
            _contact_attribute("awaited", recipients=_EMAIL_RECIPIENTS, label="Change of address that is under way"),
            _lifecycle_attribute("status"),
            _lifecycle_attribute("is_setup", label="Set up"),
            _lifecycle_attribute("invited_at"),
            _lifecycle_attribute("invitation_expires_at"),
            _lifecycle_attribute("invitation_sent_at"),
            _lifecycle_attribute("resent_at", label="Invitation asked for again"),
            _lifecycle_attribute("accepted_at", label="First signed in"),
            _lifecycle_attribute("created_at"),
            _lifecycle_attribute("updated_at", label="Last changed"),
            _derived_attribute("email_key", purpose="to keep an address to one person"),
            _derived_attribute("name_key", purpose="to sort people by name"),
            _user_attribute(
                "version",
                category="technical",
                purpose="to notice that two people change the same",
                withheld="counts changes, tells nothing",
            ),
        ),
        records_to_erase=lambda user: [user],
        records_to_export=lambda user: [user],
    ),
    TableDataMap(
        EmailOwner,
        (
            _derived_attribute("key", purpose="to keep an address to one person"),
            _derived_attribute("user_id", purpose="to know whose address it is"),
        ),
        records_to_erase=_email_owners_of,
    ),
    TableDataMap(
        PushToken,
        (
            _device_attribute("token", recipients=("Expo",)),
            _device_attribute("registered_at"),
            *(_derived_attribute(name, purpose="to find a person's devices") for name in ("user_id", "key")),
        ),
        erase_in_batches=devices.delete_all_devices,
        records_to_export=lambda user: devices.list_devices(user.id),
    ),
    TableDataMap(
        PushTokenOwner,
        tuple(
            _derived_attribute(name, purpose="to keep a device to one person")
            for name in ("key", "user_id", "customer_id")
        ),
        erase_in_batches=devices.delete_all_devices,
    ),
    TableDataMap(
        TermsAcceptance,
        (
            *(
                _terms_attribute(name)
                for name in (*("version", "accepted_at", "documents", "locale"), *("request_id", "entry_id", "sealed"))
            ),
            *(_terms_attribute(name, withheld="stands in the profile") for name in ("user_id", "customer_id")),
        ),
        records_to_export=_terms_acceptances_of,
    ),
    TableDataMap(
        Customer,
        tuple(
            _business_attribute(name)
            for name in (
                *("id", "name", "name_key", "listed", "status", "owner_count"),
                *("settings", "terms_announced"),
                *("created_at", "updated_at", "version"),
            )
        ),
    ),
    TableDataMap(
        Location,
        (
            *(
                _business_attribute(name, category="places", withheld="")
                for name in ("id", "name", "address", "time_zone")
            ),
            *(
                _business_attribute(name)
                for name in (*("customer_id", "name_key", "people"), *("created_at", "updated_at", "version"))
            ),
        ),
        records_to_export=_locations_of,
    ),
]

MAP = AppDataMap(
    table_maps=_HOLDINGS,
    chapters=[
        ExportChapter(
            "profile",
            "Your profile",
            "Who you are to Dutyline, how you are reached, what you chose, and the course of your account.",
            ("identity", "contact", "preferences", "account"),
        ),
        ExportChapter(
            "rights",
            "Your role and rights",
            "What you may do. A role comes with permissions; single ones can be added or taken.",
            ("work",),
            derive=_permissions_of,
        ),
        ExportChapter(
            "locations",
            "Your locations",
            "Where you work.",
            ("places",),
            {"Name": ("name",), "Address": ("address",), "Time zone": ("timeZone",), "Id": ("id",)},
        ),
        ExportChapter(
            "terms",
            "Terms that you accepted",
            "The proof of each acceptance: which texts, when, and from where. A text's SHA-256 is its fingerprint.",
            ("terms",),
        ),
        ExportChapter(
            "devices",
            "Your devices",
            "Where notifications are sent. A token names one installation of the app.",
            ("devices",),
            {"Token": ("token",), "Registered": ("registeredAt",)},
        ),
    ],
    recipients={
        "Auth0": "signs you in and keeps your password, which we never see",
        "the mail service": "delivers letters to you",
        "Expo": "delivers notifications to your devices, with Apple and Google",
    },
)
