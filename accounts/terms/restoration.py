"""Accepted terms in restored tables."""

from collections.abc import Iterator

from accounts.terms import acceptance
from config.privacy.restoration import Finding
from config.restore import checks


def check_acceptances(options: checks.CheckOptions) -> Iterator[Finding]:
    """Compare every acceptance with the audit."""
    problems = list(acceptance.verify_acceptances())
    yield from (Finding(f"terms: {problem}") for problem in problems)
    if not problems:
        yield checks.passed("terms: every acceptance matches the audit")
