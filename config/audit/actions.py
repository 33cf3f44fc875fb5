"""The actions that the audit log knows; each app names its own in its ``audit_actions``."""

from collections.abc import Mapping
from functools import cache

from django.conf import settings
from django.utils.module_loading import import_string

ACTIONS = {
    "customer.records_erased": "Records of a deleted customer were erased: `records` of them.",
    "board.released": "An operator no longer has a problem of the board assigned: `kind`.",
    "board.taken": "An operator assigned a problem of the board to themselves: `kind`.",
    "bulk.begun": "An operator began an action on many records at once: `records` of them. What it did to each is "
    "audited there.",
    "errand.given_up": "An operator deleted a message of the outbox: a dead letter, or after a restore a notification.",
    "keys.rotated": "Everything was encrypted and signed under another data key.",
    "keys.rotation_begun": "Data is being encrypted and signed under another data key.",
    "errand.revived": "An operator sent a dead letter again.",
    "list.exported": "An operator downloaded a list as a file: `rows` of it.",
    "zones.updated": "Sort keys and reminders of shifts were derived again after a change of time zone rules.",
}
"""Of the kernel itself."""


@cache
def known_actions() -> Mapping[str, str]:
    """Every action with its meaning, in alphabetical order."""
    actions = {name: text for path in settings.AUDIT_ACTIONS for name, text in import_string(path).items()}
    return dict(sorted(actions.items()))


def require_known(action: str) -> None:
    """Raise LookupError for an action that no module names: nobody could read its entries."""
    if action not in known_actions():
        raise LookupError(f"Add the audit action {action} to the module `audit_actions` of its app.")
