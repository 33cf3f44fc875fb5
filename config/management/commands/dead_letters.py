"""List, retry or discard dead letters of the outbox, also while nobody can sign in."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import audit, dynamodb, errors, outbox
from config.admin import dead_letters


class Command(BaseCommand):
    """``manage.py dead_letters``; ``retry ID …``, ``retry --task NAME``; ``discard ID …``."""

    help = "List the dead letters of the outbox, or retry or discard some of them."
    requires_system_checks: list[str] = []  # `make check` runs them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", nargs="?", choices=["list", "retry", "discard"], default="list")
        parser.add_argument("ids", nargs="*", metavar="ID", help="as listed")
        parser.add_argument("--task", help="only those of this task; without ids: all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        ids, task = set(options["ids"]), options["task"]
        if options["what"] != "list" and not ids and not task:
            raise CommandError("Name ids, or --task.")
        messages = [message for message in _list_dead_letters() if task in (None, message.task)]
        if ids:
            missing = ids - {message.id for message in messages}
            if missing:
                raise CommandError(f"No such dead letter: {', '.join(sorted(missing))}. Nothing was changed.")
            messages = [message for message in messages if message.id in ids]
        outcomes = {"list": self._show, "retry": self._retry, "discard": self._discard}
        for message in messages:
            outcomes[options["what"]](message)
        self.stdout.write(f"{len(messages)} dead letters" if options["what"] == "list" else "done")

    def _show(self, message: outbox.OutboxMessage) -> None:
        times = f"{_format(message.first_due_at)} to {_format(message.due_at)}"
        customer = message.author["customer"]
        self.stdout.write(f"{message.id}  {message.task}  {message.error}  {times}  {customer}")

    def _retry(self, message: outbox.OutboxMessage) -> None:
        try:
            dead_letters.retry_dead_letter(message.id, author=_author_of(message), at=datetime.now(UTC))
        except errors.DomainError as error:
            raise CommandError(f"{message.id}: {error}") from error
        self.stdout.write(f"{message.id}  {message.task}  will be retried")

    def _discard(self, message: outbox.OutboxMessage) -> None:
        try:
            dead_letters.discard_dead_letter(message.id, author=_author_of(message), at=datetime.now(UTC))
        except errors.DomainError as error:
            raise CommandError(f"{message.id}: {error}") from error
        self.stdout.write(f"{message.id}  {message.task}  was discarded")


def _list_dead_letters() -> Iterator[outbox.OutboxMessage]:
    """All dead letters, oldest first; the index has only their keys."""
    condition, values = "#shard = :dead", {":dead": {"S": outbox.DEAD_LETTER_SHARD}}
    for key in dynamodb.iter_records(outbox.OutboxMessage, condition, values, IndexName="byDue"):
        message = dynamodb.get_record(outbox.OutboxMessage, key.id)
        if message and message.shard == outbox.DEAD_LETTER_SHARD:
            yield message


def _author_of(message: outbox.OutboxMessage) -> audit.Author:
    return audit.Author("system", "system", "", message.author["customer"])


def _format(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%MZ}"
