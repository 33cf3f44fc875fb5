"""Call-backs: callers who reached nobody, until somebody calls them back.

Started by outbox messages of `telephony.calls`, which does not know this package.
"""
