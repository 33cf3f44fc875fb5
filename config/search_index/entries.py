"""What records of all customers are found by: a small entry for each, written with the record.

Entries are spread over `SHARDS` partitions, so that a search reads them all at the same time.
"""

import zlib
from collections.abc import Iterable

from config import dynamodb, folding
from config.dynamodb.attributes import Erasure, PersonalData, Text

SHARDS = 8
MAX_TEXT_LENGTH = 1_000
"""Characters of a folded text in an entry."""
SEARCHED = PersonalData(
    "technical",
    "let Dutyline's support find people, locations and numbers",
    "until the account is deleted",
    Erasure.REMOVED,
    withheld_because="derived from exported values",
)


class SearchEntry(dynamodb.Record):
    """What a record is found by, derived from it; or the mark that the index is complete."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("search")

    shard = Text(SEARCHED, hash_key=True)
    key = Text(SEARCHED, range_key=True)
    """The kind and the record's key, such as ``usr#usr_…``."""
    text = Text(SEARCHED)
    """Names and addresses, folded, one per line."""
    digits = Text(SEARCHED)
    """The digits of phone numbers, one per line."""

    @property
    def kind(self) -> str:
        return str(self.key).partition("#")[0]

    @property
    def pk(self) -> str:
        """The key of the record."""
        return str(self.key).partition("#")[2]


def build_entry(
    kind: str, pk: str, *, texts: Iterable[str | None] = (), phones: Iterable[str | None] = ()
) -> SearchEntry:
    """The entry of a record; ``kind`` has three letters."""
    return SearchEntry(
        shard=str(zlib.crc32(pk.encode()) % SHARDS),
        key=f"{kind}#{pk}",
        text="\n".join(folding.fold_text(text)[:MAX_TEXT_LENGTH] for text in texts if text),
        digits="\n".join(only_digits(phone) for phone in phones if phone),
    )


def only_digits(text: str) -> str:
    """The digits of a text, of any script, as ASCII."""
    return "".join(str(int(character)) for character in text if character.isdecimal())
