"""Filters of lists beside Django's: a period, by the days of the page's clock."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.http import HttpRequest
from django.utils import timezone

CURSOR_PARAM = "p"
MAX_VALUE_LENGTH = 200
MAX_YEAR = 2999
SINCE_PARAM, UNTIL_PARAM = "since", "until"


@dataclass(frozen=True)
class Period:
    """Days, both included; None: no end."""

    since: date | None = None
    until: date | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of a URL that select it."""
        ends = {SINCE_PARAM: self.since, UNTIL_PARAM: self.until}
        return {name: day.isoformat() for name, day in ends.items() if day}

    @property
    def slug(self) -> str:
        """As the name of a file has it: ``2026-10`` for a month; empty without ends."""
        if self.since and self.until:
            days = calendar.monthrange(self.until.year, self.until.month)[1]
            if self == Period(self.until.replace(day=1), self.until.replace(day=days)):
                return f"{self.since:%Y-%m}"
            return f"{self.since}-to-{self.until}"
        if self.since:
            return f"from-{self.since}"
        return f"until-{self.until}" if self.until else ""

    def __str__(self) -> str:
        if self.since and self.until:
            return (
                _format(self.since) if self.since == self.until else f"{_format(self.since)} to {_format(self.until)}"
            )
        if self.since:
            return f"from {_format(self.since)} on"
        return f"until {_format(self.until)}" if self.until else "any time"


def list_periods(today: date) -> list[tuple[str, Period]]:
    """The periods that lists offer."""
    yesterday = today - timedelta(days=1)
    return [
        ("Any time", Period()),
        ("Today", Period(today, today)),
        ("Yesterday", Period(yesterday, yesterday)),
        ("Last 7 days", Period(today - timedelta(days=6), today)),
        ("This month", Period(today.replace(day=1), today)),
        ("Last month", last_month(today)),
    ]


def last_month(today: date) -> Period:
    """The month before that of a day."""
    end = today.replace(day=1) - timedelta(days=1)
    return Period(end.replace(day=1), end)


def parse_period(since: str | None, until: str | None) -> Period:
    """The period of a URL. Raises `IncorrectLookupParameters`."""
    return Period(*(_parse_day(value) if value else None for value in (since, until)))


def _parse_day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise IncorrectLookupParameters("a day is written as in 2026-11-28") from error
    if day.year > MAX_YEAR:
        raise IncorrectLookupParameters(f"a day is not after the year {MAX_YEAR}")
    return day


class BarFilter(admin.ListFilter):
    """A filter with a field above the rows of a list, in one form with the others."""

    parameter_names: tuple[str, ...]
    is_hidden: ClassVar[bool] = False
    """Whether it has no field of its own."""
    template = "backoffice/bar_field.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.values = [str(params.pop(name, [""])[-1])[:MAX_VALUE_LENGTH] for name in self.parameter_names]
        self.used_parameters = {
            name: value for name, value in zip(self.parameter_names, self.values, strict=True) if value
        }

    @property
    def name(self) -> str:
        """The parameter of a filter that has one."""
        return self.parameter_names[0]

    @property
    def value(self) -> str:
        return self.values[0].strip()

    @property
    def options(self) -> list[tuple[str, str]]:
        """What may be chosen; none: the field takes text."""
        return []

    @property
    def option_groups(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """What may be chosen, under titles, instead of ``options``."""
        return []

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        return iter(())


class PeriodFilter(BarFilter):
    """A period. A subclass names the attribute."""

    title, parameter_names = "period", (SINCE_PARAM, UNTIL_PARAM)
    template = "backoffice/bar_period.html"
    attribute: ClassVar[str]

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.period = parse_period(*self.values)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        today = timezone.localdate()
        for name, period in list_periods(today):
            query = changelist.get_query_string(period.parameters, remove=[*self.parameter_names, CURSOR_PARAM])
            yield {"selected": period == self.period, "query_string": query, "display": name}

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        lookups = {}
        if self.period.since:
            lookups[f"{self.attribute}__gte"] = self.to_value(_start_of(self.period.since))
        if self.period.until:
            lookups[f"{self.attribute}__lt"] = self.to_value(_start_of(self.period.until + timedelta(days=1)))
        return queryset.filter(**lookups) if lookups else queryset

    def to_value(self, at: datetime) -> Any:
        """A time as the attribute has it."""
        return at


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=timezone.get_current_timezone())


def _format(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
