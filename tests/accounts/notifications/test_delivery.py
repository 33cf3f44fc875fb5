"""What mail servers and the mail service say of e-mails is stored at the right one only."""

import time
from datetime import timedelta

import pytest

from accounts import users
from accounts.models import SentEmail, User
from accounts.notifications import delivery
from config import dynamodb
from config.privacy import data_map
from tests.emulators.mail import UNKNOWN_MAILBOX
from tests.support import email_events
from tests.support.environment import Environment
from tests.support.http_client import HTTP
from tests.support.users import UserFixtures, emails_to, new_user_body, now, parse_problem, process_outbox


def new_address() -> str:
    return str(new_user_body("")["email"])


def invite(test_users: UserFixtures) -> User:
    """An invited user whose invitation was sent."""
    user = test_users.create_user()
    process_outbox()
    return users.get_user(user.id)


def last_email(user: User) -> SentEmail:
    sent_email = delivery.find_last_email(users.get_user(user.id))
    assert sent_email is not None
    return sent_email


def test_accepted_emails_have_the_stored_message_id(test_users: UserFixtures, env: Environment) -> None:
    user = invite(test_users)

    sent_email = last_email(user)

    (message,) = emails_to(env, user.email)
    assert (sent_email.state, sent_email.kind) == ("accepted", "invitation")
    assert message["messageId"].startswith(f"<{sent_email.id}@")


def test_refused_addresses_are_stored_with_the_reason(test_users: UserFixtures) -> None:
    user = test_users.create_user(email=f"{UNKNOWN_MAILBOX}-{new_address()}")

    process_outbox()

    sent_email = last_email(user)
    assert sent_email.state == "refused"
    assert sent_email.reason.startswith("550 5.1.1")
    assert delivery.explain(sent_email.reason) == "There is no such mailbox."
    assert not users.get_user(user.id).invitation_sent_at


def test_a_bounce_changes_the_email_that_it_names_only(test_users: UserFixtures) -> None:
    bounced, other = invite(test_users), invite(test_users)
    id = last_email(bounced).id

    response = email_events.report(test_users.ann.web, now(), messageId=f"<{id}@example>", reason="5.2.2\r\nfull\x00")

    assert response.status_code == 204
    assert (last_email(bounced).state, last_email(bounced).reason) == ("bounced", "5.2.2 full")
    assert last_email(other).state == "accepted"


def test_a_bounce_finds_its_email_by_the_recipient(test_users: UserFixtures) -> None:
    user = invite(test_users)

    response = email_events.report(test_users.ann.web, now(), "complained", recipient=user.email.upper())

    assert response.status_code == 204
    assert last_email(user).state == "complained"


def test_reports_may_come_twice_and_late(test_users: UserFixtures) -> None:
    user = invite(test_users)
    web, id, first = test_users.ann.web, last_email(user).id, now()
    email_events.report(web, first + timedelta(seconds=2), "bounced", messageId=id, reason="first")

    email_events.report(web, first, "delivered", messageId=id)
    email_events.report(web, first + timedelta(seconds=2), "delivered", messageId=id)

    assert (last_email(user).state, last_email(user).reason) == ("bounced", "first")


def test_a_resend_and_a_new_address_clear_the_state(test_users: UserFixtures) -> None:
    user = invite(test_users)
    web, id = test_users.ann.web, last_email(user).id
    body = email_events.report(web, now(), messageId=id).request.content
    headers = email_events.sign(body)
    assert test_users.ann.post(f"/userManagement/{user.id}/resend-invitation").status_code == 200

    assert delivery.find_last_email(users.get_user(user.id)) is None
    process_outbox()
    assert email_events.send(web, body, headers).status_code == 204
    assert last_email(user).state == "accepted", "a report that is sent again is about the earlier e-mail"
    assert last_email(user).id != id

    email_events.report(web, now(), recipient=user.email)
    assert last_email(user).state == "bounced"
    change = {"email": new_address()}
    assert test_users.ann.patch("/userManagement", {"id": user.id, **change}).status_code == 200
    process_outbox()
    assert last_email(user).state == "accepted"


def test_deleted_people_leave_nothing(test_users: UserFixtures) -> None:
    user = invite(test_users)
    assert list(delivery.iter_emails(user.id))
    names = [chapter.name for chapter, rows in data_map.iter_export_rows(user) if list(rows)]

    assert test_users.ann.delete("/userManagement", {"id": user.id, "erase": "now"}).status_code == 200
    process_outbox(seconds_ahead=300)

    assert "emails" in names
    assert list(delivery.iter_emails(user.id)) == []


@pytest.mark.parametrize(
    ("secret", "seconds", "status"),
    [("x" * 40, 0, 401), ("", -301, 401), ("", 301, 401), ("", -290, 204)],
    ids=["other secret", "too old", "of the future", "within five minutes"],
)
def test_signatures_are_checked(test_users: UserFixtures, secret: str, seconds: int, status: int) -> None:
    user = invite(test_users)
    body = f'{{"messageId": "{last_email(user).id}", "event": "bounced", "at": "{now().isoformat()}"}}'.encode()
    headers = email_events.sign(body, int(time.time()) + seconds, secret)

    response = email_events.send(test_users.ann.web, body, headers)

    assert response.status_code == status
    assert last_email(user).state == ("bounced" if status == 204 else "accepted")
    if status == 401:
        assert parse_problem(response)["code"] == "invalid_event_signature"
        changed = email_events.send(test_users.ann.web, body + b" ", email_events.sign(body))
        unsigned = email_events.send(test_users.ann.web, body, {"Dutyline-Timestamp": "1" * 13})
        assert (changed.status_code, unsigned.status_code) == (401, 401)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{" + b" " * 9_000 + b"}", 413),
        (b"[]", 400),
        (b"{", 400),
        (b'{"event": "bounced", "at": "2026-11-29T10:00:00Z"}', 400),
        (b'{"messageId": "x", "event": "opened", "at": "2026-11-29T10:00:00Z"}', 400),
        (b'{"messageId": "x", "event": "bounced", "at": "2026-11-29T10:00:00"}', 400),
        (b'{"messageId": "x", "event": "bounced", "at": "0001-01-01T00:00:00+14:00"}', 400),
        (b'{"messageId": "x", "event": "bounced", "at": "9999-12-31T23:59:59Z"}', 400),
        (b'{"messageId": "x", "event": "bounced", "at": "yesterday"}', 400),
        (b'{"messageId": ["x"], "event": "bounced", "at": "2026-11-29T10:00:00Z"}', 400),
        (b'{"messageId": "x", "event": "bounced", "more": "1"}', 400),
    ],
)
def test_malformed_reports_are_refused(web: str, body: bytes, status: int) -> None:
    response = email_events.send(web, body, email_events.sign(body))

    assert response.status_code == status
    assert parse_problem(response)["status"] == status


@pytest.mark.parametrize(
    "members",
    [
        {"messageId": "<unknown@example.com>"},
        {"messageId": "@"},
        {"recipient": "nobody@unknown.example"},
        {"recipient": "not an address"},
        {"recipient": "x@" + "ä" * 200},
    ],
)
def test_reports_of_unknown_emails_change_nothing(web: str, members: dict[str, str]) -> None:
    count = dynamodb.call("Scan", TableName=SentEmail.table_name(), Select="COUNT")["Count"]

    response = email_events.report(web, now(), **members)

    assert response.status_code == 204
    assert dynamodb.call("Scan", TableName=SentEmail.table_name(), Select="COUNT")["Count"] == count


def test_other_methods_are_refused(web: str) -> None:
    response = HTTP.get(f"{web}/email/events")

    assert (response.status_code, response.headers["allow"]) == (405, "POST")
