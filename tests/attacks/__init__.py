"""Attacks that once succeeded, by kind; each names its finding and fails without the defence."""
