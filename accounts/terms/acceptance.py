"""Terms: whether a person has accepted the ones in force, and the proof that they did."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag

from accounts import preferences, users
from accounts.models import Customer, TermsAcceptance, User
from accounts.permissions import Actor
from accounts.terms import documents
from config import audit, dynamodb, errors, journal
from config.audit import reader
from config.dynamodb import encryption, idempotency, optimistic

_PURPOSE = "terms evidence"


class Outdated(errors.Conflict):
    """Other terms are in force by now than those that were shown."""

    code = "terms_outdated"


@dataclass(frozen=True)
class Status:
    """How a person stands to the terms in force."""

    accepted: bool
    current_version: str
    accepted_version: str | None
    accepted_at: datetime | None
    documents: tuple[documents.Text, ...]


def status(user: User, customer: Customer, *, actor: Actor, at: datetime) -> Status:
    """Whether a person, whose record was just read, has accepted the terms in force."""
    actor.require("self:read")
    return _now(user, customer, at)


def _now(user: User, customer: Customer, at: datetime) -> Status:
    edition = documents.in_force(at, preferences.language(user.settings, customer.settings))
    latest = dynamodb.query(
        TermsAcceptance,
        "#user_id = :user",
        {":user": {"S": user.id}},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=1,
    )
    return _status(edition, latest[0] if latest else None)


def _status(edition: documents.Edition, latest: TermsAcceptance | None) -> Status:
    return Status(
        accepted=bool(latest and latest.version == edition.version),
        current_version=edition.version,
        accepted_version=latest.version if latest else None,
        accepted_at=latest.accepted_at if latest else None,
        documents=edition.texts,
    )


def accept(
    user: User,
    customer: Customer,
    *,
    actor: Actor,
    at: datetime,
    version: str | None = None,
    locale: str | None = None,
    once: idempotency.Once | None = None,
) -> Status:
    """Accept the terms in force; a repetition finds the first proof.

    ``version`` is the one that was shown, ``locale`` the language it was shown in. Raises
    `errors.Invalid` for a version that never was, and `Outdated` for one that no longer is.
    """
    actor.require("terms:accept")
    language = locale or preferences.language(user.settings, customer.settings)
    edition = documents.in_force(at, language)
    place = (user.id, edition.version)
    keys = [dynamodb.Key(TermsAcceptance, *place), *journal.keys([actor.stream])]
    keys += [dynamodb.Key(idempotency.Request, once.key)] if once else []

    def decide() -> Status:
        found = dynamodb.fetch(keys)
        idempotency.check_unseen(once, found, at)
        _check_version(version, edition, at)
        proof = found.get(TermsAcceptance, *place)
        if proof:
            idempotency.remember(once, user.id, at, status=200)
        else:
            proof = _prove(user, edition, language, actor=actor, at=at, once=once, found=found)
        return _status(edition, proof)

    try:
        return optimistic.repeated(decide)
    except idempotency.Seen:
        return _now(user, customer, at)


def _check_version(version: str | None, edition: documents.Edition, at: datetime) -> None:
    if version is None or version == edition.version:
        return
    if version not in documents.versions(until=at):
        raise errors.Invalid("There is no such version of the terms.", pointer="/version")
    raise Outdated(f"Version {edition.version} is in force by now.", pointer="/version")


def _prove(
    user: User,
    edition: documents.Edition,
    locale: str,
    *,
    actor: Actor,
    at: datetime,
    once: idempotency.Once | None,
    found: dynamodb.Found,
) -> TermsAcceptance:
    who = {"name": user.name, "email": user.email, "ip": actor.ip, "userAgent": actor.user_agent}
    accepted_texts = [
        {"document": t.document, "version": t.version, "locale": t.locale, "sha256": t.sha256}
        for t in edition.texts
    ]
    with journal.write(
        actor=actor,
        action="terms.accepted",
        subject=user.party,
        at=at,
        customer_id=user.customer_id,
        changes=[audit.Change(d["document"], None, d["version"]) for d in accepted_texts],
        found=found,
    ) as write:
        proof = TermsAcceptance(
            user_id=user.id,
            version=edition.version,
            customer_id=user.customer_id,
            accepted_at=at,
            documents=accepted_texts,
            locale=locale,
            request_id=actor.request_id,
            entry_id=write.happenings[0].id,
            sealed=encryption.seal(
                encryption.house_key(_PURPOSE), who, f"{user.id} {edition.version}"
            ),
        )
        users.require_open(write, user.id)
        write.attest(_digest(proof))
        unproven = TermsAcceptance.user_id.does_not_exist()
        write.put(proof, only_if=unproven, refusal=optimistic.changed())
        write.answer(once, user.id, status=200)
    return proof


def _digest(proof: TermsAcceptance) -> str:
    return audit.digest(
        {
            "userId": proof.user_id,
            "version": proof.version,
            "customerId": proof.customer_id,
            "acceptedAt": proof.accepted_at.isoformat(timespec="microseconds"),
            "documents": proof.documents,
            "locale": proof.locale,
            "requestId": proof.request_id,
            "entryId": proof.entry_id,
            "sealed": bytes(proof.sealed).hex(),
        }
    )


def proofs(user_id: str) -> list[TermsAcceptance]:
    """Every proof of a person, oldest first; also of one who was deleted."""
    of_user = {":user": {"S": user_id}}
    arguments = dynamodb.key_range(TermsAcceptance, "#user_id = :user", of_user)
    pages = dynamodb.pages("Query", **arguments, ConsistentRead=True)
    return [TermsAcceptance.read(item) for items in pages for item in items]


def opened(proof: TermsAcceptance) -> dict[str, Any]:
    """All that a proof tells, with who it was and from where."""
    context = f"{proof.user_id} {proof.version}"
    return {
        "version": proof.version,
        "acceptedAt": proof.accepted_at,
        "documents": proof.documents,
        "locale": proof.locale,
        **encryption.unseal(encryption.house_key(_PURPOSE), bytes(proof.sealed), context),
        "requestId": proof.request_id,
        "entryId": proof.entry_id,
    }


def looked_at(proof: TermsAcceptance, *, actor: Actor, at: datetime) -> None:
    """Note that an operator looked at a proof, which tells who it was and from where."""
    actor.require("audit:read")
    journal.note(
        actor=actor,
        action="terms.viewed",
        subject=audit.Party("user", proof.user_id, "", proof.user_id),
        at=at,
        customer_id=proof.customer_id,
        changes=[audit.Change("version", None, proof.version)],
    )


def verify() -> Iterator[str]:
    """What is wrong with any proof, against the audit and the texts; reads whole tables.

    People may accept meanwhile: what looks wrong is read again before it is told.
    """
    people = dynamodb.every(TermsAcceptance, "user_id")
    for user_id in sorted(people | {one for one in reader.streams() if one.startswith("usr_")}):
        if _faults(user_id):
            time.sleep(0.5)
            yield from _faults(user_id)


def _faults(user_id: str) -> list[str]:
    try:
        return _wrong_proofs(user_id)
    except (TypeError, ValueError, KeyError, InvalidTag):
        return [f"{user_id}: there is a row that cannot be read"]


def _wrong_proofs(user_id: str) -> list[str]:
    kept = proofs(user_id)
    attested = {
        entry.body["id"]: entry.body["attests"]
        for entry in reader.rows(user_id)
        if entry.seq and entry.action == "terms.accepted"
    }
    found = []
    for proof in kept:
        if attested.pop(proof.entry_id, "") != _digest(proof):
            found.append(f"{user_id} {proof.version}: the proof is not as the audit attests it")
        elif not all(_is_published(document) for document in proof.documents):
            found.append(f"{user_id} {proof.version}: it names a text that was never published")
    gone = [f"{user_id}: the proof that {entry_id} attests is gone" for entry_id in attested]
    return found + gone


def _is_published(document: Mapping[str, str]) -> bool:
    place = documents.Place(document["document"], document["version"], document["locale"])
    return documents.published().get(place) == document["sha256"]
