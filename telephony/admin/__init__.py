"""The pages of numbers, lines and calls in the back office."""

from telephony.admin import calls, lines, numbers, unassigned_numbers

__all__ = ["calls", "lines", "numbers", "unassigned_numbers"]
