"""Formats of times in the back office; mails and documents name theirs."""
