"""What operators do with numbers, from a shell."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import permissions
from config import errors
from telephony.numbers import reconcile, reservation


class Command(BaseCommand):
    """``manage.py numbers unexplained | adopt | release | quota``."""

    help = "Numbers at Twilio that no record explains; how many numbers a customer may hold."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parts = parser.add_subparsers(dest="what", required=True)
        parts.add_parser("unexplained", help="compare with Twilio and list what no record explains")
        adopt = parts.add_parser("adopt", help="make one of them the number of a location")
        adopt.add_argument("number")
        adopt.add_argument("location")
        adopt.add_argument("customer")
        release = parts.add_parser("release", help="give one of them back to Twilio")
        release.add_argument("number")
        quota = parts.add_parser("quota", help="let a customer hold so many numbers")
        quota.add_argument("customer")
        quota.add_argument("most", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        at = datetime.now(UTC)
        try:
            if options["what"] == "unexplained":
                self._list(at)
            elif options["what"] == "adopt":
                house = permissions.system(options["customer"])
                held = reconcile.adopt(options["number"], options["location"], actor=house, at=at)
                self.stdout.write(f"{held.number.number} is {held.number.status}")
            elif options["what"] == "release":
                reconcile.release(
                    options["number"], actor=permissions.system(reconcile.HOUSE), at=at
                )
                self.stdout.write(f"{options['number']} is released")
            else:
                reservation.allow(
                    options["most"], actor=permissions.system(options["customer"]), at=at
                )
                self.stdout.write(f"{options['customer']} may hold {options['most']} numbers")
        except errors.Refusal as refusal:
            raise CommandError(refusal.detail) from refusal

    def _list(self, at: datetime) -> None:
        found = reconcile.report(at)
        for one in found:
            self.stdout.write(f"{one.number} {one.sid} {one.tag}")
        self.stdout.write(f"{len(found)} numbers at Twilio that no record explains")
