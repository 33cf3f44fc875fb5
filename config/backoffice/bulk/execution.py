"""Runs a button for one record after the other, as the operator who began it."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest

from config import errors, outbox
from config.backoffice import operators
from config.backoffice.forms.actions import Button
from config.bulk.models import BulkRun

GONE = "It no longer exists."


class BulkRunner:
    """`config.bulk.runs.Runner`: the buttons take a request, here one without a browser."""

    def __init__(self, run: BulkRun, job: outbox.TaskContext) -> None:
        self._button, self._admin = find_button(str(run.model), str(run.action))
        self._values = dict(run.form_values)
        self._request = HttpRequest()
        self._request.META |= {
            "REMOTE_ADDR": job.author.ip,
            "HTTP_USER_AGENT": job.author.user_agent,
            "dutyline.request_id": job.author.request_id,
        }
        operator = get_user_model().objects.filter(pk=int(run.operator_pk)).first()
        self._has_right = False
        if operator is not None:
            self._request.user = operator
            self._has_right = operators.has_right(self._request, self._button.required_right)

    def refusal(self) -> str:
        """Why the operator may not do it any more; empty if they may."""
        return "" if self._has_right else "The operator who began it may no longer do this."

    def run(self, key: str, *, is_repeated: bool) -> str:
        """Do it to one record: empty, or why not. Raises `errors.Unavailable`."""
        obj = self._admin.model.get(key)
        if obj is None:
            return GONE
        if not self._button.is_available(obj):
            return "" if is_repeated else describe_state(obj)
        try:
            self._button.run(self._request, obj, self._values)
        except errors.Unavailable:
            raise
        except errors.DomainError as error:
            if error.status >= 500:
                raise
            return error.detail
        return ""


def find_button(model: str, action: str) -> tuple[Button, Any]:
    """The button of a bulk action, and the admin of its model. Raises `errors.NotFound`."""
    for name in settings.BACK_OFFICE_MODULES:
        import_module(name)  # registers its pages, in a worker too
    for model_admin in admin.site._registry.values():
        if model_admin.opts.label_lower == model:
            for button in getattr(model_admin, "buttons", ()):
                if button.name == action and button.bulk_outcome:
                    return button, model_admin
    raise errors.NotFound("This release has no such action.")


def describe_state(obj: Any) -> str:
    """Why an action is not possible for a record."""
    status = getattr(obj.record, "status", None)
    return f"Not possible: it is {status}." if status else "Not possible in its present state."
