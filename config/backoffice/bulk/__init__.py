"""Bulk actions in the back office: what would be changed, progress, and a report as CSV."""
