"""Runs checks at the same time, each for a limited time."""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.module_loading import import_string

from config import errors
from config.doctor.checks import Check, Finding, Options, describe_error, failed


class UnknownCheck(Exception):
    """No check or group of checks has this name; the message is a sentence."""


@dataclass
class Report:
    """What a check found, and how long it took; it grows while the check runs."""

    check: Check
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0


def load_checks(only: Sequence[str] = ()) -> list[Check]:
    """The checks of ``settings.DOCTOR_CHECKS``, or those of these groups or names.

    Raises `UnknownCheck`.
    """
    checks: list[Check] = [check for path in settings.DOCTOR_CHECKS for check in import_string(path)]
    names = {name for check in checks for name in (check.group, check.name)}
    for name in only:
        if name not in names:
            raise UnknownCheck(f"There is no check {name}{errors.did_you_mean(name, names)}")
    return [check for check in checks if not only or check.name in only or check.group in only]


def run_checks(checks: Iterable[Check], options: Options, seconds: float | None = None) -> list[Report]:
    """Run all at the same time; one that takes longer than its seconds has failed.

    ``seconds`` replaces the time of each. Threads that still wait then are left alone: the caller
    should end the process.
    """
    checks = list(checks)
    for check in checks:
        if check.prepare:
            with suppress(Exception):  # the check raises it again, and reports it
                check.prepare()
    runs = [_Run(check, options, check.seconds if seconds is None else seconds) for check in checks]
    for run in runs:
        run.start()
    return [run.finish() for run in runs]


def has_waiting_threads() -> bool:
    """Whether a check has not ended."""
    return any(thread.name.startswith(_Run.PREFIX) for thread in threading.enumerate())


class _Run:
    """A check in a thread of its own."""

    PREFIX = "doctor "

    def __init__(self, check: Check, options: Options, seconds: float) -> None:
        self._report, self._options, self._seconds = Report(check), options, seconds
        self._thread = threading.Thread(target=self._collect, name=self.PREFIX + check.name, daemon=True)
        self._began_at = 0.0

    def start(self) -> None:
        self._began_at = time.monotonic()
        self._thread.start()

    def _collect(self) -> None:
        for finding in self._iter_findings():
            self._report.findings.append(finding)
        self._report.seconds = time.monotonic() - self._began_at

    def _iter_findings(self) -> Iterator[Finding]:
        try:
            yield from self._report.check.run(self._options)
        except Exception as error:  # whatever a library raises: the other checks go on
            yield failed(f"The check ended with {describe_error(error)}.", "Report it.", type(error).__name__)

    def finish(self) -> Report:
        self._thread.join(max(0.0, self._began_at + self._seconds - time.monotonic()))
        findings = list(self._report.findings)
        if self._thread.is_alive():
            where = f" from {self._report.check.setting}" if self._report.check.setting else ""
            sentence = f"There was no answer{where} within {self._seconds:g} seconds."
            findings.append(failed(sentence, "Look at the network between here and there, and try again.", "timeout"))
            return Report(self._report.check, findings, self._seconds)
        return Report(self._report.check, findings, self._report.seconds)
