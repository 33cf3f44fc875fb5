"""After a restore of the tables: compare the numbers with Twilio."""

from collections.abc import Iterator

from config import dynamodb
from config.privacy.restoration import Finding, Restoration
from telephony.models import PhoneNumber
from telephony.numbers import unassigned
from telephony.twilio import client


def compare_numbers(restoration: Restoration) -> Iterator[Finding]:
    """Numbers that only we or only Twilio have. Raises `errors.Unavailable`."""
    owned_sids = {owned_number.sid for owned_number in client.list_owned_numbers()}
    for items in dynamodb.iter_pages("Scan", TableName=PhoneNumber.table_name(), ConsistentRead=True):
        for number in map(PhoneNumber.from_item, items):
            if number.sid and number.sid not in owned_sids:
                yield Finding(f"{number.number} of {number.customer_id}: released at Twilio; release it here too")
    for orphan in unassigned.update_list(restoration.at):
        if not orphan.reserved_for:
            yield Finding(f"{orphan.number}: at Twilio without a record; manage.py numbers adopt or release")
        elif orphan.tag.startswith(client.NUMBER_TAG_PREFIX):
            yield Finding(
                f"{orphan.number}: reserved for {orphan.reserved_for}, with our tag at Twilio: perhaps adopted since; "
                "manage.py numbers adopt or withdraw"
            )
