"""What the reference shows of each operation."""

from typing import Any

_DEFAULT_EVENTS = {"rightsChanged": True, "locationAssigned": True, "termsRenewed": True}
USER: dict[str, Any] = {
    "id": "usr_01JDCXR5V7W8M3T6Q2Z9K4B1NF",
    "email": "sam@harbour.example",
    "name": "Sam Reed",
    "profileName": None,
    "phone": None,
    "customerId": "cus_01JDCXQ3A8P0Y5D7E9G2H4J6KM",
    "role": "staff",
    "permissions": ["push:manage", "schedules:read", "self:export", "self:read", "self:update"],
    "extraPermissions": [],
    "deniedPermissions": ["terms:accept"],
    "locations": ["loc_01JDCXQ9R4S6T8V0W2X4Y6Z8AB"],
    "userSkills": ["hygienist"],
    "isSetup": False,
    "status": "invited",
    "invitedAt": "2026-11-23T09:00:00Z",
    "invitationExpiresAt": "2026-11-30T09:00:00Z",
    "acceptedAt": None,
    "settings": {
        "language": "de",
        "timeZone": None,
        "reminderMinutes": 60,
        "ringing": False,
        "notifications": {
            "email": {**_DEFAULT_EVENTS, "rotaChanged": False, "shiftReminder": False, "voicemailLeft": False},
            "push": {**_DEFAULT_EVENTS, "rotaChanged": True, "shiftReminder": True, "voicemailLeft": True},
        },
    },
    "createdAt": "2026-11-23T09:00:00Z",
    "updatedAt": "2026-11-23T09:00:00Z",
    "version": 2,
}
AUDIT: dict[str, Any] = {
    "items": [
        {
            "id": "aud_01JDCXR6C1D3F5G7H9J0K2M4NP",
            "seq": 1,
            "at": "2026-11-23T09:00:00Z",
            "action": "user.invited",
            "actor": {"type": "user", "id": "usr_01JDCXQ4B9Q1Z6E8F0H3J5K7MN", "name": "Ann Archer"},
            "subject": {"type": "user", "id": USER["id"], "name": "Sam Reed"},
            "customerId": USER["customerId"],
            "changes": [{"field": "role", "before": None, "after": "staff"}],
            "ip": "192.0.2.7",
            "userAgent": "curl/7.88.1",
            "requestId": "01JDCXR5T0V2W4X6Y8Z0A2B4CD",
            "hash": "9f2c…",
            "prevHash": "",
        }
    ],
    "total": 1,
    "limit": 50,
    "offset": 0,
}
CUSTOMER: dict[str, Any] = {
    "id": USER["customerId"],
    "name": "Harbour Dental",
    "status": "active",
    "settings": {"language": "en", "timeZone": "America/New_York"},
    "createdAt": "2026-11-23T09:00:00Z",
    "version": 1,
}
LOCATION: dict[str, Any] = {
    "id": USER["locations"][0],
    "customerId": USER["customerId"],
    "name": "Boston Harbour",
    "address": "1 Long Wharf, Boston",
    "timeZone": "America/New_York",
    "createdAt": "2026-11-23T09:00:00Z",
    "version": 1,
}
NEW_USER: dict[str, Any] = {
    "email": "sam@harbour.example",
    "customerId": USER["customerId"],
    "name": "Sam Reed",
    "locations": USER["locations"],
}
_DOCUMENTS = {
    "terms-of-service": "Terms of service",
    "provider-terms": "Provider terms",
    "privacy-policy": "Privacy policy",
}
TERMS: dict[str, Any] = {
    "accepted": False,
    "currentVersion": "2026-11-01",
    "acceptedVersion": None,
    "acceptedAt": None,
    "documents": [
        {
            "document": document,
            "title": title,
            "version": "2026-11-01",
            "effectiveFrom": "2026-11-01T00:00:00Z",
            "locale": "en",
            "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
            "url": f"https://api.dutyline.example/legal/{document}/2026-11-01",
        }
        for document, title in _DOCUMENTS.items()
    ],
}
ACCEPTED: dict[str, Any] = {"accepted": True, "acceptedVersion": "2026-11-01", "acceptedAt": "2026-11-23T09:00:00Z"}
DEVICE: dict[str, Any] = {"token": "ExponentPushToken[a1b2c3d4e5f6g7h8i9j0kl]", "status": "registered"}
EXPORT: dict[str, Any] = {
    "format": "dutyline-personal-data/1",
    "person": {"id": USER["id"], "name": "Sam Reed", "email": "sam@harbour.example"},
    "customer": {"id": USER["customerId"], "name": "Harbour Dental"},
    "data": {
        "profile": [{"id": USER["id"], "name": "Sam Reed", "email": "sam@harbour.example"}],
        "rights": [{"role": "staff"}, {"permissions": USER["permissions"]}],
        "devices": [{"token": DEVICE["token"], "registeredAt": "2026-11-23T09:00:00Z"}],
    },
    "recipients": [{"name": "the mail service", "about": "delivers letters to you", "receives": ["email"]}],
    "retention": [
        {
            "what": "devices",
            "purpose": "to notify the person where they want to be notified",
            "kept": "until the account is deleted",
            "afterDeletion": "removed with the person",
        }
    ],
    "rights": ["You may have what is wrong corrected."],
}
