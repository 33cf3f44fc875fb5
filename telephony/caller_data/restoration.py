"""After a restore of the tables: erase callers again."""

from collections.abc import Iterator

from accounts import permissions
from config import outbox
from config.privacy.restoration import Finding, Restoration
from telephony.caller_data import erasure, log, search


def erase_again(restoration: Restoration) -> Iterator[Finding]:
    """Erase every caller who was erased since the restored time. Raises `errors.Unavailable`."""
    erased_by_customer: dict[str, list[log.ErasedCaller]] = {}
    for erased in log.list_erased(restoration.restored_to, restoration.at):
        erased_by_customer.setdefault(erased.customer_id, []).append(erased)
    for customer_id, erased_callers in sorted(erased_by_customer.items()):
        yield from _erase_of_customer(customer_id, erased_callers, restoration)


def _erase_of_customer(
    customer_id: str, erased_callers: list[log.ErasedCaller], restoration: Restoration
) -> Iterator[Finding]:
    at = restoration.at
    actor = permissions.system_actor(customer_id)
    begun: set[tuple[str, str]] = set()
    for caller, called_at in search.iter_callers(customer_id, at):
        for erased in erased_callers:
            if called_at > erased.at or (caller, erased.id) in begun or not erased.matches(caller):
                continue
            begun.add((caller, erased.id))
            if not restoration.erases:
                yield Finding(f"a caller of {customer_id} was erased and is back; --erase erases them again")
                continue
            message_id = erasure.begin(caller, actor=actor, at=at, until=erased.at)
            erasure.run_now(message_id, clock=outbox.utc_now)
            yield Finding(f"a caller of {customer_id} is erased again", needs_attention=False)
