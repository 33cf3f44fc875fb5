from config.audit.log import (
    AuditEntry,
    AuditEvent,
    Author,
    FieldChange,
    Party,
    StreamPosition,
    build_entries,
    build_stream_head,
    digest,
    has_valid_head_signature,
    stream_head_key,
    stream_position,
)

__all__ = [
    "AuditEntry",
    "AuditEvent",
    "Author",
    "FieldChange",
    "Party",
    "StreamPosition",
    "build_entries",
    "build_stream_head",
    "digest",
    "has_valid_head_signature",
    "stream_head_key",
    "stream_position",
]
