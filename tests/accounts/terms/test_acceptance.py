"""Accepting terms: once per version, with an audited proof that outlives the account."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.models import Customer, TermsAcceptance
from accounts.terms import acceptance, announcements, documents
from config import audit, dynamodb, errors, outbox
from config.audit import reader
from config.dynamodb import idempotency
from config.outbox import worker
from tests.support.environment import Environment
from tests.support.users import (
    SignedInUser,
    UserFixtures,
    accept_invitation,
    emails_to,
    now,
    parse_problem,
    process_outbox,
)

OLD_VERSION, CURRENT_VERSION = (documents.list_versions()[0], documents.current_edition(now()).version)
OLD_ACCEPTANCE_TIME = documents.effective_instant(OLD_VERSION) + timedelta(days=30)


@pytest.fixture
def signed_in_user(test_users: UserFixtures, env: Environment) -> SignedInUser:
    """A new user, signed in."""
    return accept_invitation(env, test_users.ann.web, test_users.create_user())


def accept_old_version(test_users: UserFixtures, person: SignedInUser) -> None:
    """Accept the version that was in force in July."""
    acceptance.accept_terms(person.user, test_users.customer, actor=person.actor, at=OLD_ACCEPTANCE_TIME)


def list_acceptance_entries(user_id: str) -> list[audit.AuditEntry]:
    return [entry for entry in reader.iter_stream(user_id) if entry.seq and entry.action == "terms.accepted"]


def test_terms_status_reflects_acceptance(signed_in_user: SignedInUser) -> None:
    before = signed_in_user.get("/user/terms-status").json()
    response = signed_in_user.request("POST", "/user/accept-terms", headers={"User-Agent": "App/1"})
    after = signed_in_user.get("/user/terms-status").json()

    assert response.status_code == 200, response.text
    assert (before["accepted"], before["acceptedVersion"]) == (False, None)
    assert before["currentVersion"] == CURRENT_VERSION
    assert (after["accepted"], after["acceptedVersion"]) == (True, CURRENT_VERSION)
    assert response.json() == after
    assert [document["document"] for document in after["documents"]] == list(documents.DOCUMENTS)
    assert max(document["version"] for document in after["documents"]) == CURRENT_VERSION


def test_proof_records_person_documents_and_request(signed_in_user: SignedInUser) -> None:
    listed_documents = signed_in_user.get("/user/terms-status").json()["documents"]
    headers = {"User-Agent": "App/1"}
    body = {"version": CURRENT_VERSION, "locale": "de"}
    response = signed_in_user.post("/user/accept-terms", body, headers=headers)
    assert response.is_success

    (proof,) = map(acceptance.decrypt_acceptance, acceptance.list_acceptances(signed_in_user.id))

    assert (proof["name"], proof["email"]) == (signed_in_user.user.name, signed_in_user.user.email)
    assert (proof["userAgent"], proof["ip"]) == ("App/1", "127.0.0.1")
    assert (proof["requestId"], proof["locale"]) == (response.headers["X-Request-Id"], "de")
    assert {document["sha256"] for document in proof["documents"]} == {
        document["sha256"] for document in listed_documents
    }
    (entry,) = list_acceptance_entries(signed_in_user.id)
    assert entry.body["id"] == proof["entryId"]
    assert list(acceptance.verify_acceptances()) == []


def test_repeated_acceptance_keeps_the_first_proof(signed_in_user: SignedInUser) -> None:
    headers = {"Idempotency-Key": "again"}
    first = signed_in_user.post("/user/accept-terms", {}, headers=headers)
    repeated = signed_in_user.post("/user/accept-terms", {}, headers=headers)
    second_acceptance = signed_in_user.post("/user/accept-terms", {"locale": "es"})
    conflict_response = signed_in_user.post("/user/accept-terms", {"locale": "es"}, headers=headers)

    assert first.json() == repeated.json() == second_acceptance.json()
    assert conflict_response.status_code == 422
    assert len(list_acceptance_entries(signed_in_user.id)) == 1


def test_concurrent_acceptances_create_a_single_proof(signed_in_user: SignedInUser) -> None:
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: signed_in_user.post("/user/accept-terms", {}), range(8)))

    assert {response.status_code for response in responses} == {200}
    assert len({response.json()["acceptedAt"] for response in responses}) == 1
    assert len(list_acceptance_entries(signed_in_user.id)) == len(acceptance.list_acceptances(signed_in_user.id)) == 1


def test_outdated_version_cannot_be_accepted(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    outdated_response = signed_in_user.post("/user/accept-terms", {"version": OLD_VERSION})
    unknown_response = signed_in_user.post("/user/accept-terms", {"version": "2026-07-01"})

    assert (outdated_response.status_code, parse_problem(outdated_response)["code"]) == (409, "terms_outdated")
    assert unknown_response.status_code == 400
    assert parse_problem(unknown_response)["errors"][0]["pointer"] == "/version"
    assert signed_in_user.get("/user/terms-status").json()["accepted"] is False


def test_new_version_requires_new_acceptance(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    accept_old_version(test_users, signed_in_user)

    status = signed_in_user.get("/user/terms-status").json()
    renewed = signed_in_user.post("/user/accept-terms", {})

    assert (status["accepted"], status["acceptedVersion"]) == (False, OLD_VERSION)
    assert renewed.json()["acceptedVersion"] == CURRENT_VERSION
    assert [proof.version for proof in acceptance.list_acceptances(signed_in_user.id)] == [OLD_VERSION, CURRENT_VERSION]


def test_repeated_request_returns_the_accepted_version(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    """Even if another version came into force in between."""
    idempotency_key = idempotency.IdempotencyKey(f"key of {signed_in_user.id}", "body")
    arguments: dict[str, Any] = {
        "actor": signed_in_user.actor,
        "version": OLD_VERSION,
        "idempotency_key": idempotency_key,
    }

    first = acceptance.accept_terms(signed_in_user.user, test_users.customer, at=OLD_ACCEPTANCE_TIME, **arguments)
    repeated = acceptance.accept_terms(
        signed_in_user.user, test_users.customer, at=OLD_ACCEPTANCE_TIME + timedelta(hours=1), **arguments
    )
    other_key = idempotency.IdempotencyKey(idempotency_key.key, "another body")
    with pytest.raises(errors.IdempotencyKeyReused):
        acceptance.accept_terms(
            signed_in_user.user,
            test_users.customer,
            at=OLD_ACCEPTANCE_TIME,
            **{**arguments, "idempotency_key": other_key},
        )

    assert (first.accepted, first.accepted_version) == (True, OLD_VERSION)
    assert (repeated.accepted, repeated.accepted_at) == (True, first.accepted_at)


def test_deleted_account_cannot_accept_terms(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    assert test_users.ann.delete("/user", {"id": signed_in_user.id}).is_success

    with pytest.raises(errors.Unauthenticated):
        acceptance.accept_terms(signed_in_user.user, test_users.customer, actor=signed_in_user.actor, at=now())

    assert acceptance.list_acceptances(signed_in_user.id) == []
    assert list_acceptance_entries(signed_in_user.id) == []


def test_unpublished_text_is_detected(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    """Proofs hold the hash of the text, so replacing a text and its hash is detected."""
    assert signed_in_user.post("/user/accept-terms", {}).is_success
    (proof,) = acceptance.list_acceptances(signed_in_user.id)
    forged = {**proof.documents[0], "sha256": "0" * 64}

    assert acceptance._is_published(proof.documents[0])
    assert not acceptance._is_published(forged)


def test_proof_survives_account_deletion(
    test_users: UserFixtures, env: Environment, signed_in_user: SignedInUser
) -> None:
    assert signed_in_user.post("/user/accept-terms", {}).is_success
    assert test_users.ann.delete("/user", {"id": signed_in_user.id}).is_success

    completed = env.run_management_command("terms", "proofs", signed_in_user.id)
    stored_text = json.dumps(list_proof_items(signed_in_user.id), default=str)

    assert json.loads(completed.stdout)["email"] == signed_in_user.user.email
    assert signed_in_user.user.email not in stored_text, "encrypted"
    assert list(acceptance.verify_acceptances()) == []


def list_proof_items(user_id: str) -> list[dict[str, Any]]:
    arguments = dynamodb.query_arguments(TermsAcceptance, "#user_id = :user", {":user": {"S": user_id}})
    return [item for items in dynamodb.iter_pages("Query", **arguments) for item in items]


@pytest.mark.parametrize("tampering", ["changed", "removed", "forged"])
def test_tampered_proof_is_reported(signed_in_user: SignedInUser, tampering: str) -> None:
    assert signed_in_user.post("/user/accept-terms", {}).is_success
    (item,) = list_proof_items(signed_in_user.id)
    table = TermsAcceptance.table_name()
    key = {name: item[name] for name in ("user_id", "version")}
    forged_item = {**item, "version": {"S": "2026-12-01"}}
    try:
        if tampering == "removed":
            dynamodb.call("DeleteItem", TableName=table, Key=key)
        else:
            tampered_item = {**item, "locale": {"S": "fr"}} if tampering == "changed" else forged_item
            dynamodb.call("PutItem", TableName=table, Item=tampered_item)
        findings = list(acceptance.verify_acceptances())
    finally:
        dynamodb.call("PutItem", TableName=table, Item=item)
        forged_key = {name: forged_item[name] for name in ("user_id", "version")}
        dynamodb.call("DeleteItem", TableName=table, Key=forged_key)

    assert len(findings) == 1
    assert findings[0].startswith(signed_in_user.id)
    assert list(acceptance.verify_acceptances()) == []


# --- texts ----------------------------------------------------------------------------------------
def test_documents_are_served_as_html_and_text(test_users: UserFixtures, signed_in_user: SignedInUser) -> None:
    for document in signed_in_user.get("/user/terms-status").json()["documents"]:
        html_response = httpx.get(document["url"])
        text_response = httpx.get(document["url"], params={"format": "text"})

        assert html_response.status_code == 200
        assert html_response.headers["content-type"].startswith("text/html")
        assert f"<h1>{document['title']}</h1>" in html_response.text
        assert document["sha256"] in html_response.text
        assert "script" not in html_response.headers["content-security-policy"]
        source_file = documents.FOLDER / document["document"] / f"{document['version']}.en.md"
        assert text_response.content == source_file.read_bytes()
    assert "<table>" in httpx.get(f"{test_users.ann.web}/legal/privacy-policy").text
    assert "Privacy policy" in httpx.get(f"{test_users.ann.web}/legal").text
    assert httpx.get(f"{test_users.ann.web}/static/legal/page.css").status_code == 200
    assert httpx.post(f"{test_users.ann.web}/legal").status_code == 405


@pytest.mark.parametrize("path", ["x", "terms-of-service/x", "terms-of-service/2026-07-01", "../a"])
def test_unknown_documents_return_404(test_users: UserFixtures, path: str) -> None:
    assert httpx.get(f"{test_users.ann.web}/legal/{path}").status_code == 404


def test_version_in_force_depends_on_the_date() -> None:
    second_version = documents.list_versions()[1]
    last_minute = documents.effective_instant(second_version) - timedelta(minutes=1)

    assert documents.current_edition(last_minute).version == OLD_VERSION
    assert documents.current_edition(last_minute + timedelta(minutes=1)).version == second_version
    assert documents.list_versions(until=last_minute) == [OLD_VERSION]
    assert documents.current_edition(now(), "de").texts[0].locale == "en", "there is no German text"
    with pytest.raises(documents.PublishedTextChanged, match="No terms were in force"):
        documents.current_edition(documents.effective_instant(OLD_VERSION) - timedelta(days=1))


@pytest.fixture
def terms_folder(tmp_path: Path) -> Path:
    """A copy of the terms folder."""
    return Path(shutil.copytree(documents.FOLDER, tmp_path / "legal"))


def test_changed_published_text_is_detected(terms_folder: Path) -> None:
    text_file = terms_folder / "provider-terms" / f"{OLD_VERSION}.en.md"
    original = text_file.read_bytes()

    text_file.write_bytes(original + b"\nMore.\n")
    with pytest.raises(documents.PublishedTextChanged, match="was changed after it was published"):
        documents.publish_texts(terms_folder)
    text_file.unlink()
    with pytest.raises(documents.PublishedTextChanged, match="is missing"):
        documents.publish_texts(terms_folder)
    text_file.write_bytes(original)

    assert documents.find_unpublished_texts(terms_folder) == []


def test_new_text_is_published_as_a_new_version(terms_folder: Path, env: Environment) -> None:
    published_before = documents.read_published_hashes(terms_folder)
    (terms_folder / "provider-terms/2027-01-01.de.md").write_text("# Bedingungen\n")
    with pytest.raises(documents.PublishedTextChanged, match="no binding text"):
        documents.publish_texts(terms_folder)
    (terms_folder / "provider-terms/2027-01-01.en.md").write_text("# Provider terms\n")

    new_texts = documents.publish_texts(terms_folder)

    assert sorted(map(str, new_texts)) == [f"provider-terms/2027-01-01.{locale}" for locale in ("de", "en")]
    assert published_before.items() < documents.read_published_hashes(terms_folder).items()
    (terms_folder / "provider-terms/2027-01-01.en.md").write_text("# Other\n")
    with pytest.raises(documents.PublishedTextChanged, match="was changed"):
        documents.find_unpublished_texts(terms_folder)
    (terms_folder / "provider-terms/2027-01-01.en.md").write_text("# Provider terms\n")
    late_file = terms_folder / "privacy-policy/2026-12-24.en.md"
    late_file.write_text("# Late\n")
    with pytest.raises(documents.PublishedTextChanged, match="must be later than 2027-01-01"):
        documents.find_unpublished_texts(terms_folder)
    late_file.unlink()
    (terms_folder / "provider-terms/new.md").write_text("# Odd\n")
    with pytest.raises(ValueError, match="must be"):
        documents.read_texts(terms_folder)
    completed = env.run_management_command("terms", "publish", "--check")
    assert completed.returncode == 0, completed.stderr


ANNOUNCE_TASK = "accounts.tell_of_terms"


# --- announcements --------------------------------------------------------------------------------
def test_new_terms_are_announced_once_to_previous_acceptors(
    test_users: UserFixtures, env: Environment, record_figure: Callable[[str], None]
) -> None:
    people = [
        accept_invitation(env, test_users.ann.web, test_users.create_user())
        for _ in range(announcements.BATCH_SIZE + 2)
    ]
    for person in people[:-2]:
        accept_old_version(test_users, person)
    assert people[0].post("/user/accept-terms", {}).is_success
    settings_change = {"settings": {"notifications": {"email": {"termsRenewed": False}}}}
    assert people[1].patch("/user", settings_change).is_success
    process_outbox()
    customer = dynamodb.get_record(Customer, test_users.customer.id)
    assert customer

    first_result = announcements.announce_version(customer, CURRENT_VERSION, at=now())
    second_result = announcements.announce_version(customer, CURRENT_VERSION, at=now())
    (first_message,) = [r for r in map(outbox.OutboxMessage.from_item, list_outbox_items()) if r.task == ANNOUNCE_TASK]
    worker._claim_and_run(first_message, now, worker.PassReport())
    (next_message,) = [r for r in map(outbox.OutboxMessage.from_item, list_outbox_items()) if r.task == ANNOUNCE_TASK]
    process_outbox()
    process_outbox()

    def count_announcements(person: SignedInUser) -> int:
        subject = "New terms at"
        return sum(m["subject"].startswith(subject) for m in emails_to(env, person.user.email))

    assert (first_result, second_result) == (True, False)
    assert not [recipient for recipient in people if recipient.user.name.casefold() in str(next_message.arguments)]
    assert "start" in next_message.arguments, "the resume position is encrypted, as it contains a name"
    assert [count_announcements(person) for person in people] == [0, 0, *[1] * (len(people) - 4), 0, 0]
    record_figure(f"new terms: {len(people) - 4} users notified once, 4 others not notified")


def test_announcement_waits_until_the_terms_begin(test_users: UserFixtures) -> None:
    customer = dynamodb.get_record(Customer, test_users.other_customer.id)
    assert customer

    begins = documents.effective_instant(CURRENT_VERSION)

    assert announcements.announce_version(customer, CURRENT_VERSION, at=begins - timedelta(days=3))

    pending_items = [item for item in list_outbox_items() if ANNOUNCE_TASK in str(item)]
    assert [item["due_at"]["S"][:10] for item in pending_items] == [CURRENT_VERSION]
    assert count_processed_announcements(0) == 1, "the announcement is due now"


def list_outbox_items() -> list[dict[str, Any]]:
    return list(dynamodb.call("Scan", TableName=outbox.OutboxMessage.table_name())["Items"])


def count_processed_announcements(seconds_ahead: float) -> int:
    return process_outbox(seconds_ahead).counts["accounts.tell_of_terms", "done"]
