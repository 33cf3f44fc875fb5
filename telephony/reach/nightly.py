"""Has each line looked at every night at three by the clock of its location.

What nobody changes may become a hole too: time goes on, and the look reaches a day further. Beat
begins one pass a day, an outbox message that goes through all customers page by page.
"""

from datetime import datetime, time, timedelta

from accounts import customer_passes, locations, permissions
from config import journal, outbox
from staffing.recurrence import wall_clock
from telephony.models import Line
from telephony.reach import causes

TASK, MESSAGE_ID = "telephony.plan_looks", "reach-nightly"
LOOK_TIME = time(3)


def begin_planning(at: datetime) -> None:
    """Have the looks of the next night planned, unless that is under way."""
    customer_passes.begin(TASK, MESSAGE_ID, at)


@outbox.task(TASK)
def plan_looks(*, job: outbox.TaskContext) -> None:
    """Plan the next look at each line; may be repeated: the ids are the same.

    Raises `outbox.MustWait` at the end of a slice.
    """
    customer_passes.walk(job, lambda customer_id: plan_looks_of(customer_id, at=job.at))


def plan_looks_of(customer_id: str, *, at: datetime) -> None:
    """Plan the next look at each line of a customer."""
    chosen: list[Line] = [line for line in causes.iter_lines(customer_id) if line.number]
    author = permissions.system_actor(customer_id)
    for start in range(0, len(chosen), causes.LOOKS_PER_WRITE):
        ids = [str(line.location_id) for line in chosen[start : start + causes.LOOKS_PER_WRITE]]
        existing = locations.load_locations(ids, customer_id)
        if existing:
            with journal.write_intent(author, at) as write:
                for location in existing.values():
                    causes.enqueue_look(write, str(location.id), next_look(at, str(location.time_zone)))


def next_look(at: datetime, zone: str) -> datetime:
    """The next three o'clock in a zone; on a day without one, when it would have been."""
    today = wall_clock.to_wall_time(at, zone).date()
    instants = [
        wall_clock.to_instant(datetime.combine(today + timedelta(days=days), LOOK_TIME), zone) for days in (0, 1, 2)
    ]
    return next(instant for instant in instants if instant > at)
