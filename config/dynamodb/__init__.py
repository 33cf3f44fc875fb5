from config.dynamodb.attributes import Timestamp, format_timestamp
from config.dynamodb.client import (
    BatchResult,
    CallRejected,
    back_off,
    batch_get,
    call,
    expression_names,
    gather,
    get_connection,
    get_record,
    iter_pages,
    iter_records,
    query_arguments,
    query_records,
    scan_values,
)
from config.dynamodb.records import Record, RecordKey, TableMeta, full_table_name, index, is_id, new_id, record_classes
