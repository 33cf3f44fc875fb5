"""Acceptance of the terms in force, and its evidence."""

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
from accounts.terms.documents import LegalText
from config import audit, dynamodb, errors, journal
from config.audit import reader
from config.dynamodb import data_keys, encryption, idempotency
from config.dynamodb.key_rotation import ProtectedAttribute

_PURPOSE = "terms evidence"
PURPOSE = encryption.application_purpose(_PURPOSE)


class TermsOutdated(errors.Conflict):
    """A newer version than the one shown is in force."""

    code = "terms_outdated"
    example_detail = "Version 2026-11-01 is in force; show that version and send it."
    example_pointer = "/version"


@dataclass(frozen=True)
class TermsStatus:
    """Whether a user has accepted the terms in force."""

    accepted: bool
    current_version: str
    accepted_version: str | None
    accepted_at: datetime | None
    documents: tuple[LegalText, ...]


def get_status(user: User, customer: Customer, *, actor: Actor, at: datetime) -> TermsStatus:
    """Whether a user, whose record was just read, has accepted the terms in force."""
    actor.require("self:read")
    return _load_status(user, customer, at)


def _load_status(user: User, customer: Customer, at: datetime) -> TermsStatus:
    edition = documents.current_edition(at, preferences.language_of(user.settings, customer.settings))
    latest = dynamodb.query_records(
        TermsAcceptance,
        "#user_id = :user",
        {":user": {"S": user.id}},
        ScanIndexForward=False,
        ConsistentRead=True,
        Limit=1,
    )
    return _build_status(edition, latest[0] if latest else None)


def _build_status(edition: documents.Edition, latest: TermsAcceptance | None) -> TermsStatus:
    return TermsStatus(
        accepted=bool(latest and latest.version == edition.version),
        current_version=edition.version,
        accepted_version=latest.version if latest else None,
        accepted_at=latest.accepted_at if latest else None,
        documents=edition.texts,
    )


def accept_terms(
    user: User,
    customer: Customer,
    *,
    actor: Actor,
    at: datetime,
    version: str | None = None,
    locale: str | None = None,
    idempotency_key: idempotency.IdempotencyKey | None = None,
) -> TermsStatus:
    """Accept the terms in force; a repetition returns the first acceptance.

    ``version`` is the version that was shown, ``locale`` its language. Raises
    `errors.InvalidRequest` for an unknown version, `TermsOutdated` for an earlier one.
    """
    actor.require("terms:accept")
    language = locale or preferences.language_of(user.settings, customer.settings)
    edition = documents.current_edition(at, language)
    record_key = (user.id, edition.version)
    keys = [dynamodb.RecordKey(TermsAcceptance, *record_key), *journal.stream_keys([actor.stream])]
    keys += idempotency.record_keys(idempotency_key)

    def decide() -> TermsStatus:
        records = dynamodb.batch_get(keys)
        idempotency.ensure_key_unused(idempotency_key, records, at)
        _check_version(version, edition, at)
        acceptance = records.get(TermsAcceptance, *record_key)
        if acceptance:
            idempotency.save_completed(idempotency_key, user.id, at, status=200)
        else:
            acceptance = _write_acceptance(
                user, edition, language, actor=actor, at=at, idempotency_key=idempotency_key, records=records
            )
        return _build_status(edition, acceptance)

    try:
        return journal.retry_on_conflict(decide)
    except idempotency.DuplicateRequest:
        return _load_status(user, customer, at)


def _check_version(version: str | None, edition: documents.Edition, at: datetime) -> None:
    if version is None or version == edition.version:
        return
    if version not in documents.list_versions(until=at):
        raise errors.InvalidRequest("Unknown version of the terms.", pointer="/version")
    raise TermsOutdated(f"Version {edition.version} is in force; show that version and send it.", pointer="/version")


def _write_acceptance(
    user: User,
    edition: documents.Edition,
    locale: str,
    *,
    actor: Actor,
    at: datetime,
    idempotency_key: idempotency.IdempotencyKey | None,
    records: dynamodb.BatchResult,
) -> TermsAcceptance:
    identity = {"name": user.name, "email": user.email, "ip": actor.ip, "userAgent": actor.user_agent}
    document_versions = [
        {"document": text.document, "version": text.version, "locale": text.locale, "sha256": text.sha256}
        for text in edition.texts
    ]
    with journal.write(
        actor,
        "terms.accepted",
        user,
        at,
        changes=[audit.FieldChange(document["document"], None, document["version"]) for document in document_versions],
        prefetched=records,
    ) as write:
        acceptance = TermsAcceptance(
            user_id=user.id,
            version=edition.version,
            customer_id=user.customer_id,
            accepted_at=at,
            documents=document_versions,
            locale=locale,
            request_id=actor.request_id,
            entry_id=write.events[0].id,
            sealed=encryption.encrypt_application_json(_PURPOSE, identity, f"{user.id} {edition.version}"),
        )
        users.require_account_open(write, user.id)
        write.attest(_digest(acceptance))
        is_first = TermsAcceptance.user_id.does_not_exist()
        write.put(acceptance, only_if=is_first, error=journal.StaleRecord())
        write.record_response(idempotency_key, user.id, status=200)
    return acceptance


def _digest(acceptance: TermsAcceptance) -> str:
    return audit.digest(
        {
            "userId": acceptance.user_id,
            "version": acceptance.version,
            "customerId": acceptance.customer_id,
            "acceptedAt": acceptance.accepted_at.isoformat(timespec="microseconds"),
            "documents": acceptance.documents,
            "locale": acceptance.locale,
            "requestId": acceptance.request_id,
            "entryId": acceptance.entry_id,
            "sealed": data_keys.original(PURPOSE, bytes(acceptance.sealed), encryption_context(acceptance)).hex(),
        }
    )


def encryption_context(acceptance: TermsAcceptance) -> str:
    """What the identity of an acceptance is bound to."""
    return f"{acceptance.user_id} {acceptance.version}"


def list_acceptances(user_id: str) -> list[TermsAcceptance]:
    """Every acceptance of a user, oldest first, also after deletion."""
    values = {":user": {"S": user_id}}
    return list(dynamodb.iter_records(TermsAcceptance, "#user_id = :user", values, ConsistentRead=True))


def decrypt_acceptance(acceptance: TermsAcceptance) -> dict[str, Any]:
    """An acceptance with its decrypted identity: name, e-mail, IP address and user agent."""
    identity = encryption.decrypt_application_json(_PURPOSE, bytes(acceptance.sealed), encryption_context(acceptance))
    return {
        "version": acceptance.version,
        "acceptedAt": acceptance.accepted_at,
        "documents": acceptance.documents,
        "locale": acceptance.locale,
        **identity,
        "requestId": acceptance.request_id,
        "entryId": acceptance.entry_id,
    }


IDENTITIES = ProtectedAttribute(
    "acceptances of terms",
    TermsAcceptance,
    "sealed",
    get_key_id=lambda acceptance: data_keys.key_id_of(bytes(acceptance.sealed)),
    renew=lambda acceptance: data_keys.enclose(PURPOSE, bytes(acceptance.sealed), encryption_context(acceptance)),
)
"""The audit attests the ciphertext, so it is enclosed, not replaced."""


def audit_acceptance_view(acceptance: TermsAcceptance, *, actor: Actor, at: datetime) -> None:
    """Record that an operator viewed an acceptance, which contains personal data."""
    actor.require("audit:read")
    journal.write_audit_event(
        actor,
        "terms.viewed",
        audit.Party("user", acceptance.user_id, "", acceptance.user_id, acceptance.customer_id),
        at,
        changes=[audit.FieldChange("version", None, acceptance.version)],
    )


def verify_acceptances() -> Iterator[str]:
    """Acceptances that contradict the audit or the published texts; scans whole tables.

    Users may accept meanwhile, so a contradiction is read again before it is reported.
    """
    user_ids = dynamodb.scan_values(TermsAcceptance, "user_id")
    for user_id in sorted(user_ids | {stream for stream in reader.list_streams() if stream.startswith("usr_")}):
        if _check_user(user_id):
            time.sleep(0.5)
            yield from _check_user(user_id)


def _check_user(user_id: str) -> list[str]:
    try:
        return _find_problems(user_id)
    except (TypeError, ValueError, KeyError, InvalidTag):
        return [f"{user_id}: a record cannot be read"]


def _find_problems(user_id: str) -> list[str]:
    acceptances = list_acceptances(user_id)
    attested = {
        entry.body["id"]: entry.body["attests"]
        for entry in reader.iter_stream(user_id)
        if entry.seq and entry.action == "terms.accepted"
    }
    problems = []
    for acceptance in acceptances:
        if attested.pop(acceptance.entry_id, "") != _digest(acceptance):
            problems.append(f"{user_id} {acceptance.version}: the acceptance differs from its audit entry")
        elif not all(_is_published(document) for document in acceptance.documents):
            problems.append(f"{user_id} {acceptance.version}: it refers to a text that was never published")
    missing = [f"{user_id}: the acceptance of audit entry {entry_id} is missing" for entry_id in attested]
    return problems + missing


def _is_published(document: Mapping[str, str]) -> bool:
    key = documents.LegalTextKey(document["document"], document["version"], document["locale"])
    return documents.read_published_hashes().get(key) == document["sha256"]
