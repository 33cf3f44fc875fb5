"""What is found out about the reach of a line: its holes, and what they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from staffing.schedules.coverage import Period


@dataclass(frozen=True)
class Unreachable:
    """A person on duty, or named in the configuration, whom a call would not ring."""

    staff_id: str
    why_not: str
    """A code of `telephony.reasons`."""
    until: datetime | None
    """End of the shift, without the grace; None: the configuration names the person."""


@dataclass(frozen=True)
class Hole:
    """A time within opening hours in which callers on one way through the menu reach nobody."""

    start: datetime
    end: datetime
    entrance: str
    """Where the call enters the configuration: always ``open``."""
    way: str
    """Where the last key leads that the caller presses before phones would ring: `ivr.Way`."""
    ends: str
    """What the caller gets instead: voicemail, callback or hangup."""
    people: Sequence[Unreachable] = ()
    """Those whom the way would ring but for a reason, at any time of the hole; at most 20.

    First those who can do something about it; empty: nobody is on duty.
    """
    would: Sequence[str] = ()
    """What would close at least a part of it, see `sweep.list_remedies`."""

    @property
    def minutes(self) -> int:
        """Whole minutes, as time passes."""
        return count_minutes([(self.start, self.end)])


@dataclass(frozen=True)
class SharedPerson:
    """Somebody on duty at another location whom calls to that location ring, too."""

    staff_id: str
    location_id: str
    """The other location."""
    start: datetime
    """When calls of both locations ring them for the first time."""
    minutes: int
    """For how long, in the whole window."""


@dataclass(frozen=True)
class Reach:
    """Which times of a window a caller would reach nobody.

    Minutes are whole minutes as time passes, not as a clock shows them.
    """

    location_id: str
    time_zone: str
    """Of the location."""
    since: datetime
    until: datetime
    open_minutes: int
    """In which the line is open."""
    reached_minutes: int
    """Of these, those in which each way through the menu that rings anybody rings somebody."""
    holes: Sequence[Hole]
    """By start, at most `sweep.MAX_HOLES`; the minutes count all of them."""
    closed_by_rota_minutes: int = 0
    """In which a line that opens by the rota is closed as nobody is on duty; never a hole."""
    assumed_minutes: int = 0
    """Open minutes in which a way rings nothing but phone numbers of the configuration.

    Nobody knows whether these answer: they count as reached.
    """
    open_periods: Sequence[Period] = ()
    hole_periods: Sequence[Period] = ()
    """When any way has a hole, merged; complete also where ``holes`` is cut."""
    ways: Sequence[str] = ()
    """The ways that were looked at; empty: the line rings nobody, as it is configured."""
    shared: Sequence[SharedPerson] = ()
    is_cut: bool = False
    """Whether there are more holes than listed."""
    is_suspended: bool = False
    """Whether the customer is: all calls are refused, so nothing is open, and there is no hole."""
    line_version: int | None = None
    """Of the configuration; None: no line, so that the rota is looked at as by the configuration
    that a new number gets."""
    rota_version: str = ""
    """Changes with the schedules that were read."""

    @property
    def hole_minutes(self) -> int:
        """Open minutes in which callers on at least one way reach nobody."""
        return self.open_minutes - self.reached_minutes


def count_minutes(periods: Sequence[Period]) -> int:
    """The whole minutes of periods that do not overlap."""
    return int(sum((end - start for start, end in periods), timedelta()) / timedelta(minutes=1))
