"""What people choose is heeded by everything that is sent."""

from typing import Any

import pytest

from accounts import preferences
from accounts.models import User
from tests.conftest import Cast, Person, come, mails_to, problem, sweep
from tests.support.environment import World

MERGES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"language": "de"}, {"language": "de"}),
    ({"language": "de"}, {"language": None}, {}),
    ({"language": "de"}, {"time_zone": "UTC"}, {"language": "de", "time_zone": "UTC"}),
    (
        {"notifications": {"email": {"rights_changed": False}}},
        {"notifications": {"push": {"rights_changed": False}}},
        {
            "notifications": {
                "email": {"rights_changed": False},
                "push": {"rights_changed": False},
            }
        },
    ),
    (
        {"notifications": {"email": {"rights_changed": False}}},
        {"notifications": {"email": {"location_assigned": False}}},
        {"notifications": {"email": {"rights_changed": False, "location_assigned": False}}},
    ),
]


@pytest.mark.parametrize(("before", "change", "after"), MERGES)
def test_a_change_leaves_alone_what_it_does_not_name(
    before: dict[str, Any], change: dict[str, Any], after: dict[str, Any]
) -> None:
    assert preferences.merged(before, change) == after


def test_everything_is_wanted_until_somebody_says_no_but_for_what_is_by_choice() -> None:
    shown = preferences.complete({})["notifications"]
    assert set(shown) == set(preferences.CHANNELS)
    unwanted = {(c, e) for c, events in shown.items() for e, wanted in events.items() if not wanted}
    assert unwanted == preferences.BY_CHOICE


def newcomer(cast: Cast, world: World) -> Person:
    person = come(world, cast.ann.web, cast.fresh())
    sweep()
    return person


def mails(world: World, user: User) -> list[dict[str, Any]]:
    sweep()
    return mails_to(world, user.email)


def test_changed_rights_are_told_unless_unwanted(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)

    cast.ann.patch("/userManagement", {"id": person.id, "userRole": "manager"})
    told = mails(world, person.user)
    off = {"settings": {"notifications": {"email": {"rightsChanged": False}}}}
    assert person.patch("/user", off).status_code == 200
    cast.ann.patch("/userManagement", {"id": person.id, "userRole": "staff"})

    assert "rights at Harbour Dental have changed" in told[0]["subject"]
    assert cast.ann.user.name in told[0]["text"]
    assert len(mails(world, person.user)) == len(told)


def test_an_assigned_location_is_told_unless_unwanted(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    both = [cast.boston.id, cast.denver.id]

    cast.ann.patch("/userManagement", {"id": person.id, "locations": both})
    told = mails(world, person.user)
    off = {"settings": {"notifications": {"email": {"locationAssigned": False}}}}
    shown = person.patch("/user", off).json()["settings"]
    cast.ann.patch("/userManagement", {"id": person.id, "locations": [cast.boston.id]})
    cast.ann.patch("/userManagement", {"id": person.id, "locations": both})

    assert told[0]["subject"] == "You now work at Denver"
    assert shown["notifications"]["email"] == {
        "rightsChanged": True,
        "locationAssigned": False,
        "termsRenewed": True,
        "rotaChanged": False,
        "shiftReminder": False,
        "voicemailLeft": False,
    }
    assert len(mails(world, person.user)) == len(told)


def test_one_is_not_told_of_what_one_did(cast: Cast, world: World) -> None:
    person = newcomer(cast, world)
    before = len(mails(world, person.user))

    assert person.patch("/user", {"userPermissions": ["self:read"]}).status_code == 200

    assert len(mails(world, person.user)) == before


@pytest.mark.parametrize(
    ("language", "subject"),
    [("de", "lädt Sie zu Dutyline ein"), ("es", "le invita a Dutyline"), ("en", "invites you")],
)
def test_mail_speaks_the_readers_language_and_time(
    cast: Cast, world: World, language: str, subject: str
) -> None:
    user = cast.fresh()
    zone = "Pacific/Auckland"
    chosen = {"language": language, "timeZone": zone}
    changed = cast.ann.patch("/userManagement", {"id": user.id, "settings": chosen})
    assert changed.json()["settings"]["language"] == language

    (mail,) = mails(world, user)

    assert subject in mail["subject"]
    assert f"({zone})" in mail["text"]


def test_a_customer_decides_for_who_chose_nothing(cast: Cast, world: World) -> None:
    place = {"settings": {"language": "de", "timeZone": "Europe/Berlin"}}
    assert cast.cleo.patch("/customer", place).json()["settings"] == place["settings"]
    body = cast.new_user(customerId=cast.elsewhere.id)
    assert cast.cleo.post("/user", body).status_code == 201
    sweep()

    (mail,) = mails_to(world, body["email"])

    assert "lädt Sie zu Dutyline ein" in mail["subject"]
    assert "(Europe/Berlin)" in mail["text"]


@pytest.mark.parametrize(
    ("settings", "pointer"),
    [
        ({"language": "tlh"}, "/settings/language"),
        ({"language": 7}, "/settings/language"),
        ({"timeZone": "../../etc/passwd"}, "/settings/timeZone"),
        ({"timeZone": "Mars/Olympus"}, "/settings/timeZone"),
        ({"colour": "red"}, "/settings/colour"),
        ({"notifications": {"pigeon": {}}}, "/settings/notifications/pigeon"),
        (
            {"notifications": {"email": {"rightsChanged": "yes"}}},
            "/settings/notifications/email/rightsChanged",
        ),
        ([], "/settings"),
    ],
)
def test_odd_settings_are_refused_by_name(cast: Cast, settings: Any, pointer: str) -> None:
    answer = cast.sam.patch("/user", {"settings": settings})

    assert answer.status_code == 400
    assert [fault["pointer"] for fault in problem(answer)["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("given", "kept"), [("+49 30 1234567", "+49301234567"), ("+1 617-555-0123", "+16175550123")]
)
def test_a_phone_number_is_kept_as_e164(cast: Cast, given: str, kept: str) -> None:
    assert cast.sam.patch("/user", {"phone": given}).json()["phone"] == kept
    assert cast.sam.patch("/user", {"phone": None}).json()["phone"] is None


@pytest.mark.parametrize("given", ["12", "030 1234567", "+49", "call me", "", 49, "+" + "1" * 40])
def test_what_is_no_phone_number_is_refused(cast: Cast, given: Any) -> None:
    assert cast.sam.patch("/user", {"phone": given}).status_code == 400
