"""What a rota makes of the calls of the last weeks, for the page of the rota of a location."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.permissions import Actor
from config import dynamodb
from staffing.schedules.queries import QueryTooWide
from telephony import ivr, lines
from telephony.calls import demand
from telephony.calls.history.location_calls import MAX_CALLS
from telephony.ivr.wording import WEEKDAY_NAMES
from telephony.models import Line
from telephony.reach import replay
from telephony.reach.replay import Replay, ReplayedCall

MAX_HOURS = 3
UNANSWERED = ("missed", "voicemail")


@dataclass(frozen=True)
class RotaCalls:
    """The calls in words: the sum first."""

    sentences: Sequence[str]
    is_warning: bool = False


def describe_calls(location_id: str, *, actor: Actor, at: datetime) -> RotaCalls:
    """The calls of the last four weeks against the rota as it is now. Four round trips."""
    known = dynamodb.batch_get(lines.line_keys(location_id))
    line = known.get(Line, location_id)
    if line is None or not line.number or not line.configuration:
        return RotaCalls(["The location has no line, so nobody calls it."])
    location = lines.get_line(location_id, actor=actor, known=known)[1]
    since, until = demand.find_window(at, str(location.time_zone), demand.WEEKS)
    since = max(since, at - timedelta(days=settings.TELEPHONY["kept_days"]))
    if since >= until:
        return RotaCalls(["Calls are not stored for long enough."])
    try:
        replayed = replay.replay_calls(location_id, since, until, [], actor=actor, at=at, known=known)
    except QueryTooWide as error:
        return RotaCalls([f"The calls cannot be compared: {error.detail}"])
    return describe_replay(replayed, follows_rota=ivr.follows_rota(line.configuration))


def describe_replay(replayed: Replay, *, follows_rota: bool) -> RotaCalls:
    """Of the calls that nobody answered: how many the rota leaves without anybody to ring. Pure.

    ``follows_rota``: the line is closed while nobody is on duty, so calls then count, too.
    """
    outcomes = (*UNANSWERED, "closed") if follows_rota else UNANSWERED
    unanswered = [call for call in replayed.calls if call.was in outcomes]
    limit = f" Only the newest {MAX_CALLS} calls are counted." if replayed.is_cut else ""
    if not unanswered:
        return RotaCalls([f"Somebody answered all {_count(replayed.call_count)} of the last 4 weeks.{limit}"])
    alone = [call for call in unanswered if not call.would_ring]
    sentences = [
        f"Of {_count(replayed.call_count)} of the last 4 weeks, nobody answered {len(unanswered)}.{limit}",
        f"{len(alone)} of them came while nobody is on duty by this rota whose phone rings."
        if alone
        else "By this rota, each of them would ring somebody who is on duty.",
    ]
    if alone:
        sentences.append(f"Most of them: {'; '.join(_list_hours(alone, replayed.time_zone))}.")
    return RotaCalls(sentences, is_warning=bool(alone))


def _count(number: int) -> str:
    return f"{number} call{'' if number == 1 else 's'}"


def _list_hours(calls: Iterable[ReplayedCall], zone: str) -> list[str]:
    slots = Counter(demand.slot_of(call.started_at, ZoneInfo(zone)) for call in calls)
    return [
        f"{WEEKDAY_NAMES[weekday]} {hour:02}:00 to {(hour + 1) % 24:02}:00 ({_count(number)})"
        for (weekday, hour), number in sorted(slots.items(), key=lambda item: (-item[1], item[0]))[:MAX_HOURS]
    ]
