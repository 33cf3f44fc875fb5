"""What others reported of names, mailboxes and devices of people, tried on this product."""

import subprocess
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from accounts import users
from accounts.models import EmailOwner, User
from accounts.privacy import pdf_process
from accounts.users import directory_upkeep, email_address
from config import dynamodb, journal
from telephony import ivr
from tests.support.users import SignedInUser, UserFixtures, now, parse_problem, process_outbox

_numbers = count(1)
RARE_HAN = "张\U0002ebf0"


def invite(test_users: UserFixtures, **body: Any) -> Any:
    email = f"person{next(_numbers)}@names.example"
    body = {"email": email, "customerId": test_users.customer.id, "locations": [test_users.boston.id], **body}
    return test_users.ann.post("/userManagement", body)


def find_names(person: SignedInUser, text: str) -> list[str]:
    response = person.get("/userManagement", params={"q": text})
    assert response.status_code == 200, response.text
    return [user["name"] for user in response.json()["items"]]


# --- names ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", [RARE_HAN, "\U000323b0\U0002b741", "\U0001e4d0\U0001e4d1", "葛\U000e0100城"])
def test_w3c_typography_86_names_with_rare_characters_are_taken(test_users: UserFixtures, name: str) -> None:
    """w3c/typography#86: whatever the interpreter's Unicode did not know yet was refused."""
    response = invite(test_users, name=name)
    assert response.status_code == 201, response.text
    assert response.json()["name"] == name
    assert name in find_names(test_users.ann, name)


@pytest.mark.parametrize("name", ["\u3164", "\u2800\u2800", "\u0301", "\ufe0f", "Ann\u202egpj.exe", "a\u0378"])
def test_w3c_typography_86_what_nobody_sees_is_no_name(test_users: UserFixtures, name: str) -> None:
    """w3c/typography#86, its neighbours: the same for businesses, locations and templates."""
    ann = test_users.ann
    template = {"name": name, "startTime": "09:00", "endTime": "17:00", "timeZone": "America/New_York"}
    answers = [
        invite(test_users, name=name),
        ann.patch("/user", {"profileName": name}),
        ann.patch("/customer", {"name": name}),
        ann.patch(f"/location/{test_users.boston.id}", {"name": name}),
        ann.post("/scheduleTemplate", template),
    ]
    for answer in answers:
        assert answer.status_code == 400, answer.text
        assert any(error["pointer"] in ("/name", "/profileName") for error in parse_problem(answer)["errors"])


def test_source_han_sans_351_rare_han_is_printed(tmp_path: Path) -> None:
    """adobe-fonts/source-han-sans#351, eisoch/irg#85: boxes; also what no font has."""
    html = f"<meta charset=utf-8><p>{RARE_HAN} \U00021334, é</p>"
    pdf = pdf_process.render_pdf(html, b"{}", seconds=60)
    (tmp_path / "name.pdf").write_bytes(pdf)
    arguments = ["pdftotext", str(tmp_path / "name.pdf"), "-"]
    printed = subprocess.run(arguments, capture_output=True, check=True, text=True, timeout=60).stdout
    assert printed.strip() == "张[U+2EBF0] \U00021334, é"


# --- searches -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "text", ["Müller", "muller", "MÜLLER", "üll", "Mu\u0308ller", "ｍüller", "müller zoë", "ZOE", "oë mü", "  ller  "]
)
def test_zulip_3880_any_part_of_a_name_selects_people(test_users: UserFixtures, text: str) -> None:
    """zulip/zulip#3880, open-webui/open-webui#29210, pelias/api#600: “Müller” found nobody."""
    if "Zoë Müller" not in find_names(test_users.ann, "zoe"):
        assert invite(test_users, name="Zoë Müller").status_code == 201
    assert find_names(test_users.ann, text) == ["Zoë Müller"]


# --- mailboxes ------------------------------------------------------------------------------------
def test_two_mailboxes_that_searches_equate(test_users: UserFixtures) -> None:
    """Neighbours of zulip/zulip#3880: what a search equates is not what makes addresses unique."""
    assert invite(test_users, name="Eins", email="stra\u00dfe@names.example").status_code == 201
    assert invite(test_users, name="Zwei", email="strasse@names.example").status_code == 201
    assert invite(test_users, name="Drei", email="STRA\u1e9eE@Names.Example").status_code == 409
    assert set(find_names(test_users.ann, "strasse@")) == {"Eins", "Zwei"}


def test_keys_of_the_former_rule_are_understood_and_renewed(test_users: UserFixtures) -> None:
    """Accounts from before: the mailbox stays taken, another one is free once keys are renewed."""
    created = invite(test_users, name="Gasse", email="ga\u00dfe@names.example").json()
    process_outbox()
    user = users.get_user(created["id"])
    former_key = email_address.former_email_key(user.email_key)
    assert former_key == "gasse@names.example"
    with journal.write(test_users.ann.actor, "user.changed", user, now()) as write:
        write.save(user, user.with_changes(email_key=former_key))
        write.remove(EmailOwner(user.email_key))
        write.put(EmailOwner(key=former_key, user_id=user.id))

    people = users.find_users_by_email(["GA\u1e9eE@names.example", "gasse@names.example"])
    assert [(key, person.id) for key, person in people.items()] == [(user.email_key, user.id)]
    assert invite(test_users, name="Again", email="ga\u00dfe@names.example").status_code == 409

    assert directory_upkeep.complete_directory(test_users.customer, at=now()) >= 1
    stored = dynamodb.get_record(User, user.id)
    assert stored
    assert stored.email_key == user.email_key
    assert (dynamodb.get_record(EmailOwner, user.email_key) or EmailOwner()).user_id == user.id
    assert dynamodb.get_record(EmailOwner, former_key) is None
    assert directory_upkeep.complete_directory(test_users.customer, at=now()) == 0
    assert invite(test_users, name="Other", email="gasse@names.example").status_code == 201


# --- devices --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("token", "status"),
    [
        ("F5741A13-BCDA-434B-A316-5DC0E6FFA94F", 200),
        ("f5741a13-bcda-434b-a316-5dc0e6ffa94e", 200),
        ("ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]", 200),
        ("ExpoPushToken[xxxxxxxxxxxxxxxxxxxxxy]", 200),
        ("F5741A13-BCDA-434B-A316-5DC0E6FFA94", 400),
        ("F5741A13BCDA434BA3165DC0E6FFA94F", 400),
        ("dOKpuo4qbsM:APA91bHkSmF84ROx7Y-2eMGxc0lmpQeN33ZwDMG763dkjd8yjKK", 400),
    ],
)
def test_expo_server_sdk_node_tokens(test_users: UserFixtures, token: str, status: int) -> None:
    """expo/expo-server-sdk-node's own tests: which tokens are Expo's."""
    person = test_users.sam
    answer = person.post("/user/push-token", {"token": token})
    assert answer.status_code == status, answer.text


# --- spoken languages -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"language": "xx-XX"}, "/configuration/language"),
        ({"language": "xx-invalid"}, "/configuration/language"),
        ({"language": "de-DE", "voice": "Polly.Joanna"}, "/configuration/voice"),
        ({"language": "en-US", "voice": "Polly.Jane"}, "/configuration/voice"),
        ({"language": "en-US", "voice": "Google.de-DE-Standard-A"}, "/configuration/voice"),
        ({"language": "en-US", "voice": "Google.en-US-Loud-A"}, "/configuration/voice"),
        ({"language": "de-AT", "voice": "woman"}, "/configuration/voice"),
    ],
)
def test_a_voice_that_would_be_silent_is_refused(part: dict[str, str], pointer: str) -> None:
    """Twilio's error 13520: a voice that does not speak the language; the call is silent."""
    with pytest.raises(ivr.InvalidConfiguration) as refusal:
        ivr.validate_configuration({**ivr.default_configuration("Boston"), **part})
    (error,) = refusal.value.field_errors
    assert error.pointer == pointer
    assert "Polly.Vicki-Neural" in error.detail or part["language"] != "de-DE"


@pytest.mark.parametrize(
    ("language", "voice"),
    [
        ("de-DE", "Polly.Vicki-Neural"),
        ("de-AT", "Polly.Hannah-Neural"),
        ("en-US", "Google.en-US-Chirp3-HD-Aoede"),
        ("uk-UA", "Google.uk-UA-Wavenet-A"),
        ("es-MX", "alice"),
    ],
)
def test_a_voice_of_the_language_is_taken(language: str, voice: str) -> None:
    """Neighbours of the silent ones."""
    closed = {"type": "hangup"}  # the usual text says a time, which has three languages
    configuration = {**ivr.default_configuration("Boston"), "language": language, "voice": voice, "closed": closed}
    assert ivr.validate_configuration(configuration)["voice"] == voice


def test_language_tags_of_people_are_checked(test_users: UserFixtures) -> None:
    """A language without texts is refused, naming those there are."""
    answer = test_users.sam.patch("/user", {"settings": {"language": "xx-invalid"}})
    assert answer.status_code == 400
    (error,) = parse_problem(answer)["errors"]
    assert (error["pointer"], error["detail"]) == ("/settings/language", "Must be one of en, de, es.")
