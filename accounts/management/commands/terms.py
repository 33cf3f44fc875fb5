"""Publish and announce the legal texts; show and verify their acceptance."""

import json
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Customer
from accounts.terms import acceptance, announcements, documents
from config import dynamodb


class Command(BaseCommand):
    """``manage.py terms publish [--check] | announce | proofs USER | verify``."""

    help = "Publish and announce the texts in templates/legal; show and verify who accepted them."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subcommands = parser.add_subparsers(dest="what", required=True)
        publish = subcommands.add_parser("publish", help="publish new texts (published ones never change)")
        publish.add_argument("--check", action="store_true", help="only fail if there are unpublished texts")
        subcommands.add_parser("announce", help="notify users of the newest version, once each")
        show = subcommands.add_parser("proofs", help="print what a user accepted, even if deleted")
        show.add_argument("user")
        subcommands.add_parser("verify", help="verify every acceptance against the audit")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "publish":
            self._publish(check=options["check"])
        elif options["what"] == "announce":
            self._announce()
        elif options["what"] == "proofs":
            self._print_acceptances(options["user"])
        else:
            self._verify()

    def _publish(self, *, check: bool) -> None:
        try:
            new_texts = documents.find_unpublished_texts() if check else documents.publish_texts()
        except (documents.PublishedTextChanged, ValueError) as error:
            raise CommandError(str(error)) from error
        for key in new_texts:
            self.stdout.write(f"{'new' if check else 'published'}: {key}")
        if new_texts and check:
            raise CommandError("There are unpublished texts; run `manage.py terms publish`.")
        self.stdout.write(f"{len(documents.read_published_hashes())} published texts are unchanged")

    def _announce(self) -> None:
        at, announced = datetime.now(UTC), 0
        try:
            documents.current_edition(at)
        except documents.PublishedTextChanged as error:
            raise CommandError(str(error)) from error
        version = documents.list_versions()[-1]
        for items in dynamodb.iter_pages("Scan", TableName=Customer.table_name()):
            announced += sum(announcements.announce_version(Customer.from_item(item), version, at=at) for item in items)
        self.stdout.write(f"version {version}: announced to {announced} customers")

    def _print_acceptances(self, user_id: str) -> None:
        for record in acceptance.list_acceptances(user_id):
            self.stdout.write(json.dumps(acceptance.decrypt_acceptance(record), indent=2, default=str))

    def _verify(self) -> None:
        problems = list(acceptance.verify_acceptances())
        for problem in problems:
            self.stdout.write(problem)
        if problems:
            raise CommandError(f"The acceptances are not intact: {len(problems)} problem(s).")
        self.stdout.write("every acceptance matches the audit")
