"""The data map of this floor: people, the guards of their addresses, customers and locations."""

from collections.abc import Iterator
from functools import partial

from accounts import permissions
from accounts.models import (
    EVERYWHERE,
    Customer,
    EmailGuard,
    Location,
    PushToken,
    PushTokenGuard,
    TermsAcceptance,
    User,
)
from accounts.notifications import devices
from accounts.terms import acceptance
from accounts.users import email_address
from config import dynamodb
from config.privacy.data_map import Attribute, Chapter, Erasure, Holding, Part, Row

_OF_THE_ACCOUNT = "until the account is deleted"
_of_user = partial(Attribute, retention=_OF_THE_ACCOUNT, erasure=Erasure.REMOVED)
_identity = partial(_of_user, category="identity", purpose="to know and address the person")
_contact = partial(_of_user, category="contact", purpose="to sign in, to write to and to call")
_rights = partial(_of_user, category="work", purpose="to decide what the person may do, and where")
_course = partial(_of_user, category="account", purpose="to follow the life of the account")
_derived = partial(
    _of_user, category="technical", withheld="made from a value that is shown already"
)
_business = partial(
    Attribute,
    category="business",
    purpose="to know the customer and its places",
    retention="for as long as the customer exists",
    erasure=Erasure.IMPERSONAL,
    withheld="says nothing about a person",
)
_device = partial(
    _of_user, category="devices", purpose="to notify the person where they want to be notified"
)
_proof = partial(
    Attribute,
    category="terms",
    purpose="to prove what was agreed",
    retention="for as long as the customer exists, also after the account is deleted",
    erasure=Erasure.PROOF,
)
_SENT = ("Auth0", "the mail service")


def _guards(user: User) -> list[EmailGuard]:
    """The guard of the address and, where a change of it waits, that of the new one."""
    awaited = user.awaited["asked"]["email"] if user.awaited else user.email
    keys = dict.fromkeys([user.email_key, email_address.key(awaited)])
    return [EmailGuard(key=key, user_id=user.id) for key in keys]


def _permissions_of(user: User) -> Row:
    return {"permissions": sorted(permissions.standing(user).permissions)}


def _places_of(user: User) -> Iterator[Location]:
    """The locations that somebody works in."""
    if EVERYWHERE not in user.locations:
        found = dynamodb.fetch(dynamodb.Key(Location, id) for id in user.locations)
        yield from (place for id in user.locations if (place := found.get(Location, id)))
        return
    of = {":of": {"S": user.customer_id}}
    arguments = dynamodb.key_range(Location, "#customer_id = :of", of)
    for items in dynamodb.pages("Query", **arguments, IndexName="byCustomer"):
        yield from map(Location.read, items)


def _proofs_of(user: User) -> Iterator[Row]:
    yield from map(acceptance.opened, acceptance.proofs(user.id))


_HOLDINGS = [
    Holding(
        User,
        (
            _identity("id", recipients=("Auth0",), label="User id"),
            _identity("name", recipients=_SENT),
            _identity("profile_name"),
            _contact("email", recipients=_SENT),
            _contact("phone"),
            _rights("customer_id", recipients=("Auth0",), label="Customer id"),
            _rights("role"),
            _rights("extra", label="Permissions beyond the role's"),
            _rights("denied", label="Permissions of the role that were taken"),
            _rights("locations", label="Ids of your locations (*: all)"),
            _rights("skills"),
            _of_user(
                "settings",
                category="preferences",
                purpose="to write in the right language and only what is wanted",
                label="Settings that you chose",
            ),
            _contact("awaited", recipients=_SENT, label="Change of address that is under way"),
            _course("status"),
            _course("is_setup", label="Set up"),
            _course("invited_at"),
            _course("invitation_expires_at"),
            _course("invitation_sent_at"),
            _course("resent_at", label="Invitation asked for again"),
            _course("accepted_at", label="First signed in"),
            _course("created_at"),
            _course("updated_at", label="Last changed"),
            _derived("email_key", purpose="to keep an address to one person"),
            _derived("name_key", purpose="to sort people by name"),
            _of_user(
                "version",
                category="technical",
                purpose="to notice that two people change the same",
                withheld="counts changes, tells nothing",
            ),
        ),
        of_person=lambda user: [user],
        shown=lambda user: [user],
    ),
    Holding(
        EmailGuard,
        (
            _derived("key", purpose="to keep an address to one person"),
            _derived("user_id", purpose="to know whose address it is"),
        ),
        of_person=_guards,
    ),
    Holding(
        PushToken,
        (
            _device("token", recipients=("Expo",)),
            _device("registered_at"),
            *(_derived(name, purpose="to find a person's devices") for name in ("user_id", "key")),
        ),
        in_steps=devices.forget_all,
        shown=lambda user: devices.of_person(user.id),
    ),
    Holding(
        PushTokenGuard,
        tuple(
            _derived(name, purpose="to keep a device to one person")
            for name in ("key", "user_id", "customer_id")
        ),
        in_steps=devices.forget_all,
    ),
    Holding(
        TermsAcceptance,
        (
            *(
                _proof(name)
                for name in (
                    *("version", "accepted_at", "documents", "locale"),
                    *("request_id", "entry_id", "sealed"),
                )
            ),
            *(
                _proof(name, withheld="stands in the profile")
                for name in ("user_id", "customer_id")
            ),
        ),
        shown=_proofs_of,
    ),
    Holding(
        Customer,
        tuple(
            _business(name)
            for name in (
                *("id", "name", "name_key", "listed", "status", "owner_count"),
                *("settings", "terms_announced"),
                *("created_at", "updated_at", "version"),
            )
        ),
    ),
    Holding(
        Location,
        (
            *(
                _business(name, category="places", withheld="")
                for name in ("id", "name", "address", "time_zone")
            ),
            *(
                _business(name)
                for name in (
                    *("customer_id", "name_key", "people"),
                    *("created_at", "updated_at", "version"),
                )
            ),
        ),
        shown=_places_of,
    ),
]

MAP = Part(
    holdings=_HOLDINGS,
    chapters=[
        Chapter(
            "profile",
            "Your profile",
            "Who you are to Dutyline, how you are reached, what you chose, and the course of your "
            "account.",
            ("identity", "contact", "preferences", "account"),
        ),
        Chapter(
            "rights",
            "Your role and rights",
            "What you may do. A role comes with permissions; single ones can be added or taken.",
            ("work",),
            derived=_permissions_of,
        ),
        Chapter(
            "locations",
            "Your locations",
            "Where you work.",
            ("places",),
            {"Name": ("name",), "Address": ("address",), "Time zone": ("timeZone",), "Id": ("id",)},
        ),
        Chapter(
            "terms",
            "Terms that you accepted",
            "The proof of each acceptance: which texts, when, and from where. A text's SHA-256 is "
            "its fingerprint.",
            ("terms",),
        ),
        Chapter(
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
