"""Who is told of missed calls and call-backs, and how often.

A person gets at most one message of an event and location in `PAUSE`: the first at once, what comes
meanwhile in one message at its end. Each says how many call-backs wait at that moment, so one that
is late and was followed by another is dropped. `LastMessage` is written with the messages of the
outbox that send it: so each is sent once, and again only after a crash while it was being sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from accounts import permissions, preferences, users
from accounts.notifications import dispatch, push, recipients
from accounts.notifications.recipients import Recipient
from config import dynamodb, journal, outbox
from config.journal.write_set import StaleRecord, Write
from staffing.schedules import on_duty
from telephony.callbacks import callback_record, subjects
from telephony.callbacks.subjects import DUE, HANDED_OVER, MISSED, Subject
from telephony.calls.history import own_calls
from telephony.calls.rota import neighbours
from telephony.calls.state import call_record
from telephony.models import Call, Callback, LastMessage

if TYPE_CHECKING:
    from accounts.models import User

PAUSE = timedelta(minutes=5)
MESSAGE_RETENTION = timedelta(days=4)
"""Longer than the outbox tries to send a message."""
MAX_RECIPIENTS = 60
"""People who are told of one call: all of it is one transaction."""


# --- who is told ----------------------------------------------------------------------------------
@outbox.task("telephony.tell_missed")
def tell_of_missed_call(callback_id: str, call_id: str, *, job: outbox.TaskContext) -> None:
    """Tell those on duty and in charge of a missed call; if a user has taken it, that user."""
    callback = callback_record.load(callback_id)
    if callback is None or callback.is_closed:
        return
    if callback.status == "taken" and not subjects.is_held_by_operator(callback):
        tell(MISSED, callback.location_id, [str(callback.taken_by)], job, callback=callback)
        return
    on_duty_at = find_on_duty(callback, job.at)
    user_ids = [*on_duty_at, *find_in_charge(callback)]
    call = call_record.load(call_id)
    if call:
        elsewhere = {id: other_id for id, other_id in on_duty_at.items() if other_id != callback.location_id}
        own_calls.add_users(call, user_ids, elsewhere)
    tell(MISSED, callback.location_id, user_ids, job, callback=callback, next_shift=not on_duty_at)


@outbox.task("telephony.tell_handed_over")
def tell_of_handed_over_callback(callback_id: str, *, job: outbox.TaskContext) -> None:
    """Tell those on duty of a call-back that whoever had taken it does not have any more.

    Whoever released it knows.
    """
    callback = callback_record.load(callback_id)
    if callback and callback.status == "open":
        user_ids = [id for id in find_on_duty(callback, job.at) if id != job.author.id]
        tell(
            HANDED_OVER,
            callback.location_id,
            user_ids or find_in_charge(callback),
            job,
            callback=callback,
            next_shift=not user_ids,
        )


def find_on_duty(callback: Callback | Call, at: datetime) -> dict[str, str]:
    """The users on duty who may handle a call-back, and where each is on duty.

    That is at its location, then at others whose people its line rings.
    """
    location_id, customer_id = str(callback.location_id), str(callback.customer_id)
    own = on_duty.list_on_duty(location_id, at, customer_id=customer_id)
    targets = neighbours.load_neighbours(location_id)
    near = neighbours.list_on_duty(targets, at, customer_id=customer_id) if targets else []
    duty_locations: dict[str, str] = {}
    for entry, duty_location_id in [*((entry, location_id) for entry in own), *near]:
        if _works_at(entry.user, duty_location_id):
            duty_locations.setdefault(entry.user.id, duty_location_id)
    return dict(islice(duty_locations.items(), MAX_RECIPIENTS))


def find_in_charge(callback: Callback | Call) -> list[str]:
    """The managers of the location of a call-back who may handle it."""
    managers = users.find_location_managers(str(callback.location_id), str(callback.customer_id))
    return [user.id for user in managers if may_handle(user, callback.location_id)][:MAX_RECIPIENTS]


def may_handle(user: "User", location_id: str) -> bool:
    """Whether a user may handle call-backs of a location, at least while on duty.

    That is there, or at another one whose people its line rings.
    """
    workplace = neighbours.find_workplace(permissions.user_actor(user), location_id)
    return workplace is not None and _works_at(user, workplace)


def _works_at(user: "User", location_id: str) -> bool:
    actor = permissions.user_actor(user)
    return user.status == "active" and actor.can_access_locations([location_id]) and "calls:handle" in actor.permissions


def tell(
    event: str,
    location_id: str,
    user_ids: Iterable[str],
    job: outbox.TaskContext,
    *,
    callback: Callback | None = None,
    next_shift: bool = False,
    topic: str = "",
    call_id: str = "",
) -> None:
    """Have each of these users told; the messages replace that of the job.

    With ``next_shift`` those on duty next are told too. ``topic`` and ``call_id`` as in `Subject`.
    """
    distinct_ids = list(dict.fromkeys(user_ids))[:MAX_RECIPIENTS]
    if not distinct_ids and not next_shift:
        return
    with journal.write_intent(job.author, job.at) as write:
        for user_id in distinct_ids:
            write.enqueue(
                "telephony.tell_person",
                id=f"{job.id}-{user_id}",
                event=event,
                user_id=user_id,
                location_id=location_id,
                callback_id=callback.id if callback else "",
                topic=topic,
                call_id=call_id,
            )
        if callback and next_shift:
            write.enqueue("telephony.await_shift", id=f"{job.id}-shift", callback_id=callback.id)
        write.replace(job.id, job.claim)


# --- how often ------------------------------------------------------------------------------------
@outbox.task("telephony.tell_person")
def tell_person(
    event: str,
    user_id: str,
    location_id: str,
    callback_id: str,
    *,
    job: outbox.TaskContext,
    after: str | None = None,
    topic: str = "",
    call_id: str = "",
) -> None:
    """Send a user a message of what waits at a location: now, or at the end of the pause.

    ``after``: when they were told before the pause that ends now; after a later message, what came
    in it was told already. ``topic`` and ``call_id`` as in `Subject`.
    """
    subject = Subject(event, user_id, location_id, callback_id, topic, call_id)
    recipient = _load_recipient(user_id, location_id)
    channels = [channel for channel in preferences.CHANNELS if recipient and recipient.has_enabled(channel, event)]
    if not channels or not subject.is_waiting(job.at):
        return

    def decide() -> None:
        last = dynamodb.get_record(LastMessage, subject.key)
        if last and _is_covered(last, subject, after):
            return
        arguments = asdict(subject)
        with journal.write_intent(job.author, job.at) as write:
            if last and last.told_at + PAUSE > job.at:
                _enqueue_after_pause(write, last, arguments)
            else:
                _put_last_message(write, last, subject.key)
                for channel in channels:
                    write.enqueue(
                        "telephony.send_message",
                        id=f"{job.id}-{channel}",
                        **arguments,
                        channel=channel,
                        told_at=job.at.isoformat(),
                    )
            write.replace(job.id, job.claim)

    journal.retry_on_conflict(decide)


def _is_covered(last: LastMessage, subject: Subject, after: str | None) -> bool:
    """Whether a message that was sent since counts the call-back."""
    if after:
        return bool(last.told_at.isoformat() != after)
    callback = callback_record.load(subject.callback_id) if subject.event == DUE and not subject.topic else None
    # it was one of several that were due
    return bool(callback and max(callback.due_at, callback.updated_at) <= last.told_at)


def _enqueue_after_pause(write: Write, last: LastMessage, arguments: Mapping[str, Any]) -> None:
    """One message for all that comes in the pause. Raises `StaleRecord` if one was just sent."""
    write.require(last.record_key, LastMessage.told_at == last.told_at, error=StaleRecord())
    message_id, due = f"{last.key}-{last.told_at:%Y%m%d%H%M%S%f}", last.told_at + PAUSE
    if arguments["topic"]:  # each decides whether it still matters, and the first that does is sent
        message_id += f"-{arguments['callback_id']}{arguments['call_id']}"
    write.enqueue("telephony.tell_person", id=message_id, due=due, **arguments, after=last.told_at.isoformat())


def _put_last_message(write: Write, last: LastMessage | None, key: str) -> None:
    """Raises `StaleRecord` at the commit if another message is sent at the same time."""
    is_unchanged = LastMessage.told_at == last.told_at if last else LastMessage.key.does_not_exist()
    expires_at = int((write.at + MESSAGE_RETENTION).timestamp())
    write.put(LastMessage(key=key, told_at=write.at, expires_at=expires_at), only_if=is_unchanged, error=StaleRecord())


# --- what they are told ---------------------------------------------------------------------------
@outbox.task("telephony.send_message", lane=preferences.lane_of_channel, notifies=True)
def send_message(
    event: str,
    user_id: str,
    location_id: str,
    callback_id: str,
    channel: str,
    told_at: str,
    *,
    job: outbox.TaskContext,
    topic: str = "",
    call_id: str = "",
) -> None:
    """Send one message on one channel, unless a later one was decided or nothing waits any more."""
    subject = Subject(event, user_id, location_id, callback_id, topic, call_id)
    recipient = _load_recipient(user_id, location_id)
    last = dynamodb.get_record(LastMessage, subject.key)
    if recipient is None or (last and last.told_at.isoformat() != told_at):
        return
    waiting = subject.list_waiting(job.at)
    call_id = call_id or (str(waiting[0].call_id) if len(waiting) == 1 else "")
    call = call_record.load(call_id) if call_id else None
    called_at = [callback.last_call_at for callback in waiting] or ([call.row.started_at] if call else [])
    if not called_at:
        return
    values = {"count": len(waiting), "topic": topic}
    if channel == "email":
        values["called_at"] = max(called_at)
        dispatch.send_notification_email(user_id, event, job=job, locations=[location_id], values=values)
    else:
        data = {"locationId": location_id}
        data |= {"callbackId": waiting[0].id} if len(waiting) == 1 else {}
        data |= {"callId": call_id} if call_id else {}
        if call:
            elsewhere = neighbours.find_duty_locations(permissions.user_actor(recipient.user), location_id)
            own_calls.add_users(call, [user_id], elsewhere)
        push.send_push(user_id, event, job=job, values=values, data=data)


def _load_recipient(user_id: str, location_id: str) -> Recipient | None:
    """A user who may still handle call-backs of a location."""
    recipient = recipients.get_recipient(user_id)
    is_able = recipient and recipient.is_notifiable and may_handle(recipient.user, location_id)
    return recipient if is_able else None
