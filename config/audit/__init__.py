from config.audit.actions import known_actions, require_known
from config.audit.log import (
    PLATFORM_STREAM,
    AuditEntry,
    AuditEvent,
    Author,
    FieldChange,
    Party,
    StreamPosition,
    Subject,
    build_entries,
    build_stream_head,
    diff_records,
    digest,
    has_valid_head_signature,
    stream_head_key,
    stream_position,
)
