"""Names carry no links into mails to anybody, sent in Dutyline's name: finding H7."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from accounts import csv_import
from config import names
from tests.support.environment import Environment
from tests.support.users import UserFixtures, emails_to, parse_problem, process_outbox

H7_NAME = "Your payroll is on hold. Confirm at https://payroll-harbour.evil.example/login now"
REFUSED = [
    *(H7_NAME, "http://x", "http：//x", "www.evil", "See WWW.evil", "evil.com", "EVIL.CoM", "Ann evil.online now"),
    *(
        "evil．com",
        "evil。com",
        "evil｡com",
        "evil․com",
        "x.com",
        "t.co/abc",
        "help@evil.com",
        "evil.co.uk",
        "(evil.io)",
    ),
    *("Bank.Com/login", "Ann@Evil.Com", "EVIL.COM", "Jan.de", "visit.de now", "evil.vet", "dr.med.evil.shop"),
    *("10.0.0.1/login", "paypal.com.", "evil.рф", "evil.xn--p1ai", "a-b.evil-shop.store:80"),
]
ACCEPTED = [
    *("St. Mary's", "J.R. Smith", "Dr. No", "Dr.No", "Mr.Smith", "St.Gallen", "Anna Berg M.Sc.", "Berg, Ph.D."),
    *(
        "Dr.med. Berg",
        "Harbour GmbH & Co.KG",
        "Boats e.V.",
        "S.A.",
        "Clinic No.1",
        "Dr.med.vet. Y",
        "DDr.Ng",
        "U.S.Bank",
    ),
    *(
        "Univ.Prof.Dr.med.Li",
        "Jan.de Vries",
        "Jos.Li",
        "Ed.Black",
        "Smith Jr.MD",
        "Evil.Online now",
        "Zoë O'Hara <b>",
        "R & D",
        "Ann:",
    ),
]
TEMPLATES = sorted(path.name for path in (settings.BASE_DIR / "templates/email").glob("*.txt"))
CUSTOMER, NAME = "Harbour Marker", "Nora Marker"


@pytest.mark.parametrize("name", REFUSED)
def test_a_web_address_is_not_a_name(name: str) -> None:
    """H7: a name that mail programs turn into a link was accepted and sent."""
    assert names.contains_web_address(name)
    shown = names.for_mail(name)
    assert not re.search(r"://|www\.\w|[^\W\d]\.\w", shown), shown
    assert len(shown) <= 80


@pytest.mark.parametrize("name", ACCEPTED)
def test_real_names_are_names(name: str) -> None:
    assert not names.contains_web_address(name)
    shown = names.for_mail(name)
    assert shown.replace(" ", "") == name.replace(" ", "")
    assert not re.search(r"[^\W\d]\.\w", shown), "a blank after each dot"


def test_long_names_are_shortened_in_mail() -> None:
    assert names.for_mail("Ann " * 50) == "Ann " * 19 + "Ann…"
    assert names.for_mail("\u202eAnn\u200b \u2066Archer") == "Ann Archer"


@pytest.mark.parametrize(
    ("method", "path", "pointer", "make_body"),
    [
        ("POST", "/user", "/name", lambda test_users: test_users.user_body()),
        ("POST", "/userManagement", "/name", lambda test_users: test_users.user_body()),
        ("PATCH", "/userManagement", "/name", lambda test_users: {"id": test_users.sam.id}),
        ("PATCH", "/userManagement", "/profileName", lambda test_users: {"id": test_users.sam.id}),
        ("PATCH", "/user", "/profileName", lambda test_users: {}),
        ("PATCH", "/customer", "/name", lambda test_users: {}),
        ("POST", "/location", "/name", lambda test_users: {"timeZone": "America/New_York"}),
        ("PATCH", "/location/{boston}", "/name", lambda test_users: {}),
    ],
)
def test_all_names_in_emails_are_validated(
    test_users: UserFixtures, method: str, path: str, pointer: str, make_body: Any
) -> None:
    """H7: each of these names was in mails to anybody."""
    url = path.format(boston=test_users.boston.id)
    body = {**make_body(test_users), pointer[1:]: H7_NAME}

    response = test_users.ann.request(method, url, json=body)

    assert response.status_code == 400
    (error,) = parse_problem(response)["errors"]
    assert (error["pointer"], error["code"]) == (pointer, "web_address_in_name")
    assert "www." in error["detail"]


def test_a_stored_name_can_be_sent_back(test_users: UserFixtures, env: Environment) -> None:
    """Clients send whole records back to change something else; one may be older than the rule."""
    user = test_users.create_user(name=H7_NAME)
    record = test_users.ann.get(f"/userManagement/{user.id}").json()
    assert record["name"] == H7_NAME

    promoted = test_users.ann.patch("/userManagement", {**record, "role": "manager"})
    marked = test_users.ann.patch("/userManagement", {"id": user.id, "profileName": "\ufeffNora \u200e"})
    renamed = test_users.ann.patch("/userManagement", {"id": user.id, "name": f"{H7_NAME}!"})

    assert promoted.status_code == 200, promoted.text
    assert promoted.json()["role"] == "manager"
    assert marked.status_code == 200, marked.text
    assert marked.json()["profileName"] == "Nora"
    assert renamed.status_code == 400


def test_an_import_refuses_such_rows(test_users: UserFixtures) -> None:
    content = f"email,name\nx@y.example,Ann\nz@y.example,{H7_NAME}\n".encode()
    first, second = csv_import.read_file(content, test_users.customer.id).rows
    assert first.problems == []
    (problem,) = second.problems
    assert str(problem).startswith("line 3, column B (name): Must be a name without a web address")


def test_stored_names_make_no_links_in_mail(test_users: UserFixtures, env: Environment) -> None:
    """H7: the mail began with the sender's words, and its first link was theirs."""
    user = test_users.create_user(name=H7_NAME)  # the domain function takes it, as before this rule
    process_outbox()

    (mail,) = emails_to(env, user.email)

    (link,) = mail["links"]
    assert link.startswith(env.issuer)
    assert mail["text"].startswith("Hello,\r\n")
    assert mail["subject"] == "Invitation to Dutyline from Harbour Dental"
    assert "https payroll-harbour. evil. example" in mail["text"]
    assert H7_NAME[:70] not in mail["text"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_mail_begins_with_what_people_wrote(template: str) -> None:
    """H7: an admin could put text into the subject by the customer's name."""
    values = dict.fromkeys(("name", "by", "inviter", "locations"), NAME)
    text = render_to_string(f"email/{template}", {"customer": CUSTOMER, "location_count": 1, **values})
    subject, first_line = [line for line in text.splitlines() if line.strip()][:2]
    assert not subject.startswith((CUSTOMER, NAME))
    assert CUSTOMER not in first_line
    assert NAME not in first_line
