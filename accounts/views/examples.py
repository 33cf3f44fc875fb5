"""Examples for the OpenAPI document."""

from typing import Any

from accounts import permissions
from accounts.serializers import audit_log, colleagues, customers_and_locations, push_tokens, terms, users
from config.api.examples import SAMPLE_TIME, ExampleBuilder

USER_ID = "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF"
LOCATION_ID = "loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB"
DELETED_USER = {"id": USER_ID, "status": "deleted", "eraseAt": "2026-12-24T09:00:00Z"}
EMAIL = "sam@harbour.example"
PUSH_TOKEN = "ExponentPushToken[a1b2c3d4e5f6g7h8i9j0kl]"  # noqa: S105 - an example
TERMS_VERSION = "2026-11-01"
_builder = ExampleBuilder(
    {
        "id": USER_ID,
        "customerId": "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM",
        "name": "Sam Reed",
        "email": EMAIL,
        "timeZone": "America/New_York",
        "token": PUSH_TOKEN,
        "permissions": sorted(permissions.ROLES["staff"]),
        "extraPermissions": [],
        "deniedPermissions": [],
        "locations": [LOCATION_ID],
        "userSkills": ["hygienist"],
        "reminderMinutes": 60,
        "action": "user.invited",
        "type": "user",
        "field": "role",
        "before": None,
        "after": "staff",
        "requestId": "01JDCXR5T0V2W4X6Y8Z0A2B4CD",
        "hash": "9f2c…",
        "prevHash": "",
        "title": "Terms of service",
        "locale": "en",
        "currentVersion": TERMS_VERSION,
        "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "url": f"https://api.dutyline.example/legal/terms-of-service/{TERMS_VERSION}",
    }
)
USER = _builder.build(
    users.UserView,
    role="staff",
    status="invited",
    acceptedAt=None,
    invitedAt=SAMPLE_TIME,
    invitationExpiresAt="2026-11-30T09:00:00Z",
)
ACTIVE_USER = {**USER, "status": "active", "acceptedAt": "2026-11-23T09:30:00Z", "version": 2}
UPDATED_USER = {
    **ACTIVE_USER,
    "profileName": "Sam",
    "settings": {**ACTIVE_USER["settings"], "language": "es"},
    "version": 3,
}
MANAGER = {**ACTIVE_USER, "role": "manager", "permissions": sorted(permissions.ROLES["manager"]), "version": 3}
NEW_USER = _builder.build(users.NewUser, locations=[LOCATION_ID], userSkills=["hygienist"])
COLLEAGUE = _builder.build(colleagues.ColleagueView, profileName="Sam")
_AUTHOR = {"type": "user", "id": "usr_01JDCXQ4B9C1D3E5F7G9H1J3KL", "name": "Ann Archer"}
_AUDIT_ENTRY = _builder.build(audit_log.AuditLogItem, id="aud_01JDCXR6C1D3F5G7H9J0K2M4NP", actor=_AUTHOR)
AUDIT_LOG = _builder.build(audit_log.AuditPage, items=[_AUDIT_ENTRY], limit=50, offset=0)
CUSTOMER = _builder.build(customers_and_locations.CustomerView, id=USER["customerId"], name="Harbour Dental")
LOCATION = _builder.build(
    customers_and_locations.LocationView, id=LOCATION_ID, name="Boston Harbour", address="1 Long Wharf, Boston"
)
UPDATED_CUSTOMER = {**CUSTOMER, "settings": {**CUSTOMER["settings"], "language": "de"}, "version": 2}
NEW_LOCATION = {name: LOCATION[name] for name in ("name", "timeZone", "address")}
_DOCUMENT = _builder.build(terms.LegalDocument, version=TERMS_VERSION)
TERMS = _builder.build(terms.TermsView, documents=[_DOCUMENT])
ACCEPTED_TERMS = {**TERMS, "accepted": True, "acceptedVersion": TERMS_VERSION, "acceptedAt": SAMPLE_TIME}
DEVICE = _builder.build(push_tokens.PushTokenView)
PREPARED_EXPORT: dict[str, Any] = {
    "id": "exp_01J9Z3V5W7X9Y1Z3A5B7C9D1E3",
    "status": "preparing",
    "requestedAt": SAMPLE_TIME,
    "expiresAt": "2026-11-23T10:00:00Z",
}
EXPORT: dict[str, Any] = {
    "format": "dutyline-personal-data/1",
    "person": {"id": USER_ID, "name": "Sam Reed", "email": EMAIL},
    "customer": {"id": CUSTOMER["id"], "name": CUSTOMER["name"]},
    "data": {
        "profile": [{"id": USER_ID, "name": "Sam Reed", "email": EMAIL}],
        "devices": [{"token": PUSH_TOKEN, "registeredAt": SAMPLE_TIME}],
    },
    "recipients": [{"name": "the mail service", "about": "delivers e-mail to you", "receives": ["email"]}],
    "retention": [],
    "rights": ["You may have your data corrected."],
}
