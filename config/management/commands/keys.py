"""Show which data keys protect the stored data, and move everything to the current one."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import audit, errors, journal, outbox
from config.dynamodb import data_keys, key_checks, key_rotation

AUTHOR = audit.Author("system", "system", "", audit.PLATFORM_STREAM)
INSTALLATION = audit.Party("installation", "installation", "", audit.PLATFORM_STREAM, audit.PLATFORM_STREAM)


class Command(BaseCommand):
    """``manage.py keys status``, ``keys rotate``."""

    help = "Show what is encrypted under which data key; move everything to the first key of DATA_KEYS."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subparsers = parser.add_subparsers(dest="what", required=True)
        subparsers.add_parser("status", help="count the values of each data key")
        subparsers.add_parser("rotate", help="encrypt and sign everything under the first data key; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            key_checks.store_checks(outbox.utc_now())
            if options["what"] == "rotate":
                self._rotate()
            else:
                self._print_status()
        except key_checks.WrongDataKeys as error:
            raise CommandError(str(error)) from error
        except errors.DomainError as error:
            raise CommandError(error.detail) from error

    def _rotate(self) -> None:
        current_id = data_keys.current_id()
        outdated_ids = sorted({key_id for key_id, _ in key_rotation.count_values()} - {current_id})
        if outdated_ids:
            _audit("keys.rotation_begun", [audit.FieldChange("key", outdated_ids, current_id)])
            report = key_rotation.rotate()
            for name, count in sorted(report.moved.items()):
                self.stdout.write(f"{count} {name} moved to {current_id}")
            for sentence in report.invalid:
                self.stdout.write(sentence)
            if report.invalid:
                raise CommandError(f"{len(report.invalid)} value(s) were left: run manage.py audit verify.")
            changes = [audit.FieldChange(name, None, count) for name, count in sorted(report.moved.items())]
            _audit("keys.rotated", [audit.FieldChange("key", outdated_ids, current_id), *changes])
        remaining = sum(count for (key_id, _), count in key_rotation.count_values().items() if key_id != current_id)
        if remaining:
            raise CommandError(
                f"{remaining} value(s) were written under an earlier key meanwhile: restart all processes with "
                f"{current_id} first in DATA_KEYS, then run this again."
            )
        for key_id in key_checks.retire_others(outbox.utc_now()):
            self.stdout.write(f"nothing is stored under {key_id}: it can be removed after 72 hours")
        self.stdout.write(f"everything is under {current_id}")

    def _print_status(self) -> None:
        counts = key_rotation.count_values()
        names = sorted({name for _, name in counts})
        for key_id in [*data_keys.key_ids(), *sorted({key for key, _ in counts} - set(data_keys.key_ids()))]:
            role = ""
            if key_id == data_keys.current_id():
                role = " (encrypts)"
            elif key_id not in data_keys.key_ids():
                role = " (not in DATA_KEYS)"
            amounts = ", ".join(f"{counts[key_id, name]} {name}" for name in names)
            self.stdout.write(f"{key_id}{role}: {amounts or 'nothing'}")


def _audit(action: str, changes: list[audit.FieldChange]) -> None:
    journal.write_audit_event(AUTHOR, action, INSTALLATION, outbox.utc_now(), changes=changes)
