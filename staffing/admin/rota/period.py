"""The days of a rota page: a week or a month. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from django.utils.http import urlencode

from config import errors

WEEK, MONTH = "week", "month"


@dataclass(frozen=True)
class RotaPeriod:
    """Consecutive days, from a Monday or from the first of a month."""

    first_day: date
    day_count: int
    name: str
    """week or month"""

    @classmethod
    def from_query(cls, query: Mapping[str, str], today: date) -> Self:
        """The week or month that a query string names. Raises `errors.InvalidRequest`."""
        try:
            day = date.fromisoformat(query.get("day", "") or today.isoformat())
        except ValueError as error:
            raise errors.InvalidRequest("`day` must be a date, such as 2027-01-04.") from error
        if not 1971 <= day.year <= 2150:
            raise errors.InvalidRequest("`day` must be from 1971 to 2150.")
        return cls.of(day, MONTH if query.get("show") == MONTH else WEEK)

    @classmethod
    def of(cls, day: date, name: str) -> Self:
        """The week or month of a day."""
        if name == WEEK:
            return cls(day - timedelta(days=day.weekday()), 7, WEEK)
        first_day = day.replace(day=1)
        next_month = (first_day + timedelta(days=32)).replace(day=1)
        return cls(first_day, (next_month - first_day).days, MONTH)

    @property
    def is_month(self) -> bool:
        return self.name == MONTH

    @property
    def next_day(self) -> date:
        """The first day after the period."""
        return self.first_day + timedelta(days=self.day_count)

    @property
    def last_day(self) -> date:
        return self.next_day - timedelta(days=1)

    @property
    def title(self) -> str:
        """Such as "Week of 30 Nov to 6 Dec 2026"."""
        if self.is_month:
            return f"{self.first_day:%B %Y}"
        first_format = "%-d %b %Y" if self.first_day.year != self.last_day.year else "%-d %b"
        return f"Week of {self.first_day.strftime(first_format)} to {self.last_day:%-d %b %Y}"

    @property
    def query(self) -> str:
        """The query string of a page that shows the period."""
        return urlencode({"show": self.name, "day": self.first_day.isoformat()})

    def previous(self) -> "RotaPeriod":
        """The week or month before."""
        return RotaPeriod.of(self.first_day - timedelta(days=1), self.name)

    def following(self) -> "RotaPeriod":
        """The week or month after."""
        return RotaPeriod.of(self.next_day, self.name)

    def list_dates(self) -> list[date]:
        """Its days, in order."""
        return [self.first_day + timedelta(days=offset) for offset in range(self.day_count)]

    def window(self, zone: str) -> tuple[datetime, datetime]:
        """The instants at which it begins and ends in a time zone."""
        tz = ZoneInfo(zone)
        since, until = (datetime.combine(day, time(), tz).astimezone(UTC) for day in (self.first_day, self.next_day))
        return since, until
