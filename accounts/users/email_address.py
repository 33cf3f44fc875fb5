"""When two e-mail addresses are the same, and which ones we take."""

import unicodedata

import idna
from confusable_homoglyphs import confusables
from email_validator import EmailNotValidError, validate_email

from config import errors


class InvalidEmail(errors.InvalidRequest):
    """Not an address a person can be invited at."""

    code = "invalid_email"


def normalize_email(address: str) -> str:
    """The address as it is written to. Raises `BadEmail`."""
    try:
        validated = validate_email(
            unicodedata.normalize("NFKC", address), check_deliverability=False, strict=True, test_environment=True
        )
    except EmailNotValidError as error:
        raise InvalidEmail("This is not an e-mail address.", pointer="/email") from error
    if not validated.local_part.isascii() and confusables.is_dangerous(validated.local_part):
        raise InvalidEmail("This address mixes scripts that look alike.", pointer="/email")
    return str(validated.normalized)


def email_key(address: str) -> str:
    """Equal for addresses that reach the same mailbox: NFKC, case folded, domain in ASCII."""
    local, _, domain = address.rpartition("@")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local).casefold())
    return f"{folded}@{_to_ascii_domain(domain)}"


def _to_ascii_domain(domain: str) -> str:
    """A domain as DNS knows it (IDNA 2008, which is also what `checked` goes by)."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise InvalidEmail("This is not an e-mail address.", pointer="/email") from error
