"""Manage phone numbers from a shell."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import permissions
from config import audit, errors
from telephony.numbers import adoption, reservation, unassigned


class Command(BaseCommand):
    """``manage.py numbers unexplained | adopt | reserve | withdraw | release | quota``."""

    help = "List, assign, reserve or release unassigned numbers at Twilio; set number limits."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        subcommands = parser.add_subparsers(dest="what", required=True)
        subcommands.add_parser("unexplained", help="list numbers at Twilio without a record here")
        adopt = subcommands.add_parser("adopt", help="assign such a number to a location")
        adopt.add_argument("number")
        adopt.add_argument("location")
        adopt.add_argument("customer")
        release = subcommands.add_parser("release", help="release such a number at Twilio")
        release.add_argument("number")
        reserve = subcommands.add_parser("reserve", help="let a customer adopt a number of the Twilio account")
        reserve.add_argument("number")
        reserve.add_argument("customer")
        withdraw = subcommands.add_parser("withdraw", help="end such a reservation")
        withdraw.add_argument("number")
        quota = subcommands.add_parser("quota", help="set how many numbers a customer may have")
        quota.add_argument("customer")
        quota.add_argument("most", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        at = datetime.now(UTC)
        try:
            if options["what"] == "unexplained":
                self._list_unassigned(at)
            elif options["what"] == "adopt":
                system_actor = permissions.system_actor(options["customer"])
                result = adoption.assign_number(options["number"], options["location"], actor=system_actor, at=at)
                self.stdout.write(f"{result.number.number} is {result.number.status}")
            elif options["what"] == "reserve":
                system_actor = permissions.system_actor(options["customer"])
                orphan = adoption.reserve_number(options["number"], actor=system_actor, at=at)
                self.stdout.write(f"{options['customer']} can adopt {orphan.number}")
            elif options["what"] == "withdraw":
                platform_actor = permissions.system_actor(audit.PLATFORM_STREAM)
                adoption.withdraw_reservation(options["number"], actor=platform_actor, at=at)
                self.stdout.write(f"{options['number']} is not reserved")
            elif options["what"] == "release":
                unassigned.release_number(
                    options["number"], actor=permissions.system_actor(audit.PLATFORM_STREAM), at=at
                )
                self.stdout.write(f"{options['number']} is released")
            else:
                reservation.set_number_limit(
                    options["most"], actor=permissions.system_actor(options["customer"]), at=at
                )
                self.stdout.write(f"{options['customer']} may have {options['most']} numbers")
        except errors.DomainError as refusal:
            raise CommandError(refusal.detail) from refusal

    def _list_unassigned(self, at: datetime) -> None:
        orphans = unassigned.update_list(at)
        for orphan in orphans:
            reserved = f" reserved for {orphan.reserved_for}" if orphan.reserved_for else ""
            self.stdout.write(f"{orphan.number} {orphan.sid} {orphan.tag}{reserved}")
        reserved_count = sum(bool(orphan.reserved_for) for orphan in orphans)
        self.stdout.write(f"{len(orphans) - reserved_count} unassigned numbers at Twilio, {reserved_count} reserved")
