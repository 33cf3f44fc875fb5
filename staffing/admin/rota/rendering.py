"""The grid as HTML: a table that is drawn as a time axis.

Written here and not in a template, as a template takes ten times as long for hundreds of shifts.
Everything that comes from records is escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape  # Django's takes five times as long, which is half the time of a page

from django.contrib.admin.utils import quote
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from staffing.admin.rota.cover import DayCover
from staffing.admin.rota.entries import RotaEntry, format_clock
from staffing.admin.rota.grid import DaySpan, Segment, assign_lanes, extent_of, split_by_day
from staffing.admin.rota.rows import RotaRow, label_width

_PLACEHOLDER = "SCHEDULE"
_LATE = 35
"""Percent of the axis of the last day: the label of a bar that begins later would not fit."""
OVERLAP = "⚠ overlap"


@dataclass(frozen=True)
class GridStyle:
    """What all rows of a page share."""

    days_by_zone: Mapping[str, Sequence[DaySpan]]
    now: datetime
    is_month: bool
    day_count: int
    back_url: str
    """The page to which the page of a shift returns."""
    names_location: bool
    """Whether shifts name their location, not their person."""


def shift_url_pattern(back_url: str) -> str:
    """The URL of the page of a schedule, with `_PLACEHOLDER` for its id."""
    page_url = reverse("admin:staffing_schedule_change", args=(_PLACEHOLDER,))
    return f"{page_url}?{urlencode({'back': back_url})}"


def render_rows(rows: Sequence[RotaRow], style: GridStyle) -> SafeString:
    """The rows of the table."""
    texts = _EntryTexts(style)
    looks = {
        zone: [(cell_class(day, style.now), now_style(day, style.now)) for day in days]
        for zone, days in style.days_by_zone.items()
    }
    parts = [
        _render_row(number, row, style, [texts.get(entry) for entry in row.entries], looks[row.zone])
        for number, row in enumerate(rows, 2)
    ]
    return mark_safe("".join(parts))  # noqa: S308 - parts are escaped


def _render_row(
    number: int, row: RotaRow, style: GridStyle, texts: Sequence[tuple[str, str, str]], looks: Sequence[tuple[str, str]]
) -> str:
    """A row; ``texts`` are those of its shifts, ``looks`` the classes and styles of its cells."""
    days = style.days_by_zone[row.zone]
    widths = [label_width(label, is_month=style.is_month) for label, _, _ in texts]
    period_end = days[-1].end
    lanes = assign_lanes(
        [extent_of(entry.span, width, period_end) for entry, width in zip(row.entries, widths, strict=True)]
    )
    cells: list[list[str]] = [[] for _ in days]
    for entry, entry_texts, lane in zip(row.entries, texts, lanes, strict=True):
        for segment in split_by_day(entry.span, days):
            cells[segment.day_index].append(_render_segment(entry, segment, entry_texts, lane, style))
    name = escape(row.name)
    title = f'<a href="{escape(row.url)}">{name}</a>' if row.url else name
    detail = f"<small>{escape(row.detail)}</small>" if row.detail else ""
    hours = row.hours_within((days[0].start, period_end))
    title_text = f' title="In this {"month" if style.is_month else "week"}"'
    heading = (
        f'<th scope="row" role="rowheader" class="bo-who"><small{title_text}>{hours}</small>'
        f"<span>{title}{detail}</span></th>"
    )
    class_name = ' class="bo-unstaffed"' if row.is_unstaffed else ""
    return (
        f'<tr role="row"{class_name} style="--lanes:{max(lanes, default=0) + 1};--h:{row.hue}">{heading}'
        + "".join(_render_cells(number, row, cells, looks))
        + "</tr>"
    )


def _render_cells(
    number: int, row: RotaRow, cells: Sequence[Sequence[str]], looks: Sequence[tuple[str, str]]
) -> Iterator[str]:
    name = f'<span class="bo-cell-who">{escape(row.name)}</span>'
    for index, ((class_name, style), parts) in enumerate(zip(looks, cells, strict=True)):
        order = index * 1000 + number
        if parts:
            content = name + "".join(parts)
            yield f'<td role="cell" class="{class_name}" style="order:{order}{style}">{content}</td>'
        else:
            yield f'<td role="cell" class="{class_name} bo-free" style="order:{order}{style}"></td>'


def cell_class(day: DaySpan, now: datetime) -> str:
    """The classes of a cell: weekends and today are told apart."""
    classes = ["bo-cell"]
    if day.date.weekday() >= 5:
        classes.append("bo-weekend")
    if day.start <= now < day.end:
        classes.append("bo-today")
    return " ".join(classes)


def now_style(day: DaySpan, now: datetime) -> str:
    """Where the line of the present time is, in the cell of today."""
    return f";--now:{day.percent(now)}%" if day.start <= now < day.end else ""


class _EntryTexts:
    """What is said about shifts; the same for those of a series that follow its rule."""

    def __init__(self, style: GridStyle) -> None:
        self._names_location = style.names_location
        self._url_parts = escape(shift_url_pattern(style.back_url)).split(_PLACEHOLDER)
        self._texts_of_series: dict[str, tuple[str, str, str]] = {}

    def get(self, entry: RotaEntry) -> tuple[str, str, str]:
        """The label, the description and the URL of a shift: the last two as they are in HTML."""
        occurrence, schedule = entry.shift.occurrence, entry.shift.schedule
        if not schedule.is_series:
            return self._build(entry)
        texts = self._texts_of_series.get(schedule.id)
        if texts is None or occurrence.is_changed or occurrence.is_adjusted or entry.overlaps:
            texts = self._build(entry)
            if not (occurrence.is_changed or occurrence.is_adjusted or entry.overlaps):
                self._texts_of_series[schedule.id] = texts
        label, description, url = texts
        start = occurrence.recurrence_id.isoformat()[:16]
        return label, description, f"{url}&amp;scope=occurrence&amp;recurrenceId={start}"

    def _build(self, entry: RotaEntry) -> tuple[str, str, str]:
        before_id, after_id = self._url_parts
        url = before_id + quote(entry.shift.schedule.id) + after_id
        return _label(entry), escape(describe_entry(entry, names_location=self._names_location)), url


def _label(entry: RotaEntry) -> str:
    """What the bar says: the times, and what must be noticed."""
    times = entry.times
    cover = f" for {entry.owner_name.split()[0]}" if entry.is_cover and entry.owner_name else ""
    return f"{times}{cover}{' ' + OVERLAP if entry.overlaps else ''}"


def describe_entry(entry: RotaEntry, *, names_location: bool) -> str:
    """Everything about a shift but its times, as text."""
    details, name = entry.shift.details, entry.location_name if names_location else entry.person_name
    facts = [
        name,
        f"covers for {entry.owner_name}" if entry.is_cover else "",
        "moved" if entry.shift.occurrence.is_moved and not entry.is_cover else "",
        str(details.get("position") or ""),
        str(details.get("notes") or "")[:120],
        *(f"overlaps {other}" for other in entry.overlaps),
    ]
    return ", ".join(filter(None, facts))


def _render_segment(
    entry: RotaEntry, segment: Segment, texts: tuple[str, str, str], lane: int, style: GridStyle
) -> str:
    label, description, url = texts
    classes = "bo-shift"
    if not segment.is_first:
        label = f"until {format_clock(entry.end)}" if segment.is_last else "all day"
        classes += " bo-on bo-before" if segment.day_index == 0 else " bo-on"
    elif segment.left > _LATE and segment.day_index == style.day_count - 1:
        classes += " bo-end"
    if not segment.is_last:
        classes += " bo-goes-on"
    if entry.overlaps:
        classes += " bo-overlap"
    if not segment.is_first:
        description = f"(since {entry.start_text}) {description}"
    if style.is_month:  # without room for a label: the whole text appears at the bar that is pointed at
        content = f'<span class="bo-more">{escape(label)} {description}</span>'
    else:
        content = f'<b>{escape(label)}</b> <span class="bo-more">{description}</span>'
    style_text = f"--s:{segment.left};--w:{segment.width}{f';--n:{lane}' if lane else ''}"
    return f'<a class="{classes}" href="{url}" style="{style_text}">{content}</a>'


def render_cover(covers: Sequence[DayCover], now: datetime) -> SafeString:
    """The row that says from when until when somebody is on duty."""
    cells = []
    for index, cover in enumerate(covers):
        bars = "".join(
            f'<i class="{name}" style="--s:{left};--w:{round(cover.day.percent(end) - left, 2)}"></i>'
            for name, spans in (
                ("bo-is-open", cover.open or ()),
                ("bo-covered", cover.covered),
                ("bo-was-gap", cover.past_gaps),
                ("bo-gap", cover.gaps),
            )
            for start, end in spans
            for left in (cover.day.percent(start),)
        )
        gap = f"<strong>⚠ gap {escape(cover.gap_text)}</strong>" if cover.gaps else ""
        title = escape(f"{cover.text}{f', gap {cover.gap_text}' if cover.gaps else ''}")
        cells.append(
            f'<td role="cell" class="{cell_class(cover.day, now)} bo-cover" title="{title}" '
            f'style="order:{index * 1000 + 1}{now_style(cover.day, now)}">{bars}'
            f"<span>{escape(cover.text)} {gap}</span></td>"
        )
    return mark_safe("".join(cells))  # noqa: S308 - parts are escaped
