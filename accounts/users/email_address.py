"""When two e-mail addresses are the same, and which ones we take."""

import unicodedata

import idna
from confusable_homoglyphs import confusables
from email_validator import EmailNotValidError, validate_email

from config import errors


class BadEmail(errors.Invalid):
    """Not an address a person can be invited at."""

    code = "invalid_email"


def checked(address: str) -> str:
    """The address as it is written to. Raises `BadEmail`."""
    try:
        found = validate_email(
            unicodedata.normalize("NFKC", address),
            check_deliverability=False,
            strict=True,
            test_environment=True,
        )
    except EmailNotValidError as error:
        raise BadEmail("This is not an e-mail address.", pointer="/email") from error
    if not found.local_part.isascii() and confusables.is_dangerous(found.local_part):
        raise BadEmail("This address mixes scripts that look alike.", pointer="/email")
    return str(found.normalized)


def key(address: str) -> str:
    """Equal for addresses that reach the same mailbox: NFKC, case folded, domain in ASCII."""
    local, _, domain = address.rpartition("@")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())
    return f"{folded}@{_ascii(domain)}"


def _ascii(domain: str) -> str:
    """A domain as DNS knows it (IDNA 2008, which is also what `checked` goes by)."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise BadEmail("This is not an e-mail address.", pointer="/email") from error
