"""Accepting terms: once per edition, with a proof that the audit attests and deletion leaves."""

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
from tests.conftest import Cast, Person, come, mails_to, now, problem, sweep
from tests.support.environment import World

OLD, CURRENT = documents.versions()[0], documents.in_force(now()).version
THEN = documents.begins(OLD) + timedelta(days=30)


@pytest.fixture
def somebody(cast: Cast, world: World) -> Person:
    """Somebody new who has signed in."""
    return come(world, cast.ann.web, cast.fresh())


def accepted_then(cast: Cast, who: Person) -> None:
    """They accepted what was in force in July."""
    acceptance.accept(who.user, cast.customer, actor=who.actor, at=THEN)


def attested(user_id: str) -> list[audit.AuditEntry]:
    return [e for e in reader.rows(user_id) if e.seq and e.action == "terms.accepted"]


def test_who_has_accepted_is_told_so(somebody: Person) -> None:
    before = somebody.get("/user/terms-status").json()
    done = somebody.call("POST", "/user/accept-terms", headers={"User-Agent": "App/1"})
    after = somebody.get("/user/terms-status").json()

    assert done.status_code == 200, done.text
    assert (before["accepted"], before["acceptedVersion"]) == (False, None)
    assert before["currentVersion"] == CURRENT
    assert (after["accepted"], after["acceptedVersion"]) == (True, CURRENT)
    assert done.json() == after
    assert [d["document"] for d in after["documents"]] == list(documents.DOCUMENTS)
    assert max(d["version"] for d in after["documents"]) == CURRENT


def test_the_proof_says_who_what_when_and_from_where(somebody: Person) -> None:
    shown = somebody.get("/user/terms-status").json()["documents"]
    headers = {"User-Agent": "App/1", "X-Request-Id": "req-terms"}
    body = {"version": CURRENT, "locale": "de"}
    assert somebody.post("/user/accept-terms", body, headers=headers).is_success

    (proof,) = map(acceptance.opened, acceptance.proofs(somebody.id))

    assert (proof["name"], proof["email"]) == (somebody.user.name, somebody.user.email)
    assert (proof["userAgent"], proof["ip"]) == ("App/1", "127.0.0.1")
    assert (proof["requestId"], proof["locale"]) == ("req-terms", "de")
    assert {d["sha256"] for d in proof["documents"]} == {d["sha256"] for d in shown}
    (entry,) = attested(somebody.id)
    assert entry.body["id"] == proof["entryId"]
    assert list(acceptance.verify()) == []


def test_accepting_again_keeps_the_first_proof(somebody: Person) -> None:
    key = {"Idempotency-Key": "again"}
    first = somebody.post("/user/accept-terms", {}, headers=key)
    repeated = somebody.post("/user/accept-terms", {}, headers=key)
    again = somebody.post("/user/accept-terms", {"locale": "es"})
    other = somebody.post("/user/accept-terms", {"locale": "es"}, headers=key)

    assert first.json() == repeated.json() == again.json()
    assert other.status_code == 422
    assert len(attested(somebody.id)) == 1


def test_accepting_at_once_keeps_one_proof(somebody: Person) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: somebody.post("/user/accept-terms", {}), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["acceptedAt"] for answer in answers}) == 1
    assert len(attested(somebody.id)) == len(acceptance.proofs(somebody.id)) == 1


def test_what_is_no_longer_in_force_cannot_be_accepted(cast: Cast, somebody: Person) -> None:
    outdated = somebody.post("/user/accept-terms", {"version": OLD})
    never = somebody.post("/user/accept-terms", {"version": "2026-07-01"})

    assert (outdated.status_code, problem(outdated)["code"]) == (409, "terms_outdated")
    assert never.status_code == 400
    assert problem(never)["errors"][0]["pointer"] == "/version"
    assert somebody.get("/user/terms-status").json()["accepted"] is False


def test_who_accepted_an_older_edition_is_asked_anew(cast: Cast, somebody: Person) -> None:
    accepted_then(cast, somebody)

    status = somebody.get("/user/terms-status").json()
    renewed = somebody.post("/user/accept-terms", {})

    assert (status["accepted"], status["acceptedVersion"]) == (False, OLD)
    assert renewed.json()["acceptedVersion"] == CURRENT
    assert [proof.version for proof in acceptance.proofs(somebody.id)] == [OLD, CURRENT]


def test_a_repetition_is_answered_with_what_was_accepted(cast: Cast, somebody: Person) -> None:
    """Also when another edition came into force between the two."""
    once = idempotency.Once(f"key of {somebody.id}", "body")
    body: dict[str, Any] = {"actor": somebody.actor, "version": OLD, "once": once}

    first = acceptance.accept(somebody.user, cast.customer, at=THEN, **body)
    again = acceptance.accept(somebody.user, cast.customer, at=THEN + timedelta(hours=1), **body)
    other = idempotency.Once(once.key, "another body")
    with pytest.raises(errors.KeyReused):
        acceptance.accept(somebody.user, cast.customer, at=THEN, **{**body, "once": other})

    assert (first.accepted, first.accepted_version) == (True, OLD)
    assert (again.accepted, again.accepted_at) == (True, first.accepted_at)


def test_nothing_is_accepted_for_an_account_that_is_gone(cast: Cast, somebody: Person) -> None:
    assert cast.ann.delete("/user", {"id": somebody.id}).is_success

    with pytest.raises(errors.Unauthenticated):
        acceptance.accept(somebody.user, cast.customer, actor=somebody.actor, at=now())

    assert acceptance.proofs(somebody.id) == []
    assert attested(somebody.id) == []


def test_a_text_that_was_never_published_is_noticed(cast: Cast, somebody: Person) -> None:
    """A proof is held against the texts, so changing a text and its hash together shows."""
    assert somebody.post("/user/accept-terms", {}).is_success
    (proof,) = acceptance.proofs(somebody.id)
    forged = {**proof.documents[0], "sha256": "0" * 64}

    assert acceptance._is_published(proof.documents[0])
    assert not acceptance._is_published(forged)


def test_the_proof_outlives_the_account(cast: Cast, world: World, somebody: Person) -> None:
    assert somebody.post("/user/accept-terms", {}).is_success
    assert cast.ann.delete("/user", {"id": somebody.id}).is_success

    shown = world.manage("terms", "proofs", somebody.id)
    table = json.dumps(rows_of(somebody.id), default=str)

    assert json.loads(shown.stdout)["email"] == somebody.user.email
    assert somebody.user.email not in table, "sealed"
    assert list(acceptance.verify()) == []


def rows_of(user_id: str) -> list[dict[str, Any]]:
    arguments = dynamodb.key_range(TermsAcceptance, "#user_id = :user", {":user": {"S": user_id}})
    return [item for items in dynamodb.pages("Query", **arguments) for item in items]


@pytest.mark.parametrize("how", ["changed", "removed", "made up"])
def test_a_proof_that_was_tampered_with_is_named(somebody: Person, how: str) -> None:
    assert somebody.post("/user/accept-terms", {}).is_success
    (row,) = rows_of(somebody.id)
    table = TermsAcceptance.table_name()
    key = {name: row[name] for name in ("user_id", "version")}
    made_up = {**row, "version": {"S": "2026-12-01"}}
    try:
        if how == "removed":
            dynamodb.call("DeleteItem", TableName=table, Key=key)
        else:
            wrong = {**row, "locale": {"S": "fr"}} if how == "changed" else made_up
            dynamodb.call("PutItem", TableName=table, Item=wrong)
        found = list(acceptance.verify())
    finally:
        dynamodb.call("PutItem", TableName=table, Item=row)
        made_up_key = {name: made_up[name] for name in ("user_id", "version")}
        dynamodb.call("DeleteItem", TableName=table, Key=made_up_key)

    assert len(found) == 1
    assert found[0].startswith(somebody.id)
    assert list(acceptance.verify()) == []


# --- the texts ------------------------------------------------------------------------------------
def test_the_documents_can_be_read_in_a_browser(cast: Cast, somebody: Person) -> None:
    for document in somebody.get("/user/terms-status").json()["documents"]:
        page = httpx.get(document["url"])
        plain = httpx.get(document["url"], params={"format": "text"})

        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert f"<h1>{document['title']}</h1>" in page.text
        assert document["sha256"] in page.text
        assert "script" not in page.headers["content-security-policy"]
        kept = documents.FOLDER / document["document"] / f"{document['version']}.en.md"
        assert plain.content == kept.read_bytes()
    assert "<table>" in httpx.get(f"{cast.ann.web}/legal/privacy-policy").text
    assert "Privacy policy" in httpx.get(f"{cast.ann.web}/legal").text
    assert httpx.get(f"{cast.ann.web}/static/legal/page.css").status_code == 200
    assert httpx.post(f"{cast.ann.web}/legal").status_code == 405


@pytest.mark.parametrize("path", ["x", "terms-of-service/x", "terms-of-service/2026-07-01", "../a"])
def test_other_documents_are_not_there(cast: Cast, path: str) -> None:
    assert httpx.get(f"{cast.ann.web}/legal/{path}").status_code == 404


def test_an_edition_is_what_is_in_force_that_day() -> None:
    second = documents.versions()[1]
    last_minute = documents.begins(second) - timedelta(minutes=1)

    assert documents.in_force(last_minute).version == OLD
    assert documents.in_force(last_minute + timedelta(minutes=1)).version == second
    assert documents.versions(until=last_minute) == [OLD]
    assert documents.in_force(now(), "de").texts[0].locale == "en", "there is no German one"
    with pytest.raises(documents.Changed, match="No terms were in force"):
        documents.in_force(documents.begins(OLD) - timedelta(days=1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the texts."""
    return Path(shutil.copytree(documents.FOLDER, tmp_path / "legal"))


def test_a_published_text_never_changes(folder: Path) -> None:
    text = folder / "provider-terms" / f"{OLD}.en.md"
    kept = text.read_bytes()

    text.write_bytes(kept + b"\nMore.\n")
    with pytest.raises(documents.Changed, match="was changed after it was published"):
        documents.publish(folder)
    text.unlink()
    with pytest.raises(documents.Changed, match="is gone"):
        documents.publish(folder)
    text.write_bytes(kept)

    assert documents.unpublished(folder) == []


def test_a_new_text_is_a_new_version(folder: Path, world: World) -> None:
    before = documents.published(folder)
    (folder / "provider-terms/2027-01-01.de.md").write_text("# Bedingungen\n")
    with pytest.raises(documents.Changed, match="no binding text"):
        documents.publish(folder)
    (folder / "provider-terms/2027-01-01.en.md").write_text("# Provider terms\n")

    new = documents.publish(folder)

    assert sorted(map(str, new)) == [f"provider-terms/2027-01-01.{one}" for one in ("de", "en")]
    assert before.items() < documents.published(folder).items()
    (folder / "provider-terms/2027-01-01.en.md").write_text("# Other\n")
    with pytest.raises(documents.Changed, match="was changed"):
        documents.unpublished(folder)
    (folder / "provider-terms/2027-01-01.en.md").write_text("# Provider terms\n")
    late = folder / "privacy-policy/2026-12-24.en.md"
    late.write_text("# Late\n")
    with pytest.raises(documents.Changed, match="must be later than 2027-01-01"):
        documents.unpublished(folder)
    late.unlink()
    (folder / "provider-terms/new.md").write_text("# Odd\n")
    with pytest.raises(ValueError, match="must be"):
        documents.read(folder)
    checked = world.manage("terms", "publish", "--check")
    assert checked.returncode == 0, checked.stderr


TELL = "accounts.tell_of_terms"


# --- news of new terms ----------------------------------------------------------------------------
def test_renewed_terms_are_told_once_to_those_who_had_accepted_others(
    cast: Cast, world: World, say: Callable[[str], None]
) -> None:
    people = [come(world, cast.ann.web, cast.fresh()) for _ in range(announcements.CHUNK + 2)]
    for person in people[:-2]:
        accepted_then(cast, person)
    assert people[0].post("/user/accept-terms", {}).is_success
    silent = {"settings": {"notifications": {"email": {"termsRenewed": False}}}}
    assert people[1].patch("/user", silent).is_success
    sweep()
    customer = dynamodb.get(Customer, cast.customer.id)
    assert customer

    first = announcements.announce(customer, CURRENT, at=now())
    second = announcements.announce(customer, CURRENT, at=now())
    (begun,) = [r for r in map(outbox.OutboxEntry.read, outbox_rows()) if r.task == TELL]
    worker._claim_and_run(begun, now, worker.Report())
    (goes_on,) = [r for r in map(outbox.OutboxEntry.read, outbox_rows()) if r.task == TELL]
    sweep()
    sweep()

    def told(person: Person) -> int:
        subject = "The terms at"
        return sum(m["subject"].startswith(subject) for m in mails_to(world, person.user.email))

    assert (first, second) == (True, False)
    assert not [who for who in people if who.user.name.casefold() in str(goes_on.arguments)]
    assert "start" in goes_on.arguments, "where it goes on is sealed: places are named by people"
    assert [told(person) for person in people] == [0, 0, *[1] * (len(people) - 4), 0, 0]
    say(f"renewed terms: {len(people) - 4} people told once, 4 who need not be told were not")


def test_terms_that_begin_later_are_told_of_later(cast: Cast) -> None:
    customer = dynamodb.get(Customer, cast.elsewhere.id)
    assert customer

    begins = documents.begins(CURRENT)

    assert announcements.announce(customer, CURRENT, at=begins - timedelta(days=3))

    waiting = [row for row in outbox_rows() if TELL in str(row)]
    assert [row["due_at"]["S"][:10] for row in waiting] == [CURRENT]
    assert sweep_counts(0) == 1, "it is due by now"


def outbox_rows() -> list[dict[str, Any]]:
    return list(dynamodb.call("Scan", TableName=outbox.OutboxEntry.table_name())["Items"])


def sweep_counts(later: float) -> int:
    return sweep(later).counts["accounts.tell_of_terms", "done"]
