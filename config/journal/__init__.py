from config.journal.commit import stream_keys, write, write_audit_event, write_intent
from config.journal.versions import (
    NO_PRECONDITION,
    Precondition,
    create_record,
    repair_derived_records,
    retry_on_conflict,
    update_record,
)
from config.journal.write_set import StaleRecord, Write
