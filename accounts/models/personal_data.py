"""Categories of personal data in accounts: purpose, retention and erasure of attributes."""

from dataclasses import replace
from functools import partial

from config.dynamodb.attributes import Erasure, PersonalData

_personal = partial(PersonalData, retention="until the account is deleted", erasure=Erasure.REMOVED)
_derived = partial(_personal, "technical", withheld_because="derived from exported values")
IDENTITY = _personal("identity", "identify and address the person")
CONTACT = _personal("contact", "sign the person in, send them e-mail and call them")
RIGHTS = _personal("role and permissions", "decide what the person may do, and where")
PREFERENCES = _personal("preferences", "use the language and the notifications that the person chose")
ACCOUNT = _personal("account", "track the life of the account")
DEVICES = _personal("devices", "send notifications to the person's devices")
EMAIL_UNIQUENESS = _derived("allow one account per e-mail address")
DEVICE_UNIQUENESS = _derived("send the notifications of a device to one person only")
DEVICE_KEYS = _derived("find the devices of a person")
SORTING = _derived("sort people by name")
DIRECTORY = _derived("find people by name, e-mail address, role, location and skill")
HANDOVER = _personal(
    "technical", "end the access of an earlier holder of the account", withheld_because="references to messages"
)
DELETION = _personal(
    "technical", "end the account", withheld_because="only while the account is being deleted or restored"
)
DELETED = replace(
    _personal("deleted account", "restore an account that was deleted by mistake"),
    retention="30 days after the deletion (`DELETION_GRACE_DAYS`), or until it is erased on request",
)
VERSION = _personal("technical", "detect concurrent changes", withheld_because="a counter of changes")
TERMS = PersonalData(
    "terms",
    "prove what was agreed",
    "for as long as the customer exists, also after the account is deleted",
    Erasure.PROOF,
)
PLACES = PersonalData(
    "locations", "manage customers and locations", "for as long as the customer exists", Erasure.NOT_PERSONAL
)
BUSINESS = replace(PLACES, category="business").withheld("not about a person")
ATTEMPTS = PersonalData(
    "technical",
    "limit and count attempts to exceed one's permissions",
    "7 days",
    Erasure.EXPIRES,
    withheld_because="counters; the audit log has the attempts",
)
PREPARED_EXPORTS = PersonalData(
    "technical",
    "hand over an export that takes long to print",
    "one hour; the file is encrypted under the key of the person",
    Erasure.REMOVED,
    withheld_because="a copy of exported values",
)
CUSTOMER_EXPORTS = PersonalData(
    "technical",
    "hand over everything of a customer",
    "3 days; the files are encrypted under the key of the customer",
    Erasure.EXPIRES,
    withheld_because="a copy of exported values",
)
EMAILS = PersonalData(
    "e-mails", "know whether e-mail reaches the person", "30 days after the e-mail was sent", Erasure.REMOVED
)
EMAIL_KEYS = replace(EMAILS, category="technical", withheld_because="find the e-mail that a report is about")
EMAIL_SENDERS = ("Auth0", "the mail service")
