"""What those in charge are told of holes, in their language: when, for which callers, and why."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from accounts import locations, preferences, users
from accounts.notifications import dispatch, push
from accounts.notifications.recipients import Recipient
from config import names, outbox
from staffing.notifications import text
from telephony import reasons
from telephony.reach import in_charge
from telephony.reach.results import Hole

EVENT = "hole_found"
TASK = "telephony.tell_hole"
MAX_TIMES, MAX_REASONS = 5, 4
"""Times that a message names, and reasons of each."""
_KEYS = re.compile(r"/keys/([^/]+)")


def to_arguments(holes: Sequence[Hole]) -> dict[str, Any]:
    """The arguments of the messages: without names, and bounded."""
    groups: dict[tuple[datetime, datetime], list[Hole]] = {}
    for hole in sorted(holes, key=lambda hole: (hole.start, hole.end, hole.way)):
        groups.setdefault((hole.start, hole.end), []).append(hole)
    times = [_to_json(start, end, group) for (start, end), group in list(groups.items())[:MAX_TIMES]]
    return {"times": times, "more": max(0, len(groups) - MAX_TIMES)}


def _to_json(start: datetime, end: datetime, holes: Iterable[Hole]) -> list[Any]:
    people: dict[tuple[str, str], None] = {}
    keys: list[str] = []
    for hole in holes:
        people |= dict.fromkeys((person.staff_id, person.why_not) for person in hole.people)
        keys.append("".join(_KEYS.findall(hole.way)))
    chosen_keys = [] if "" in keys else sorted(set(keys))[:MAX_REASONS]
    return [start.isoformat(), end.isoformat(), [list(person) for person in people][:MAX_REASONS], chosen_keys]


@outbox.task(TASK, lane=preferences.lane_of_channel, notifies=True)
def send_message(
    user_id: str, location_id: str, times: Sequence[Sequence[Any]], more: int, channel: str, *, job: outbox.TaskContext
) -> None:
    """Tell somebody in charge of holes on one channel."""
    recipient = in_charge.load_recipient(user_id, location_id)
    if recipient is None or not recipient.has_enabled(channel, EVENT):
        return
    customer_id = str(recipient.customer.id)
    location = locations.load_locations([location_id], customer_id).get(location_id)
    if location is None:
        return
    people = users.load_users(list(dict.fromkeys(id for _, _, reached, _ in times for id, _ in reached)), customer_id)
    shown_names = {id: names.for_mail(user.name) for id, user in people.items()}
    lines = [_format_time(values, shown_names, str(location.time_zone), recipient) for values in times]
    values = {"lines": lines, "more": more}
    if channel == "email":
        dispatch.send_notification_email(user_id, EVENT, job=job, locations=[location_id], values=values)
    else:
        push.send_push(user_id, EVENT, job=job, values=values, data={"locationId": location_id})


def _format_time(values: Sequence[Any], shown_names: Mapping[str, str], zone: str, recipient: Recipient) -> str:
    """One time as one line: when it is, for which callers, and why."""
    start, end, people, keys = values
    when = text.format_time_range(datetime.fromisoformat(start), datetime.fromisoformat(end), zone, recipient)
    why = [
        reasons.sentence("why_not", code, shown_names[id], recipient.language)
        for id, code in people
        if id in shown_names
    ]
    if not people:
        why = [reasons.sentence("hole", "nobody_on_duty", language=recipient.language)]
    context = {"when": when, "keys": ", ".join(keys), "why": " ".join(why)}
    return render_to_string(f"notifications/hole.{recipient.language}.txt", context).strip()
