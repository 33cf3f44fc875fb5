"""Records of customers, locations and users. Written through `config.journal`."""

from accounts.models.customers import CUSTOMER_STATUSES, DELETED_STATUSES, Customer, Location
from accounts.models.deleted_users import DeletedUser
from accounts.models.denied_attempts import AttemptCounter
from accounts.models.devices import PushToken, PushTokenOwner
from accounts.models.emails import EMAIL_STATES, FAILED_EMAIL_STATES, SentEmail
from accounts.models.exports import CustomerExport, PreparedExport
from accounts.models.terms import TermsAcceptance
from accounts.models.users import (
    ALL_LOCATIONS,
    DIRECTORY_STATUSES,
    DIRECTORY_VERSION,
    USER_STATUSES,
    DirectoryEntry,
    EmailOwner,
    User,
    make_name_key,
)

__all__ = [
    "ALL_LOCATIONS",
    "CUSTOMER_STATUSES",
    "DELETED_STATUSES",
    "DIRECTORY_STATUSES",
    "DIRECTORY_VERSION",
    "EMAIL_STATES",
    "FAILED_EMAIL_STATES",
    "USER_STATUSES",
    "AttemptCounter",
    "Customer",
    "CustomerExport",
    "DeletedUser",
    "DirectoryEntry",
    "EmailOwner",
    "Location",
    "PreparedExport",
    "PushToken",
    "PushTokenOwner",
    "SentEmail",
    "TermsAcceptance",
    "User",
    "make_name_key",
]
