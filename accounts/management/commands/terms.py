"""The legal texts: publishing, announcing, and the proofs that they were accepted."""

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
        does = parser.add_subparsers(dest="what", required=True)
        publish = does.add_parser("publish", help="take in new texts; published ones never change")
        publish.add_argument("--check", action="store_true", help="fail if there is a new text")
        does.add_parser("announce", help="have people told of the newest version; once only")
        proofs = does.add_parser("proofs", help="what a person accepted, also after deletion")
        proofs.add_argument("user")
        does.add_parser("verify", help="is every proof as the audit attests it?")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "publish":
            self._publish(check=options["check"])
        elif options["what"] == "announce":
            self._announce()
        elif options["what"] == "proofs":
            self._proofs(options["user"])
        else:
            self._verify()

    def _publish(self, *, check: bool) -> None:
        try:
            new = documents.unpublished() if check else documents.publish()
        except (documents.Changed, ValueError) as error:
            raise CommandError(str(error)) from error
        for place in new:
            self.stdout.write(f"{'new' if check else 'published'}: {place}")
        if new and check:
            raise CommandError("There are texts that were not published: manage.py terms publish")
        self.stdout.write(f"{len(documents.published())} texts are as they were published")

    def _announce(self) -> None:
        at, told = datetime.now(UTC), 0
        try:
            documents.in_force(at)
        except documents.Changed as error:
            raise CommandError(str(error)) from error
        version = documents.versions()[-1]
        for items in dynamodb.pages("Scan", TableName=Customer.table_name()):
            told += sum(
                announcements.announce(Customer.read(item), version, at=at) for item in items
            )
        self.stdout.write(f"version {version}: announced to {told} customers")

    def _proofs(self, user: str) -> None:
        for proof in acceptance.proofs(user):
            self.stdout.write(json.dumps(acceptance.opened(proof), indent=2, default=str))

    def _verify(self) -> None:
        wrong = list(acceptance.verify())
        for finding in wrong:
            self.stdout.write(finding)
        if wrong:
            raise CommandError(f"The proofs are not intact: {len(wrong)} finding(s).")
        self.stdout.write("every proof is as the audit attests it")
