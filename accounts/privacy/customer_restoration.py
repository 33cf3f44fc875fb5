"""After a restore of the tables: customers that were deleted or erased since are deleted again."""

from collections.abc import Iterator
from datetime import datetime

from accounts import permissions
from accounts.models import Customer
from accounts.privacy import customer_deletion
from config import dynamodb
from config.privacy import erasure_log
from config.privacy.restoration import Finding, Restoration


def delete_again(restoration: Restoration) -> Iterator[Finding]:
    """Delete every customer that was deleted since the restored time; the outbox erases it.

    Comes before what is done about people: the last owner of a customer cannot be deleted alone.
    Raises `errors.Unavailable`.
    """
    since, until = restoration.restored_to, restoration.at
    erase_times: dict[str, datetime] = dict(erasure_log.list_deletions(since, until, prefix="cus"))
    erase_times |= dict.fromkeys(erasure_log.list_erased_ids(since, until, prefix="cus"), restoration.at)
    for customer_id, erase_at in sorted(erase_times.items()):
        customer = dynamodb.get_record(Customer, customer_id)
        if customer is None or customer.status == "erasing":
            continue
        if customer.is_deleted and customer.erase_at <= erase_at:
            continue  # its message is there, too
        if not restoration.erases:
            yield Finding(f"{customer_id} was deleted and is back; --erase deletes it again")
            continue
        actor = permissions.system_actor(customer_id)
        customer_deletion.delete_customer(customer_id, actor=actor, at=restoration.at, erase_at=erase_at)
        if erase_at <= restoration.at:
            customer_deletion.begin_erasure(customer_id, author=actor, at=restoration.at)
        yield Finding(f"{customer_id} is deleted again", needs_attention=False)
