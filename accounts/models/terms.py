"""Records of who accepted the terms."""

from accounts.models.personal_data import TERMS
from config import dynamodb
from config.dynamodb.attributes import Binary, Json, Text, Timestamp


class TermsAcceptance(dynamodb.Record):
    """The proof that a person accepted an edition of the terms; never changed, never removed."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("terms")

    user_id = Text(TERMS.withheld("part of the profile"), hash_key=True)
    version = Text(TERMS, range_key=True)
    """Of the edition: `accounts.terms.documents`."""
    customer_id = Text(TERMS.withheld("part of the profile"))
    accepted_at = Timestamp(TERMS)
    documents = Json(TERMS)
    """Each document with its version, language and SHA-256."""
    locale = Text(TERMS)
    request_id = Text(TERMS)
    entry_id = Text(TERMS)
    """The audit entry that attests this record."""
    sealed = Binary(TERMS, legacy_encoding=False)
    """Who accepted, and from where; encrypted under a key of Dutyline: it outlives the account."""
