"""What a check is, and what it finds."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]
_CREDENTIALS_IN_URL = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    status: Status
    sentence: str
    mend: str = ""
    """A second sentence: what to do."""
    code: str = ""
    """A stable word for machines, such as AWS's own code."""


@dataclass(frozen=True)
class Options:
    """How the checks are to be made."""

    role: str = "application"
    """The policy of docs/aws that the process' role has."""
    mail_to: str = ""
    """Whom to send a mail; empty: none is sent."""
    is_protected: bool = True
    """Whether tables should have backups, deletion protection and encryption."""


@dataclass(frozen=True)
class Check:
    """Something to try: ``name`` is a group and a part, such as ``dynamodb.rights``."""

    name: str
    run: Callable[[Options], Iterable[Finding]]
    prepare: Callable[[], object] | None = None
    """Imports and creates what it needs, before its time runs."""
    seconds: float = 5.0
    """How long it may take."""
    setting: str = ""
    """What says whom it asks, for the sentence that nobody answers."""

    @property
    def group(self) -> str:
        return self.name.partition(".")[0]


def ok(sentence: str) -> Finding:
    """Nothing is wrong."""
    return Finding("ok", sentence)


def warning(sentence: str, mend: str = "", code: str = "") -> Finding:
    """The product works, but should not stay so."""
    return Finding("warning", sentence, mend, code)


def failed(sentence: str, mend: str = "", code: str = "") -> Finding:
    """The product does not work, or not as documented."""
    return Finding("failed", sentence, mend, code)


def skipped(sentence: str, mend: str = "", code: str = "") -> Finding:
    """It was not tried, with the reason."""
    return Finding("skipped", sentence, mend, code)


def describe_error(error: BaseException) -> str:
    """Kind and text of an error, in one line, without credentials of URLs."""
    reason = getattr(error, "strerror", None) or str(error)
    first_line = str(reason).strip().partition("\n")[0]
    text = _CREDENTIALS_IN_URL.sub("//…@", " ".join(first_line.split()))[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
