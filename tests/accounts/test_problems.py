"""What the board finds at people: invitations that are old, e-mail that did not arrive."""

from datetime import timedelta

from accounts.models import User
from config.admin import dead_letters
from config.board import passes
from config.board.platform import find_dead_letters
from tests.backoffice.test_permissions import create_dead_letter
from tests.emulators.mail import UNKNOWN_MAILBOX
from tests.support import email_events
from tests.support.board import check, problems_of
from tests.support.environment import Environment
from tests.support.users import UserFixtures, accept_invitation, new_user_body, now, process_outbox


def invitation_state(test_users: UserFixtures, user: User) -> object:
    item = problems_of(test_users.customer).get(f"invitation-old#{user.id}")
    return item.facts["state"] if item else None


def test_invitations_grow_old_and_expire(test_users: UserFixtures, env: Environment) -> None:
    user = test_users.create_user()
    check(test_users.customer, now() + timedelta(hours=2))
    assert invitation_state(test_users, user) == "unsent"

    process_outbox()
    check(test_users.customer)
    assert invitation_state(test_users, user) is None

    check(test_users.customer, now() + timedelta(days=4))
    assert invitation_state(test_users, user) == "old"
    check(test_users.customer, now() + timedelta(days=8))
    assert invitation_state(test_users, user) == "expired"

    accept_invitation(env, test_users.ann.web, user)
    check(test_users.customer, now() + timedelta(days=8))
    assert invitation_state(test_users, user) is None


def test_bounces_and_refusals_are_listed_until_they_are_mended(test_users: UserFixtures) -> None:
    bounced = test_users.create_user()
    refused = test_users.create_user(email=f"{UNKNOWN_MAILBOX}-{new_user_body('')['email']}")
    process_outbox()
    email_events.report(test_users.ann.web, now(), recipient=bounced.email, reason="5.1.1 unknown")

    process_outbox()

    keys = problems_of(test_users.customer).keys()
    assert {f"email-failed#{bounced.id}", f"email-failed#{refused.id}"} <= keys
    check(test_users.other_customer)
    assert not any(key.startswith("email-failed") for key in problems_of(test_users.other_customer))

    test_users.ann.patch("/userManagement", {"id": bounced.id, "email": new_user_body("")["email"]})
    process_outbox()
    check(test_users.customer)
    assert f"email-failed#{bounced.id}" not in problems_of(test_users.customer)

    test_users.ann.delete("/userManagement", {"id": refused.id})
    check(test_users.customer)
    assert f"email-failed#{refused.id}" not in problems_of(test_users.customer)


def test_failed_work_is_listed_with_its_customer(test_users: UserFixtures) -> None:
    id = create_dead_letter(str(test_users.customer.id))
    passes._check_platform(passes.Progress(now()), now())
    item = problems_of(test_users.customer)[f"dead-letter#{id}"]
    assert item.facts["ids"] == {"user_id": "usr_gone"}
    assert len(list(find_dead_letters(now()).problems)) >= 1

    dead_letters.discard_dead_letter(id, author=test_users.ann.actor, at=now())
    passes._check_platform(passes.Progress(now()), now())

    assert f"dead-letter#{id}" not in problems_of(test_users.customer)
