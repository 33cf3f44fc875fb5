"""Breaks: a person on duty who wants to be left alone for a while is not rung.

A break ends at its time, which the person was told, and not with their shift: after it nobody rings
them anyway, and its longest time bounds what a forgotten one does to the next shift.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from accounts import users
from accounts.permissions import Actor
from config import audit, dynamodb, journal
from config.journal.write_set import Write
from staffing.schedules import on_duty
from telephony.models import PhonePause

if TYPE_CHECKING:
    from accounts.models import User

MIN_MINUTES, MAX_MINUTES = 5, 480
KEY_MINUTES = 30
"""How long a person is left alone who presses 2 when they are rung."""


def pause(user: "User", minutes: int, *, actor: Actor, at: datetime) -> None:
    """Leave a person alone for so many minutes from now on, also if they have a break already.

    Raises `errors.Unauthenticated` if the account is closed meanwhile.
    """
    _store(user, at + timedelta(minutes=minutes), actor, at)


def extend(user: "User", minutes: int, *, actor: Actor, at: datetime, also: Callable[[Write], None]) -> None:
    """`pause`, but a break that ends later stays as it is. ``also`` writes with it.

    Raises what ``also`` raises at the commit, too.
    """
    _store(user, at + timedelta(minutes=minutes), actor, at, is_extended=True, also=also)


def _store(
    user: "User",
    until: datetime,
    actor: Actor,
    at: datetime,
    *,
    is_extended: bool = False,
    also: Callable[[Write], None] | None = None,
) -> None:
    actor.require("self:update")

    def decide() -> None:
        records = _load(user, actor)
        before = records.get(PhonePause, user.id)
        end = max(until, before.paused_until) if is_extended and before and before.is_current(at) else until
        after = PhonePause.of_user(user.id, user.customer_id, at, end)
        changes = [audit.FieldChange("breakUntil", _shown_end(before, at), _to_text(end))]
        with journal.write(actor, "phone.break_started", user, at, changes=changes, prefetched=records) as write:
            users.require_account_open(write, user.id)
            unchanged = (
                PhonePause.paused_until == before.paused_until if before else PhonePause.user_id.does_not_exist()
            )
            write.put(after, only_if=unchanged, error=journal.StaleRecord())
            if also:
                also(write)

    journal.retry_on_conflict(decide)


def resume(user: "User", *, actor: Actor, at: datetime) -> None:
    """End a person's break. Without one, nothing changes."""
    actor.require("self:update")

    def decide() -> None:
        records = _load(user, actor)
        before = records.get(PhonePause, user.id)
        if before is None or not before.is_current(at):
            return
        changes = [audit.FieldChange("breakUntil", _shown_end(before, at), None)]
        with journal.write(actor, "phone.break_ended", user, at, changes=changes, prefetched=records) as write:
            unchanged = PhonePause.paused_until == before.paused_until
            write.remove(before, only_if=unchanged, error=journal.StaleRecord())

    journal.retry_on_conflict(decide)


def _load(user: "User", actor: Actor) -> dynamodb.BatchResult:
    return dynamodb.batch_get([dynamodb.RecordKey(PhonePause, user.id), *journal.stream_keys([actor.stream])])


def _shown_end(record: PhonePause | None, at: datetime) -> str | None:
    return _to_text(record.paused_until) if record and record.is_current(at) else None


def _to_text(at: datetime) -> str:
    return dynamodb.format_timestamp(at)


def _pause_key(user_id: str) -> dynamodb.RecordKey:
    return dynamodb.RecordKey(PhonePause, user_id)


def _find_ends(records: dynamodb.BatchResult, user_ids: Iterable[str], at: datetime) -> dict[str, datetime]:
    """When the breaks of these people end: of those who have one."""
    pauses = [record for id in user_ids if (record := records.get(PhonePause, id)) and record.is_current(at)]
    return {record.user_id: record.paused_until for record in pauses}


CALL_BREAKS = on_duty.CallBreaks(_pause_key, _find_ends)
