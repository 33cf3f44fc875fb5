"""What a step of setting up a customer is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts.models import Customer
from accounts.permissions import Actor
from config import dynamodb
from config.backoffice.links import admin_change_url


@dataclass(frozen=True)
class StepState:
    """How far a step is, from what is stored."""

    is_done: bool
    text: str
    """Such as ``3 locations``."""


@dataclass(frozen=True)
class SetupStep:
    """A step. ``describe`` reads in one round trip; ``view`` shows the step or does it."""

    name: str
    """In the URL."""
    title: str
    describe: Callable[[str], StepState]
    """The state at the customer of this id."""
    view: Callable[["SetupPage"], HttpResponse]


@dataclass(frozen=True)
class SetupPage:
    """A step of a customer that an operator opened."""

    request: HttpRequest
    customer: Customer
    actor: Actor
    step: SetupStep

    @property
    def next_url(self) -> str:
        """The step after this one; after the last one the page of the customer."""
        steps = load_steps()
        number = [step.name for step in steps].index(self.step.name)
        if number + 1 < len(steps):
            return step_url(str(self.customer.id), steps[number + 1].name)
        return admin_change_url("accounts", "customer", str(self.customer.id))

    def context(self) -> Mapping[str, Any]:
        """What every step shows: the list of steps, and where to go next."""
        steps = load_steps()
        customer_id = str(self.customer.id)
        states = dynamodb.gather(*(partial(step.describe, customer_id) for step in steps))
        rows = [
            {
                "title": step.title,
                "state": state,
                "url": step_url(customer_id, step.name),
                "is_current": step.name == self.step.name,
            }
            for step, state in zip(steps, states, strict=True)
        ]
        return {
            "steps": rows,
            "is_complete": all(state.is_done for state in states),
            "title": f"Set up {self.customer.name}",
            "next_url": self.next_url,
            "is_last": self.step.name == steps[-1].name,
            "customer_url": admin_change_url("accounts", "customer", customer_id),
        }

    def render(self, template: str, context: Mapping[str, Any]) -> HttpResponse:
        """The page with a step's template, which extends ``backoffice/setup.html``."""
        page_context = {**admin.site.each_context(self.request), **self.context(), **context}
        return TemplateResponse(self.request, template, page_context)

    def go_to_itself(self) -> HttpResponse:
        """To this step, as it is after a change."""
        return HttpResponseRedirect(step_url(str(self.customer.id), self.step.name))

    def go_on(self) -> HttpResponse:
        """To the next step."""
        return HttpResponseRedirect(self.next_url)


def load_steps() -> Sequence[SetupStep]:
    """The steps of all apps, in order."""
    return [import_string(path) for path in settings.CUSTOMER_SETUP_STEPS]


def step_url(customer_id: str, step_name: str) -> str:
    """The URL of a step."""
    return reverse("admin:customer_setup_step", args=(customer_id, step_name))


def setup_url(customer_id: str) -> str:
    """The URL that leads to the first step that is not done."""
    return reverse("admin:customer_setup", args=(customer_id,))
