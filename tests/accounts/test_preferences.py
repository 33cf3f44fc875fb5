"""Notifications follow the settings of their recipient."""

import re
from typing import Any

import pytest

from accounts import preferences, users
from accounts.models import User
from tests.support.environment import Environment
from tests.support.users import SignedInUser, UserFixtures, accept_invitation, emails_to, parse_problem, process_outbox

MERGE_CASES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"language": "de"}, {"language": "de"}),
    ({"language": "de"}, {"language": None}, {}),
    ({"language": "de"}, {"time_zone": "UTC"}, {"language": "de", "time_zone": "UTC"}),
    (
        {"notifications": {"email": {"rights_changed": False}}},
        {"notifications": {"push": {"rights_changed": False}}},
        {"notifications": {"email": {"rights_changed": False}, "push": {"rights_changed": False}}},
    ),
    (
        {"notifications": {"email": {"rights_changed": False}}},
        {"notifications": {"email": {"location_assigned": False}}},
        {"notifications": {"email": {"rights_changed": False, "location_assigned": False}}},
    ),
]


@pytest.mark.parametrize(("before", "change", "after"), MERGE_CASES)
def test_merge_changes_only_named_settings(
    before: dict[str, Any], change: dict[str, Any], after: dict[str, Any]
) -> None:
    assert preferences.merge_settings(before, change) == after


def test_what_is_chosen_is_stored_though_it_is_the_default(test_users: UserFixtures, env: Environment) -> None:
    cleo, query = test_users.cleo, f"customerId={test_users.other_customer.id}&from=2027-01-01&to=2027-02-01"
    customer, user = cleo.get("/customer").json(), cleo.get("/user").json()
    assert (cleo.patch("/customer", customer).json(), cleo.patch("/user", user).json()) == (customer, user)
    assert cleo.get(f"/staffSchedule?{query}").status_code == 400, "what is sent back is no choice"

    assert cleo.patch("/customer", {"settings": {"timeZone": "UTC"}}).json()["settings"] == customer["settings"]
    assert cleo.get(f"/staffSchedule?{query}").status_code == 200
    email = {"rightsChanged": True, "shiftReminder": False}
    choices = {"reminderMinutes": 60, "ringing": False, "notifications": {"email": email}}
    changed = cleo.patch("/user", {"settings": choices}).json()
    assert changed["settings"] == user["settings"]
    assert cleo.patch("/user", {**changed, "profileName": "Cleo"}).status_code == 200
    assert users.get_user(cleo.id).settings == {
        "reminder_minutes": 60,
        "ringing": False,
        "notifications": {"email": {"rights_changed": True, "shift_reminder": False}},
    }
    reset = {"settings": {"timeZone": None}}
    assert cleo.patch("/customer", reset).json()["settings"] == customer["settings"]
    assert cleo.get(f"/staffSchedule?{query}").status_code == 400


def test_notifications_are_on_by_default_except_opt_in() -> None:
    defaults = preferences.with_defaults({})["notifications"]
    assert set(defaults) == set(preferences.CHANNELS)
    disabled = {
        (channel, event)
        for channel, events in defaults.items()
        for event, is_enabled in events.items()
        if not is_enabled
    }
    assert disabled == preferences.OPT_IN


def create_signed_in_user(test_users: UserFixtures, env: Environment) -> SignedInUser:
    person = accept_invitation(env, test_users.ann.web, test_users.create_user())
    process_outbox()
    return person


def deliver_and_list_emails(env: Environment, user: User) -> list[dict[str, Any]]:
    process_outbox()
    return emails_to(env, user.email)


def test_changed_rights_are_emailed_unless_disabled(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)

    test_users.ann.patch("/userManagement", {"id": person.id, "userRole": "manager"})
    messages = deliver_and_list_emails(env, person.user)
    settings_change = {"settings": {"notifications": {"email": {"rightsChanged": False}}}}
    assert person.patch("/user", settings_change).status_code == 200
    test_users.ann.patch("/userManagement", {"id": person.id, "userRole": "staff"})

    assert "permissions at Harbour Dental have changed" in messages[0]["subject"]
    assert test_users.ann.user.name in messages[0]["text"]
    assert len(deliver_and_list_emails(env, person.user)) == len(messages)


def test_assigned_location_is_emailed_unless_disabled(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    both_locations = [test_users.boston.id, test_users.denver.id]

    test_users.ann.patch("/userManagement", {"id": person.id, "locations": both_locations})
    messages = deliver_and_list_emails(env, person.user)
    settings_change = {"settings": {"notifications": {"email": {"locationAssigned": False}}}}
    settings = person.patch("/user", settings_change).json()["settings"]
    test_users.ann.patch("/userManagement", {"id": person.id, "locations": [test_users.boston.id]})
    test_users.ann.patch("/userManagement", {"id": person.id, "locations": both_locations})

    assert messages[0]["subject"] == "You now work at Denver"
    assert settings["notifications"]["email"] == {
        "rightsChanged": True,
        "locationAssigned": False,
        "termsRenewed": True,
        "rotaChanged": False,
        "shiftReminder": False,
        "voicemailLeft": False,
        "callMissed": False,
        "callbackDue": False,
        "callbackHandedOver": False,
        "holeFound": True,
        "notRingable": False,
    }
    assert len(deliver_and_list_emails(env, person.user)) == len(messages)


def test_own_changes_are_not_emailed(test_users: UserFixtures, env: Environment) -> None:
    person = create_signed_in_user(test_users, env)
    count_before = len(deliver_and_list_emails(env, person.user))

    assert person.patch("/user", {"userPermissions": ["self:read"]}).status_code == 200

    assert len(deliver_and_list_emails(env, person.user)) == count_before


@pytest.mark.parametrize(
    ("language", "subject"), [("de", "Einladung zu Dutyline"), ("es", "Invitación a Dutyline"), ("en", "Invitation to")]
)
def test_email_uses_language_and_time_zone_of_the_recipient(
    test_users: UserFixtures, env: Environment, language: str, subject: str
) -> None:
    user = test_users.create_user()
    time_zone = "Pacific/Auckland"
    settings = {"language": language, "timeZone": time_zone}
    response = test_users.ann.patch("/userManagement", {"id": user.id, "settings": settings})
    assert response.json()["settings"]["language"] == language

    (message,) = deliver_and_list_emails(env, user)

    assert subject in message["subject"]
    assert re.search(r"\(NZ[SD]T\)", message["text"])


def test_customer_settings_are_the_default(test_users: UserFixtures, env: Environment) -> None:
    customer_change = {"settings": {"language": "de", "timeZone": "Europe/Berlin"}}
    settings = test_users.cleo.patch("/customer", customer_change).json()["settings"]
    assert settings == customer_change["settings"] | {"reachAlerts": {"days": 7, "minMinutes": 15, "off": False}}
    body = test_users.user_body(customerId=test_users.other_customer.id)
    assert test_users.cleo.post("/user", body).status_code == 201
    process_outbox()

    (message,) = emails_to(env, body["email"])

    assert "Einladung zu Dutyline" in message["subject"]
    assert re.search(r" Uhr \(MES?Z\)", message["text"])


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"language": "tlh"}, "/settings/language"),
        ({"language": 7}, "/settings/language"),
        ({"timeZone": "../../etc/passwd"}, "/settings/timeZone"),
        ({"timeZone": "Mars/Olympus"}, "/settings/timeZone"),
        ({"colour": "red"}, "/settings/colour"),
        ({"notifications": {"pigeon": {}}}, "/settings/notifications/pigeon"),
        ({"notifications": {"email": {"rightsChanged": "yes"}}}, "/settings/notifications/email/rightsChanged"),
        ([], "/settings"),
    ],
)
def test_invalid_settings_are_rejected_with_pointer(test_users: UserFixtures, settings: Any, pointer: str) -> None:
    response = test_users.sam.patch("/user", {"settings": settings})

    assert response.status_code == 400
    assert [error["pointer"] for error in parse_problem(response)["errors"]] == [pointer]


@pytest.mark.parametrize(("phone", "stored"), [("+49 30 1234567", "+49301234567"), ("+1 617-555-0123", "+16175550123")])
def test_phone_number_is_stored_as_e164(test_users: UserFixtures, phone: str, stored: str) -> None:
    assert test_users.sam.patch("/user", {"phone": phone}).json()["phone"] == stored
    assert test_users.sam.patch("/user", {"phone": None}).json()["phone"] is None


@pytest.mark.parametrize("phone", ["12", "030 1234567", "+49", "call me", "", 49, "+" + "1" * 40])
def test_invalid_phone_number_is_rejected(test_users: UserFixtures, phone: Any) -> None:
    assert test_users.sam.patch("/user", {"phone": phone}).status_code == 400
