"""Runs the tasks of outbox messages, at least once.

A worker claims a message by moving its due time: it holds the message for `LEASE`, and if it dies
the message falls due again. What becomes of a message whose task could not do its work:
`config.outbox.postponement`.
"""

import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from inspect import signature

from cryptography.exceptions import InvalidTag

from config import audit, dynamodb, errors, observation
from config.dynamodb import encryption, unaudited
from config.outbox import postponement
from config.outbox.models import Clock, LeaseLost, OutboxMessage, fetch_due_messages
from config.outbox.tasks import load_tasks

LEASE = timedelta(seconds=60)
MAX_PASS_SECONDS = 45.0
"""Well below the time limit of a Celery task; the next pass processes what is left."""


logger = logging.getLogger("dutyline.outbox")


@dataclass(frozen=True)
class TaskContext:
    """The message that a task runs for."""

    id: str
    author: audit.Author
    at: datetime
    progress: str | None
    claim: str
    """Valid while the lease lasts; `config.journal.write_set.Write.replace` checks it."""
    save_progress: Callable[[str], None]
    """Stores how far the task got, for the next attempt. Raises `LeaseLost`."""
    is_last_attempt: bool = False
    """Whether the message is a dead letter if this attempt fails."""


class MustWait(errors.Unavailable):
    """Others are in front of the message: it is deferred by ``retry_after``, however often it was.

    With an interval that doubles, it would lose each place to younger messages.
    """


@dataclass
class PassReport:
    """The number of messages by task and outcome."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, name: str, outcome: str) -> None:
        self.counts[name, outcome] += 1

    def lines(self) -> Iterator[str]:
        for (name, outcome), count in sorted(self.counts.items()):
            yield f"{name}: {count} {outcome}"


def process_shard(
    shard: str,
    *,
    clock: Clock,
    report: PassReport | None = None,
    goes_on: Callable[[str, float], bool] = lambda outcome, seconds: True,
) -> PassReport:
    """Process the due messages of one shard, for at most `MAX_PASS_SECONDS`.

    ``goes_on`` learns the outcome of each message, empty if it was not processed, and the seconds
    that it took; the pass ends when it returns False.
    """
    report = PassReport() if report is None else report
    deadline = time.monotonic() + MAX_PASS_SECONDS
    while time.monotonic() < deadline and (batch := fetch_due_messages(shard, clock())):
        outcomes = []
        for due_message in batch:
            began_at = time.monotonic()
            if began_at >= deadline:
                break
            outcomes.append(_process_message(due_message, clock, report))
            if not goes_on(outcomes[-1], time.monotonic() - began_at):
                return report
        if not any(outcomes):
            break  # other workers have claimed them, or the index lags behind
    return report


def run_message_now(message_id: str, *, clock: Clock) -> None:
    """Process one message at once, due or not, on behalf of its author.

    For a request that cannot continue before the message is processed. Does nothing if it already
    is. Raises `errors.Unavailable` if it cannot be processed now.
    """
    due_message = dynamodb.get_record(OutboxMessage, message_id)
    if due_message is None:
        return
    is_claimed = due_message.claim and due_message.due_at > clock()
    message = None if is_claimed else _claim(due_message, clock())
    if message is None or _run(message, clock) != "done":
        raise errors.Unavailable("An earlier change is still in progress; retry.", retry_after=5)


def _process_message(due_message: OutboxMessage, clock: Clock, report: PassReport) -> str:
    """The outcome, or '' without one: then the message is due again when its lease ends."""
    try:
        return _claim_and_run(due_message, clock, report)
    except Exception:  # one message must not stop the others
        logger.exception("a message could not be processed", extra={"message_id": due_message.id})
        return ""


def _claim_and_run(due_message: OutboxMessage, clock: Clock, report: PassReport) -> str:
    message = _claim(due_message, clock())
    if message is None:
        return ""
    if message.attempts > postponement.MAX_ATTEMPTS:
        outcome = postponement.move_to_dead_letters(message, clock(), message.error or "crashed at every attempt")
    else:
        outcome = _run(message, clock)
    report.add(message.task, outcome)
    return outcome


def _claim(due_message: OutboxMessage, at: datetime) -> OutboxMessage | None:
    token = uuid.uuid4().hex
    item = unaudited.update(
        due_message,
        [
            OutboxMessage.due_at.set(at + LEASE),
            OutboxMessage.claim.set(token),
            OutboxMessage.attempts.set(OutboxMessage.attempts + 1),
        ],
        OutboxMessage.due_at == due_message.due_at,
    )
    if item:
        return OutboxMessage.from_item(item)
    # The response may have been lost and the retry have met the claim of this very call.
    message = dynamodb.get_record(OutboxMessage, due_message.id)
    return message if message and message.claim == token else None


def _run(message: OutboxMessage, clock: Clock) -> str:
    with observation.observe("task", message.task, parent=message.author.get("trace", "")) as seen:
        seen.attributes["dutyline.request_id"] = message.author["request"]
        outcome = seen.outcome = _run_task(message, clock)
    return outcome


def _run_task(message: OutboxMessage, clock: Clock) -> str:
    """Run the task of a claimed message; what came of it."""
    job = TaskContext(
        message.id,
        _decrypt_author(message),
        clock(),
        message.progress,
        message.claim or "",
        partial(_save_progress, message),
        is_last_attempt=message.attempts >= postponement.MAX_ATTEMPTS,
    )
    log_fields = postponement.log_fields(message)
    function = load_tasks().get(message.task)
    if function is None:  # during a deployment, newer processes enqueue what older ones do not know
        logger.warning("this release has no such task", extra=log_fields)
        return postponement.defer(message, clock(), "unknown_task")
    try:
        arguments = {"job": job, **message.arguments}
        function(**{name: arguments[name] for name in signature(function).parameters if name in arguments})
    except MustWait as error:
        return postponement.let_others_pass(message, clock(), error.retry_after)
    except errors.Unavailable as error:
        return postponement.defer(message, clock(), error.cause or error.code, error.retry_after)
    except dynamodb.CallRejected as rejection:
        logger.exception("the database rejects a task's call for good", extra={**log_fields, **rejection.log_fields})
        return postponement.move_to_dead_letters(message, clock(), str(rejection))
    except LeaseLost:
        logger.warning("another worker has claimed the message", extra=log_fields)
        return "lost"
    except Exception as error:  # a defect of one task must not stop the others
        logger.exception("task failed", extra=log_fields)
        return postponement.fail(message, clock(), type(error).__name__)
    unaudited.remove(message, OutboxMessage.claim == message.claim)
    logger.info("task done", extra=log_fields)
    return "done"


def _save_progress(message: OutboxMessage, progress: str) -> None:
    changes = [OutboxMessage.progress.set(progress)]
    if unaudited.update(message, changes, OutboxMessage.claim == message.claim) is None:
        stored = dynamodb.get_record(OutboxMessage, message.id)
        if stored is None or stored.claim != message.claim:
            raise LeaseLost


def _decrypt_author(message: OutboxMessage) -> audit.Author:
    data = message.author
    author = audit.Author(data["type"], data["id"], "", data["customer"], request_id=data["request"])
    key = dynamodb.get_record(encryption.PersonKey, author.stream) if data.get("sealed") else None
    if key:
        try:
            name, ip, user_agent = encryption.decrypt_json(key.unwrap(), bytes.fromhex(data["sealed"]), message.id)
            author = replace(author, name=name, ip=ip, user_agent=user_agent)
        except InvalidTag:
            logger.warning("the author of a message cannot be decrypted", extra={"message_id": message.id})
    return author
