"""Records of bulk actions. They hold ids and outcomes, no names; `config.dynamodb.unaudited`."""

from config import dynamodb
from config.dynamodb.attributes import Erasure, Json, Number, PersonalData, Text, Timestamp

BULK = PersonalData(
    "technical",
    "do what an operator chose for many records, and report it",
    "30 days",
    Erasure.EXPIRES,
    withheld_because="references to records, which are exported themselves; the audit log has what was done",
)


class BulkRun(dynamodb.Record):
    """One action on many records: a preview until an operator begins it."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("bulk-runs")
        ttl = "expires_at"

    by_operator = dynamodb.index("byOperator", "operator_id", "created_at")
    id = Text(BULK, hash_key=True)
    operator_id = Text(BULK)
    operator_pk = Number(BULK)
    """The key of the operator's account, whose rights are checked again when it runs."""
    model = Text(BULK)
    """Such as ``accounts.user``."""
    action = Text(BULK)
    """The name of the button."""
    form_values = Json(BULK, default=dict)
    customer_id = Text(BULK, null=True)
    """The customer of all records, if it is one."""
    total = Number(BULK)
    """Records that are to be changed."""
    left_out = Number(BULK)
    """Records for which the action was not possible when they were selected."""
    chunks = Number(BULK)
    created_at = Timestamp(BULK)
    begun_at = Timestamp(BULK, null=True)
    ended_at = Timestamp(BULK, null=True)
    stopped_because = Text(BULK, null=True)
    """Why it ended before all records were processed."""
    expires_at = Number(BULK)


class BulkChunk(dynamodb.Record):
    """Some records of a run, and what came of them."""

    class Meta(dynamodb.TableMeta):
        table_name = dynamodb.full_table_name("bulk-chunks")
        ttl = "expires_at"

    run_id = Text(BULK, hash_key=True)
    number = Number(BULK, range_key=True)
    """From 0."""
    ids = Json(BULK)
    """The keys to process, in order."""
    left_out = Json(BULK, default=dict)
    """Reasons by key of those that are left out."""
    outcomes = Json(BULK, default=dict)
    """By key what came of it: empty if it was done, else the reason."""
    ended_at = Timestamp(BULK, null=True)
    expires_at = Number(BULK)
