"""From when until when somebody is on duty on a day, and the gaps in the opening hours. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from staffing.admin.rota.grid import DaySpan, Span, merge_spans, subtract_spans


@dataclass(frozen=True)
class DayCover:
    """The cover of one day."""

    day: DaySpan
    zone: str
    open: Sequence[Span] | None
    """The opening hours of the day; None: the location has none."""
    covered: Sequence[Span]
    """When somebody is on duty, within the opening hours if there are any."""
    gaps: Sequence[Span]
    """The opening hours, from now on, in which nobody is on duty."""
    past_gaps: Sequence[Span] = ()
    """Those that are over: what hours and rota there were then is not known."""

    @property
    def text(self) -> str:
        """The cover in words: from when until when, and of which opening hours."""
        if self.open is None:
            return f"covered {self._times(self.covered)}" if self.covered else "nobody"
        if not self.open:
            return "closed"
        hours = self._times(self.open)
        if not self.gaps and not self.past_gaps:
            return f"fully covered {hours}"
        if self.covered:
            return f"covered {self._times(self.covered)} of {hours}"
        return f"nobody, open {hours}" if self.gaps else "no shifts"

    @property
    def gap_text(self) -> str:
        """The times of the gaps."""
        return self._times(self.gaps)

    def _times(self, spans: Sequence[Span]) -> str:
        if list(spans) == [(self.day.start, self.day.end)]:
            return "all day"
        return ", ".join(format_times(span, self.day, self.zone) for span in spans)


def format_times(span: Span, day: DaySpan, zone: str) -> str:
    """A part of a day; 24:00 is its end."""
    tz = ZoneInfo(zone)
    end = "24:00" if span[1] >= day.end else f"{span[1].astimezone(tz):%H:%M}"
    return f"{span[0].astimezone(tz):%H:%M}–{end}"


def find_cover(
    days: Iterable[DaySpan], zone: str, shifts: Iterable[Span], open_periods: Sequence[Span] | None, *, now: datetime
) -> list[DayCover]:
    """The cover of days by shifts; ``open_periods`` may last beyond midnight."""
    on_duty = merge_spans(shifts)
    all_open = None if open_periods is None else merge_spans(open_periods)
    covers = []
    for day in days:
        day_shifts = [part for span in on_duty if (part := day.clip(span))]
        if all_open is None:
            covers.append(DayCover(day, zone, None, day_shifts, []))
            continue
        day_open = [part for span in all_open if (part := day.clip(span))]
        all_gaps = list(subtract_spans(day_open, day_shifts))
        covered = list(subtract_spans(day_open, all_gaps))
        gaps = [(max(start, now), end) for start, end in all_gaps if end > now]
        past_gaps = [(start, min(end, now)) for start, end in all_gaps if start < now]
        covers.append(DayCover(day, zone, day_open, covered, gaps, past_gaps))
    return covers
