"""What people are told whose phones could not be rung in their next shift, and those in charge."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from accounts import locations, preferences, users
from accounts.notifications import dispatch, push, recipients
from config import names, outbox
from staffing.notifications import text
from telephony import reasons
from telephony.reach import in_charge

EVENT = "not_ringable"
TASK = "telephony.tell_not_ringable"
OWN, TEAM = "own", "team"
"""What a message is about: the recipient's own phone, or those of people of their location."""
MAX_PEOPLE = 5
"""That a message names."""


@outbox.task(TASK, lane=preferences.lane_of_channel, notifies=True)
def send_message(
    user_id: str,
    location_id: str,
    start: str,
    people: Sequence[Sequence[str]],
    more: int,
    topic: str,
    channel: str,
    *,
    job: outbox.TaskContext,
) -> None:
    """Tell somebody on one channel who could not be rung, unless the shift has begun.

    ``people``: their ids, each with the code of the reason and the end of the shift.
    """
    starts_at = datetime.fromisoformat(start)
    recipient = recipients.get_recipient(user_id) if topic == OWN else in_charge.load_recipient(user_id, location_id)
    if recipient is None or not recipient.is_notifiable or not recipient.has_enabled(channel, EVENT):
        return
    customer_id = str(recipient.customer.id)
    location = locations.load_locations([location_id], customer_id).get(location_id)
    staff = users.load_users([id for id, _, _ in people], customer_id)
    if location is None or job.at >= starts_at:
        return
    lines = [
        reasons.sentence("why_not", code, names.for_mail(staff[id].name), recipient.language)
        for id, code, _ in people
        if id in staff
    ]
    end = max(datetime.fromisoformat(end) for _, _, end in people)
    values: dict[str, Any] = {
        "topic": topic,
        "when": text.format_time_range(starts_at, end, str(location.time_zone), recipient),
        "advice": reasons.advice(people[0][1], recipient.language),
        "lines": lines,
        "more": more,
    }
    if channel == "email":
        dispatch.send_notification_email(user_id, EVENT, job=job, locations=[location_id], values=values)
    else:
        push.send_push(user_id, EVENT, job=job, values=values, data={"locationId": location_id})
