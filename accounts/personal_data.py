"""The data map of this floor: people, the guards of their addresses, customers and locations."""

from functools import partial

from accounts import devices, emails
from accounts.models import (
    Customer,
    EmailGuard,
    Location,
    PushToken,
    PushTokenGuard,
    TermsAcceptance,
    User,
)
from config.datamap import Attribute, Erasure, Holding

_OF_THE_ACCOUNT = "until the account is deleted"
_of_user = partial(Attribute, retention=_OF_THE_ACCOUNT, erasure=Erasure.REMOVED)
_identity = partial(_of_user, category="identity", purpose="to know and address the person")
_contact = partial(_of_user, category="contact", purpose="to sign in, to write to and to call")
_rights = partial(_of_user, category="work", purpose="to decide what the person may do, and where")
_course = partial(_of_user, category="activity", purpose="to follow the life of the account")
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
    erasure=Erasure.EVIDENCE,
)
_SENT = ("Auth0", "the mail service")


def _guards(user: User) -> list[EmailGuard]:
    """The guard of the address and, where a change of it waits, that of the new one."""
    awaited = user.awaited["asked"]["email"] if user.awaited else user.email
    keys = dict.fromkeys([user.email_key, emails.key(awaited)])
    return [EmailGuard(key=key, user_id=user.id) for key in keys]


HOLDINGS = [
    Holding(
        User,
        (
            _identity("id", recipients=("Auth0",)),
            _identity("name", recipients=_SENT),
            _identity("profile_name"),
            _contact("email", recipients=_SENT),
            _contact("phone"),
            _rights("customer_id", recipients=("Auth0",)),
            *(_rights(name) for name in ("role", "extra", "denied", "locations", "skills")),
            _of_user(
                "settings",
                category="preferences",
                purpose="to write in the right language and only what is wanted",
            ),
            _contact("awaited", recipients=_SENT),
            *(
                _course(name)
                for name in (
                    *("status", "is_setup", "invited_at", "invitation_expires_at"),
                    *("invitation_sent_at", "resent_at", "accepted_at", "created_at", "updated_at"),
                )
            ),
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
        tuple(
            _proof(name)
            for name in (
                *("user_id", "version", "customer_id", "accepted_at", "documents"),
                *("locale", "request_id", "entry_id", "sealed"),
            )
        ),
    ),
    Holding(
        Customer,
        tuple(
            _business(name)
            for name in (
                *("id", "name", "status", "owner_count", "settings", "terms_announced"),
                *("created_at", "updated_at", "version"),
            )
        ),
    ),
    Holding(
        Location,
        tuple(
            _business(name)
            for name in (
                *("id", "customer_id", "name", "name_key", "address", "time_zone", "people"),
                *("created_at", "updated_at", "version"),
            )
        ),
    ),
]
