from config.dynamodb.attributes import Timestamp, format_timestamp
from config.dynamodb.batches import NOTHING_READ, BatchResult, batch_get, batch_get_items
from config.dynamodb.client import (
    RecordQuery,
    back_off,
    call,
    call_together,
    expression_names,
    get_record,
    is_storable_key,
    iter_items_together,
    iter_pages,
    iter_records,
    iter_records_together,
    iter_responses,
    query_arguments,
    query_records,
    scan_values,
)
from config.dynamodb.connection import CREDENTIAL_ERRORS, gather, get_transport
from config.dynamodb.records import Record, RecordKey, TableMeta, full_table_name, index, is_id, new_id, record_classes
from config.dynamodb.rejections import CallForbidden, CallRejected
from config.dynamodb.waiting import deadline_in, waited_for
