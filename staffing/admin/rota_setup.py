"""The step of setting up a customer that makes a weekly rota from shift templates.

A table has a row for each person and a column for each weekday; a template in a cell becomes part
of a weekly series. What was created before is not created again.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from rest_framework.exceptions import ValidationError

from accounts import customers, locations, users
from accounts.admin.customer_setup.steps import SetupPage, SetupStep, StepState
from accounts.permissions import Actor
from config import dynamodb, errors
from config.backoffice import operators
from config.backoffice.forms import form_fields
from staffing import shift_templates
from staffing.models import Schedule, Template
from staffing.recurrence import wall_clock
from staffing.recurrence.describe import DAY_NAMES, describe_pattern
from staffing.schedules import weekly_rota
from staffing.serializers.schedules import ScheduleView
from staffing.serializers.shift_templates import NewTemplate

if TYPE_CHECKING:
    from accounts.models import Location, User

MAX_PEOPLE, MAX_LOCATIONS, MAX_TEMPLATES, MAX_SCHEDULES = 100, 100, 30, 400
"""Of a customer, that are shown, or compared."""
EVERYBODY = "everybody"
"""The choice for all staff who have neither shifts nor a choice of their own."""
RUN_SECONDS = 12.0
"""What one request may take to create series; the next one goes on."""
WORKDAYS = tuple(DAY_NAMES)[:5]
_ALL_LOCATIONS = "*"
PROPOSALS = [
    {"name": "Early", "start": "08:00", "end": "16:00"},
    {"name": "Late", "start": "14:00", "end": "22:00"},
    {"name": "", "start": "", "end": ""},
]


class TemplateRow(forms.Form):
    """A shift template; a row without a name is left out."""

    name = form_fields.text_field("Name", required=False, max_length=200)
    start = form_fields.text_field("Start", required=False, max_length=5)
    end = form_fields.text_field("End", required=False, max_length=5)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("start", "end"):
            self.fields[name].widget.attrs["placeholder"] = "08:00"

    def clean(self) -> dict[str, Any]:
        values = dict(super().clean() or {})
        if not values.get("name"):
            return values
        body = {"name": values["name"], "startTime": values.get("start"), "endTime": values.get("end")}
        try:
            values["body"] = NewTemplate.parse(body)
        except ValidationError as error:
            for name, details in dict(error.detail).items():  # type: ignore[arg-type]
                field = {"startTime": "start", "endTime": "end"}.get(name, "name")
                self.add_error(field, [str(detail) for detail in details])
        return values


TemplateRows = forms.formset_factory(TemplateRow, extra=0, max_num=10, absolute_max=10)


class FirstDayForm(forms.Form):
    """From when the rota applies."""

    first_day = forms.DateField(
        label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), input_formats=["%Y-%m-%d"]
    )

    def clean_first_day(self) -> date:
        """A day that is near: a typing error must not fill years."""
        day: date = self.cleaned_data["first_day"]
        if abs(day - operators.now().date()) > timedelta(days=366):
            raise forms.ValidationError("Choose a day within a year of today.")
        return day


@dataclass(frozen=True)
class _Choices:
    """What the table is made of."""

    people: "Sequence[User]"
    locations: "Mapping[str, Location]"
    templates: Mapping[str, Template]
    schedules: Sequence[Schedule]
    """Those that are not over: the newest."""

    def list_without_shifts(self) -> "list[User]":
        """The staff who have no schedule yet."""
        staff_ids = {str(schedule.staff_id) for schedule in self.schedules}
        return [user for user in self.people if user.role == "staff" and str(user.id) not in staff_ids]


def describe(customer_id: str) -> StepState:
    """Whether all staff have a shift."""
    schedules, people = dynamodb.gather(
        partial(_read_schedules, customer_id), lambda: list(islice(users.iter_customer_users(customer_id), MAX_PEOPLE))
    )
    if not schedules:
        return StepState(is_done=False, text="no shifts yet")
    staff_ids = {str(schedule.staff_id) for schedule in schedules}
    count = sum(1 for user in people if user.id not in staff_ids and user.role == "staff")
    if not count or len(schedules) == MAX_SCHEDULES:
        return StepState(is_done=True, text="has shifts")
    return StepState(is_done=False, text=f"{count} of the staff without a shift")


def _read_schedules(customer_id: str) -> list[Schedule]:
    """The schedules of a customer that end last; one round trip."""
    values = {":of": {"S": customer_id}}
    options = {"IndexName": "byCustomer", "Limit": MAX_SCHEDULES, "ScanIndexForward": False}
    return dynamodb.query_records(Schedule, "#customer_id = :of", values, **options)


def view(page: SetupPage) -> HttpResponse:
    """Show the table; save templates or create the series that were chosen."""
    request = page.request
    is_post = request.method == "POST"
    saves_templates = is_post and "save_templates" in request.POST
    choices = _read_choices(page.actor)
    initial = [{}] * len(PROPOSALS) if choices.templates else PROPOSALS
    template_rows = TemplateRows(request.POST if saves_templates else None, initial=initial, prefix="template")
    if saves_templates and template_rows.is_valid() and _create_templates(page, template_rows, choices):
        return page.go_to_itself()
    day_form = FirstDayForm(
        request.POST if is_post and not saves_templates else None, initial={"first_day": _next_monday(choices)}
    )
    if day_form.is_bound and day_form.is_valid():
        weeks = list(_read_weeks(request.POST, choices, day_form.cleaned_data["first_day"]))
        if not weeks:
            messages.error(request, "Choose a template for at least one person.")
        elif _create_series(page, weeks, choices):
            return page.go_on()
    context = {
        "template_rows": template_rows,
        "templates": choices.templates.values(),
        "day_form": day_form,
        "day_names": DAY_NAMES,
        "people": [_to_row(user, choices, request.POST if is_post else {}) for user in choices.people],
        "has_locations": bool(choices.locations),
        "max_people": MAX_PEOPLE,
        "everybody": {"name": f"week-{EVERYBODY}", "value": request.POST.get(f"week-{EVERYBODY}", "")},
        "without_shifts": [str(user.name) for user in choices.list_without_shifts()] if choices.schedules else [],
        "rotas": [(place.name, reverse("admin:rota", args=(id,))) for id, place in choices.locations.items()],
    }
    return page.render("backoffice/setup_rota.html", context)


def _next_monday(choices: _Choices) -> date:
    """By the clock of the first location."""
    zone = next((str(place.time_zone) for place in choices.locations.values()), "UTC")
    today = wall_clock.to_wall_time(operators.now(), zone).date()
    return today + timedelta(days=7 - today.weekday())


def _read_choices(actor: Actor) -> _Choices:
    customer = customers.get_customer(str(actor.customer_id))
    people, places, templates, schedules = dynamodb.gather(
        lambda: users.list_users(actor, operators.now(), customer=customer, limit=MAX_PEOPLE, cursor=None),
        lambda: locations.list_accessible_locations(actor, limit=MAX_LOCATIONS, cursor=None),
        lambda: shift_templates.list_templates(actor, location_id=None, limit=MAX_TEMPLATES, cursor=None),
        partial(_read_schedules, str(actor.customer_id)),
    )
    return _Choices(
        [user for user in people.records if user.status in ("active", "invited")],
        {str(location.id): location for location in places.records},
        {str(template.id): template for template in templates.records},
        [schedule for schedule in schedules if schedule.series().latest_end > operators.now()],
    )


def _create_templates(page: SetupPage, rows: Any, choices: _Choices) -> bool:
    """Create the templates of the rows; False if there was none, or one was refused."""
    bodies = [row.cleaned_data["body"] for row in rows if "body" in row.cleaned_data]
    existing = {(str(template.name), template.start, template.end) for template in choices.templates.values()}
    try:
        for body in bodies:
            if (body["name"], body["start"], body["end"]) not in existing:
                shift_templates.create_template(body, actor=page.actor, at=operators.now())
    except errors.DomainError as error:
        if error.status >= 500:
            raise
        messages.error(page.request, error.detail)
        return False
    if not bodies:
        messages.error(page.request, "Enter at least one name.")
    return bool(bodies)


# --- the table ------------------------------------------------------------------------------------
def _locations_of(user: "User", choices: _Choices) -> "list[Location]":
    if _ALL_LOCATIONS in user.locations:
        return list(choices.locations.values())
    return [choices.locations[id] for id in user.locations if id in choices.locations]


def _to_row(user: "User", choices: _Choices, data: Mapping[str, Any]) -> dict[str, Any]:
    """A person's row as the page shows it, with what was chosen."""

    def cell(name: str) -> dict[str, str]:
        return {"name": f"{name}-{user.id}", "value": str(data.get(f"{name}-{user.id}", ""))}

    return {
        "name": user.name,
        "role": user.role,
        "existing": list(_describe_existing(user, choices)),
        "locations": _locations_of(user, choices),
        "location": cell("location"),
        "week": cell("week"),
        "days": [{**cell(day), "label": label} for day, label in DAY_NAMES.items()],
    }


def _describe_existing(user: "User", choices: _Choices) -> Iterator[str]:
    """What a person has already, such as "weekly on Mon, Tue from 8 at Boston"."""
    for schedule in choices.schedules:
        if schedule.staff_id == user.id:
            series = schedule.series()
            location = choices.locations.get(str(schedule.location_id))
            times = (
                f"{series.start:%H:%M}–{series.end:%H:%M}" if schedule.is_series else f"{series.start:%a %-d %b %H:%M}"
            )
            rule = describe_pattern(ScheduleView(schedule).data["recurrencePattern"])
            yield f"{rule} {times}{f' at {location.name}' if location else ''}"


def _read_weeks(data: Mapping[str, Any], choices: _Choices, first_day: date) -> Iterator[weekly_rota.WeeklySeries]:
    """The series that were chosen: one for each person and template."""
    everybody = str(data.get(f"week-{EVERYBODY}") or "")
    without_shifts = {str(user.id) for user in choices.list_without_shifts()}
    for user in choices.people:
        reachable = {str(location.id): location for location in _locations_of(user, choices)}
        location_id = str(data.get(f"location-{user.id}") or next(iter(reachable), ""))
        if location_id not in reachable:
            continue
        days_by_template: dict[str, list[str]] = {}
        for day in DAY_NAMES:
            template_id = str(data.get(f"{day}-{user.id}") or "")
            if not template_id and day in WORKDAYS:
                template_id = str(data.get(f"week-{user.id}") or (everybody if str(user.id) in without_shifts else ""))
            if template_id in choices.templates:
                days_by_template.setdefault(template_id, []).append(day)
        for template_id, days in days_by_template.items():
            template = choices.templates[template_id]
            yield weekly_rota.WeeklySeries(str(user.id), location_id, template, tuple(days), first_day)


def _create_series(page: SetupPage, weeks: Sequence[weekly_rota.WeeklySeries], choices: _Choices) -> bool:
    """Create them; False if the page must be shown again, with the reasons as messages."""
    names = {str(user.id): str(user.name) for user in choices.people}
    existing_ids = {str(schedule.id) for schedule in choices.schedules}
    deadline, created, existing, refused = time.monotonic() + RUN_SECONDS, 0, 0, 0
    for week in weeks:
        if time.monotonic() > deadline:
            messages.warning(page.request, "The rota is not finished yet: press “Create the rota” again to continue.")
            return False
        try:
            schedule = weekly_rota.create_series(week, actor=page.actor, at=operators.now())
            created, existing = created + (schedule.id not in existing_ids), existing + (schedule.id in existing_ids)
        except errors.DomainError as error:
            if error.status >= 500:
                raise
            refused += 1
            messages.error(page.request, f"{names[week.staff_id]}, {week.template.name}: {error.detail}")
    if created:
        messages.success(page.request, f"Created: {created} weekly series.")
    if existing:
        messages.info(page.request, f"Not created again, as {existing} weekly series existed already.")
    return not refused


STEP = SetupStep("rota", "Weekly rota", describe, view)
