"""Calls that DynamoDB rejects: for good, or until an operator mends what they need."""

import logging

from config import errors

_FORBIDDEN_CODES = {
    *("AccessDeniedException", "KMSAccessDeniedException", "NotAuthorized", "OptInRequired"),
    *("ExpiredTokenException", "InvalidSignatureException", "IncompleteSignature", "InvalidClientTokenId"),
    *("MissingAuthenticationTokenException", "UnrecognizedClientException", "ResourceNotFoundException"),
}
"""Credentials, rights or a table are missing: an operator can mend it."""
logger = logging.getLogger("dutyline.database")


class CallRejected(Exception):
    """DynamoDB rejects a call for good: a defect, an item that is too large.

    Repeating the call would not help. Holds no values: DynamoDB's own messages may quote them.
    """

    def __init__(self, operation: str, table: str, reason: str) -> None:
        super().__init__(operation, table, reason)  # the arguments, so that workers can pickle it
        self.operation, self.table, self.reason = operation, table, reason

    def __str__(self) -> str:
        return f"{self.operation} of {self.table}: {self.reason}"

    @property
    def log_fields(self) -> dict[str, str]:
        """What log lines say about it."""
        return {"operation": self.operation, "table": self.table, "reason": self.reason}


class CallForbidden(CallRejected, errors.Unavailable):
    """DynamoDB rejects a call until an operator mends credentials, rights or tables.

    Clients may retry, and tasks wait.
    """

    def __init__(self, operation: str, table: str, reason: str) -> None:
        detail = "The database is not available; retry later."
        errors.Unavailable.__init__(self, detail, retry_after=30, cause=f"database: {reason}")
        self.args = (operation, table, reason)
        self.operation, self.table, self.reason = operation, table, reason


def to_rejection(operation: str, tables: str, code: str) -> CallRejected:
    """The error to raise; what an operator can mend is logged here, whoever asked."""
    if code not in _FORBIDDEN_CODES:
        return CallRejected(operation, tables, code)
    error = CallForbidden(operation, tables, code)
    if operation != "DescribeTable":  # which asks whether there is a table
        logger.error("the database refuses a call", extra=error.log_fields)
    return error
