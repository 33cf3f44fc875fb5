"""The tasks that outbox messages run, and the lane of each."""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from typing import Any

from django.conf import settings

TaskFunction = Callable[..., None]
LaneChoice = str | Callable[[Mapping[str, Any]], str]
"""A lane, or what chooses it by the arguments of the message."""
_registered_tasks: dict[str, TaskFunction] = {}
_lanes: dict[str, LaneChoice] = {}
_notifications: set[str] = set()


def task(name: str, *, lane: LaneChoice = "", notifies: bool = False) -> Callable[[TaskFunction], TaskFunction]:
    """Register a function of a module in ``settings.OUTBOX_TASK_MODULES`` as the task of this name.

    The function is called with the arguments of the message, by name, and with the `TaskContext` as
    ``job``. It need not take all of them: a message of another release may carry more.

    ``lane``, of ``settings.OUTBOX_LANES``, says which dependency besides DynamoDB the task waits
    for: messages of other lanes do not wait with it. ``notifies``: all that it does is to tell
    somebody, so nothing but that is missing if it is never done.
    """

    def register(function: TaskFunction) -> TaskFunction:
        _registered_tasks[name], _lanes[name] = function, lane
        if notifies:
            _notifications.add(name)
        return function

    return register


def load_tasks() -> Mapping[str, TaskFunction]:
    """Every task by name."""
    _import_modules()
    return _registered_tasks


@cache
def _import_modules() -> None:
    for module in settings.OUTBOX_TASK_MODULES:
        import_module(module)


def is_notification(name: str) -> bool:
    """Whether all that a task does is to tell somebody."""
    _import_modules()
    return name in _notifications


def task_lane(name: str) -> str:
    """The lane of a task; ``varies`` if that is chosen by the arguments of each message."""
    _import_modules()
    lane = _lanes.get(name, "")
    return "varies" if callable(lane) else lane


def lane_of(name: str, arguments: Mapping[str, Any]) -> str:
    """The lane of a message; empty for those that wait for nothing, or that nobody here knows."""
    _import_modules()
    lane = _lanes.get(name, "")
    return lane(arguments) if callable(lane) else lane
