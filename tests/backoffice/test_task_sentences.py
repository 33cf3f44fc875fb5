"""Operators read a sentence about each message that failed, whatever its task."""

from django.conf import settings
from django.utils.module_loading import import_string

from config.outbox import tasks


def test_each_task_has_a_sentence() -> None:
    sentences = [import_string(path) for path in settings.TASK_SENTENCES]
    names = [name for part in sentences for name in part]
    known = {name for name in tasks.load_tasks() if not name.startswith("test.")}
    assert sorted(names) == sorted(known)
    assert all(text[0].isupper() and text[-1].isalnum() for part in sentences for text in part.values())
