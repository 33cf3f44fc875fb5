"""The pages of numbers, lines and calls in the back office."""

from telephony.admin import calls, lines, numbers, orphans

__all__ = ["calls", "lines", "numbers", "orphans"]
