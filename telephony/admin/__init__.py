"""Admin pages of phone numbers, lines and calls."""

from telephony.admin import calls, lines, numbers, unassigned_numbers
