"""Check the audit, and take it out as a file that can be checked anywhere."""

import sys
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import audit, dynamodb, errors, storage
from config.audit import export, reader, verification


class Command(BaseCommand):
    """``manage.py audit verify [FILE]``, ``audit export``, ``audit key``."""

    help = "Verify the audit, or an exported file of it; export it; tell the key of such files."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        does = parser.add_subparsers(dest="what", required=True)
        verify = does.add_parser("verify", help="is every entry where and as it was written?")
        verify.add_argument("file", nargs="?", type=Path, help="an exported file; no database")
        verify.add_argument("--key", help="the public key of who made the file; default: ours")
        export_parser = does.add_parser(
            "export", help="write the audit as NDJSON, to standard output"
        )
        part = export_parser.add_mutually_exclusive_group()
        part.add_argument("--customer", help="only the streams of this customer")
        part.add_argument("--stream", help="only this stream, such as usr_…")
        target = export_parser.add_mutually_exclusive_group()
        target.add_argument("--out", type=Path, help="write to this file")
        target.add_argument("--to-storage", action="store_true", help="keep it where files are")
        does.add_parser("key", help="the public key that checks our exported files")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "key":
            self.stdout.write(export.key())
        elif options["what"] == "export":
            self._export(**options)
        elif options["file"]:
            self._verify_file(options["file"], options["key"] or export.key())
        else:
            self._verify()

    def _verify(self) -> None:
        result = verification.verify()
        for finding in result.findings:
            self.stdout.write(str(finding))
        if result.findings:
            raise CommandError(f"The audit is not intact: {len(result.findings)} finding(s).")
        self.stdout.write(f"{result.entries} entries in {result.streams} streams are intact")

    def _verify_file(self, path: Path, key: str) -> None:
        try:
            with path.open("rb") as file:
                count = export.verify(file, public_key=key)
        except OSError as error:
            raise CommandError(f"{path} cannot be read.") from error
        except export.Broken as broken:
            raise CommandError(f"{path}, {broken}") from broken
        told = f"{count.of}, made at {count.made_at}:"
        self.stdout.write(f"{told} {count.entries} entries in {count.streams} streams are intact")

    def _export(
        self,
        *,
        customer: str | None,
        stream: str | None,
        out: Path | None,
        to_storage: bool,
        **_: Any,
    ) -> None:
        at = datetime.now(UTC)
        of = stream or customer or "everything"
        lines = export.lines(_streams(customer, stream), of=of, at=at)
        try:
            if to_storage:
                self.stdout.write(_store(lines, f"audit/{at:%Y-%m-%dT%H%M%SZ}.{of}.ndjson"))
            elif out:
                _write(lines, out)
                self.stdout.write(str(out))
            else:
                sys.stdout.buffer.writelines(lines)
        except errors.Refusal as error:
            raise CommandError(error.detail) from error


def _streams(customer: str | None, stream: str | None) -> list[str]:
    if stream:
        wanted = {stream}
    elif customer:
        heads = (dynamodb.get(audit.AuditEntry, name, 0) for name in reader.streams())
        wanted = {head.stream for head in heads if head and head.customer_id == customer}
    else:
        wanted = reader.streams()
    if not wanted:
        raise CommandError("There is no such stream.")
    return sorted(wanted)


def _write(lines: Iterable[bytes], out: Path) -> None:
    """The file appears when it is whole, and never in the place of another."""
    if out.exists():
        raise CommandError(f"{out} is there already.")
    try:
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.") as draft:
            draft.writelines(lines)
            draft.flush()
            out.hardlink_to(draft.name)  # unlike renaming, this overwrites nothing
    except FileExistsError as error:
        raise CommandError(f"{out} is there already.") from error
    except OSError as error:
        raise CommandError(f"{out} cannot be written.") from error


def _store(lines: Iterable[bytes], name: str) -> str:
    """Write first, then store: a file that ends early is never kept."""
    with tempfile.TemporaryFile() as draft:
        draft.writelines(lines)
        draft.seek(0)
        return storage.keep(name, draft)
