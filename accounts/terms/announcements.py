"""Renewed terms: telling people who had accepted others, once the new ones are in force."""

from collections.abc import Sequence
from datetime import datetime

from accounts import permissions
from accounts.models import Customer, TermsAcceptance, User
from accounts.terms import documents
from accounts.users import side_effects
from config import audit, dynamodb, journal
from config.dynamodb import encryption, optimistic, pagination
from config.outbox import worker

CHUNK = 20
"""People who are told in one transaction."""
_PURPOSE = "terms errand"


def announce(customer: Customer, version: str, *, at: datetime) -> bool:
    """See to it that a customer's people are told of a version once it is in force; once only."""

    def decide() -> bool:
        before = dynamodb.get(Customer, customer.id)
        if before is None or (before.terms_announced or "") >= version:
            return False
        with journal.write(
            actor=permissions.system(customer.id),
            action="terms.announced",
            subject=before.party,
            at=at,
            customer_id=before.id,
            changes=[audit.Change("version", before.terms_announced, version)],
        ) as write:
            after = before.changed(terms_announced=version)
            unchanged = Customer.version == before.version
            write.put(after, only_if=unchanged, refusal=optimistic.changed())
            due = max(at, documents.begins(version))
            write.later("accounts.tell_of_terms", due=due, customer_id=before.id, version=version)
        return True

    return optimistic.repeated(decide)


def tell(customer_id: str, version: str, *, job: worker.Job, start: str | None) -> None:
    """Tell those of a customer's people who had accepted other terms, some at a time.

    Each step is one transaction that ends this errand and begins the next: no crash tells anybody
    twice. ``start`` is where the list goes on, sealed, as places in it are named by people.
    """
    key = encryption.house_key(_PURPOSE)
    place = encryption.unseal(key, bytes.fromhex(start), customer_id) if start else None
    of = {":of": {"S": customer_id}}
    page = pagination.page(User, "byCustomer", "#customer_id = :of", of, limit=CHUNK, start=place)
    told = [user for user in page.records if user.status == "active"]
    renewed = _who_accepted_others(told, version)
    if not renewed and page.next is None:
        return
    with journal.intend(actor=permissions.system(customer_id), at=job.at) as write:
        for user in renewed:
            side_effects.tell(write, user.id, "terms_renewed")
        if page.next:
            sealed = encryption.seal(key, page.next, customer_id).hex()
            write.later(
                "accounts.tell_of_terms", customer_id=customer_id, version=version, start=sealed
            )
        write.hand_over(job.id, job.claim)


def _who_accepted_others(people: Sequence[User], version: str) -> list[User]:
    earlier = [known for known in documents.versions() if known < version]
    keys = [
        dynamodb.Key(TermsAcceptance, user.id, v) for user in people for v in [*earlier, version]
    ]
    found = dynamodb.fetch(keys)
    return [
        user
        for user in people
        if any(found.get(TermsAcceptance, user.id, v) for v in earlier)
        and not found.get(TermsAcceptance, user.id, version)
    ]
