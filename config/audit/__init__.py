from config.audit.log import (
    AuditEntry,
    Author,
    Change,
    Happening,
    Party,
    Position,
    digest,
    entries,
    head,
    head_key,
    is_our_head,
    position,
)

__all__ = [
    "AuditEntry",
    "Author",
    "Change",
    "Happening",
    "Party",
    "Position",
    "digest",
    "entries",
    "head",
    "head_key",
    "is_our_head",
    "position",
]
