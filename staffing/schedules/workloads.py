"""How much of the rota a person has, which is limited."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from staffing.models import LONG_SHIFT_DURATION, StaffAvailability
from staffing.schedules.availability_rows import StoredRow


@dataclass(frozen=True)
class Workload:
    """How much a change of a person's schedules is compared with.

    Long shifts count as series.
    """

    series: int = 0
    changed_shifts: int = 0
    single_shifts: int = 0

    def __add__(self, other: "Workload") -> "Workload":
        return Workload(
            self.series + other.series,
            self.changed_shifts + other.changed_shifts,
            self.single_shifts + other.single_shifts,
        )

    def __sub__(self, other: "Workload") -> "Workload":
        return Workload(
            self.series - other.series,
            self.changed_shifts - other.changed_shifts,
            self.single_shifts - other.single_shifts,
        )

    def exceeds(self, other: "Workload") -> bool:
        """Whether it has more of anything."""
        return (
            self.series > other.series
            or self.changed_shifts > other.changed_shifts
            or self.single_shifts > other.single_shifts
        )

    @classmethod
    def of(cls, rows: Iterable[StaffAvailability | StoredRow]) -> "Workload":
        """That of these rows."""
        series = changed_shifts = single_shifts = 0
        for row in rows:
            for start, end, _, pattern in row.shifts or ():
                if pattern:
                    changed_shifts += len(pattern.get("exceptions", ()))
                if pattern or is_long_shift(start, end):
                    series += 1
                else:
                    single_shifts += 1
        return cls(series, changed_shifts, single_shifts)


def is_long_shift(start: str, end: str) -> bool:
    """Whether a single shift between two stored wall times is a long one."""
    if start[:10] == end[:10]:
        return False  # most shifts, in a seventh of the time
    return datetime.fromisoformat(end) - datetime.fromisoformat(start) > LONG_SHIFT_DURATION


NO_WORKLOADS: Mapping[str, Workload] = MappingProxyType({})
