from config.journal.commit import (
    FINISHER_DELAY,
    intend,
    keys,
    note,
    write,
)

__all__ = [
    "FINISHER_DELAY",
    "intend",
    "keys",
    "note",
    "write",
]
