"""Admin pages of phone numbers, lines and calls."""

from telephony.admin import calls, lines, number_profiles, numbers, unassigned_numbers
