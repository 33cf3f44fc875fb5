"""Admin pages of phone numbers, lines, calls and call-backs."""

from telephony.admin import blocked_callers, callbacks, calls, lines, number_profiles, numbers, unassigned_numbers
