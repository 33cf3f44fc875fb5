"""Colours of words that say how something is; the word itself is always there too."""

STATUS_COLORS = {
    "active": "success",
    "invited": "info",
    "pending": "warning",
    "blocked": "danger",
    "deleting": "danger",
    "suspended": "danger",
    "buying": "warning",
    "releasing": "warning",
    "answered": "success",
    "voicemail": "info",
    "missed": "danger",
    "closed": "warning",
    "ringing": "warning",
    "dead": "danger",
    "due": "warning",
    "waiting": "info",
}
ROLE_COLORS = {"owner": "danger", "admin": "warning", "manager": "info", "staff": "success"}
