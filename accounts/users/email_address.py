"""Which e-mail addresses are accepted, and which ones are the same."""

import idna
import unicodedata2 as unicodedata
from email_validator import EmailNotValidError, validate_email

from config import errors

MAX_LENGTH = 320
"""Characters of an address before and after it is normalized (RFC 3696: 64 and 255)."""


class InvalidEmail(errors.InvalidRequest):
    """The address cannot receive an invitation."""

    code = errors.define_field_code("invalid_email", "Not an e-mail address that can receive mail.")


def normalize_email(address: str) -> str:
    """The address as e-mails are sent to it. Raises `InvalidEmail`."""
    _check_length(address)
    try:
        validated = validate_email(
            unicodedata.normalize("NFKC", address), check_deliverability=False, strict=True, test_environment=True
        )
    except EmailNotValidError as error:
        raise InvalidEmail("Must be a valid e-mail address.", pointer="/email") from error
    if not validated.local_part.isascii() and _mixes_scripts(validated.local_part):
        raise InvalidEmail("This e-mail address mixes similar letters of different scripts.", pointer="/email")
    return str(validated.normalized)


def _check_length(address: str) -> None:
    """Before the address is normalized, which takes quadratic time."""
    if len(address) > MAX_LENGTH:
        raise InvalidEmail("Must be a valid e-mail address.", pointer="/email")


def email_key(address: str) -> str:
    """A key that addresses of one mailbox share: NFKC, without case, the domain in ASCII.

    Only letters that differ by case alone are equal: ``straße`` and ``strasse`` are two mailboxes,
    as are those with the letters I of Turkish. Raises `InvalidEmail`.
    """
    _check_length(address)
    local, _, domain = address.rpartition("@")
    letters = "".join(map(_fold_letter, unicodedata.normalize("NFKC", local)))
    return f"{unicodedata.normalize('NFKC', letters)}@{_to_ascii_domain(domain)}"


def _fold_letter(letter: str) -> str:
    folded = letter.casefold()
    return folded if len(folded) == 1 else letter.lower()


def former_email_key(email_key: str) -> str:
    """The key of the same mailbox by the rule before, which equated ``ß`` and ``ss``."""
    local, _, domain = email_key.rpartition("@")
    return f"{unicodedata.normalize('NFKC', local.casefold())}@{domain}"


def _to_ascii_domain(domain: str) -> str:
    """The domain in IDNA 2008 form, as `normalize_email` checks it."""
    if domain.isascii():
        return domain.lower()
    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError as error:
        raise InvalidEmail("Must be a valid e-mail address.", pointer="/email") from error


def _mixes_scripts(text: str) -> bool:
    """Whether a letter looks like one of another script."""
    from confusable_homoglyphs import confusables  # slow to import; hardly an address needs it

    return bool(confusables.is_dangerous(text))
