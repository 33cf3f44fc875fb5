"""What the last test of a line found, in words, on the pages of the line and of its location."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.urls import reverse

from accounts import locations
from accounts.admin.operator_commands import actor_for
from config import dynamodb
from config.backoffice import clock, operators
from config.backoffice.checks import Check, CheckPanel, Mend
from config.backoffice.forms.actions import Button
from config.backoffice.links import admin_change_url
from config.backoffice.record_header import Tone
from telephony.line_tests import results, steps
from telephony.line_tests.steps import Step
from telephony.models import LineTest, PublicHours
from telephony.public_hours import publication

TITLE = "Did the last test of this line succeed?"
TONES: dict[str, Tone] = {"ok": "good", "failed": "danger", "unknown": "warning"}
_VERDICTS = {
    "ok": "Yes: a simulated call on {at} went as configured.",
    "failed": "No: a simulated call on {at} showed what does not work.",
    "unknown": "Nothing failed on {at}, but not everything could be checked.",
}
_LABELS = {
    "number": "Number",
    "entrance": "Opening",
    "voices": "Texts",
    "audio": "Audio file",
    "ring": "Ringing",
    "end": "Messages",
}


def line_checks(request: HttpRequest, obj: Any) -> CheckPanel | None:
    """The last test of a line; None: it has no number, so it is not tested."""
    line = obj.record
    if not line.number or not line.configuration:
        return None
    location, test = load_location_and_test(obj)
    zone = str(location.time_zone) if location else "UTC"
    may_write = operators.has_right(request, operators.WRITE)
    return build_panel(test if test and test.number == line.number else None, zone, may_write=may_write)


def load_location_and_test(obj: Any) -> tuple[Any, LineTest | None]:
    """The location of a line, and the last test."""
    records, location_id = _load_records(obj), str(obj.record.location_id)
    location = locations.find_location_in(records, location_id, str(obj.record.customer_id))
    return location, records.get(LineTest, location_id)


def find_public_url(obj: Any) -> str | None:
    """Where anybody reads the hours of a line; None: they are not public."""
    publication_record = _load_records(obj).get(PublicHours, str(obj.record.location_id))
    return publication.build_url(publication_record) if publication_record else None


def _load_records(obj: Any) -> dynamodb.BatchResult:
    """What the page of a line needs besides the line; read once."""
    if not hasattr(obj, "line_page_records"):
        location_id = str(obj.record.location_id)
        keys = [dynamodb.RecordKey(record_class, location_id) for record_class in (LineTest, PublicHours)]
        obj.line_page_records = dynamodb.batch_get([*keys, locations.location_key(location_id)])
    records: dynamodb.BatchResult = obj.line_page_records
    return records


def build_panel(test: LineTest | None, zone: str, *, may_write: bool) -> CheckPanel:
    """A test in words, with what mends each step that failed."""
    if test is None:
        note = "Not yet: each morning before the line opens, a simulated call tests it. It rings nobody."
        return CheckPanel(TITLE, note, "neutral", [])
    checks = [
        _build_check(step, str(test.location_id), str(test.number), may_write=may_write)
        for step in steps.read_steps(test.steps)
    ]
    arrives, due = (f"The call arrives {_time(test.simulated_at, zone)}.", f"Next test: {_time(test.due_at, zone)}.")
    checks.append(Check("Times", f"{arrives} {due}", "neutral"))
    verdict = _VERDICTS[str(test.result)].format(at=_time(test.tested_at, zone))
    return CheckPanel(TITLE, verdict, TONES[str(test.result)], checks)


def _build_check(step: Step, location_id: str, number: str, *, may_write: bool) -> Check:
    mends = _list_mends(step, location_id, number, may_write=may_write) if step.result == "failed" else ()
    label = _LABELS.get(step.name, step.name.capitalize())
    return Check(label, step.sentence, TONES[step.result], step.place, mends)


def _list_mends(step: Step, location_id: str, number: str, *, may_write: bool) -> Sequence[Mend]:
    """Where operators mend what failed, as far as they may."""
    if step.name == "number":
        return [Mend("Open number", admin_change_url("telephony", "phonenumber", number))]
    if step.name == "ring":
        rota = Mend("Open rota", reverse("admin:rota", args=(location_id,)))
        return [Mend("Open location", admin_change_url("accounts", "location", location_id)), rota]
    if step.name == "end":
        return [Mend("Open location", admin_change_url("accounts", "location", location_id))]
    return [Mend("Change the IVR", reverse("admin:telephony_line_edit", args=(location_id,)))] if may_write else []


def number_fault(test: LineTest | None) -> str:
    """Why no call reaches the line, as the last test found; empty if it found nothing."""
    failed = results.list_failed_steps(test) if test else []
    return next((step.sentence for step in failed if step.name == "number" and step.code != "webhook_settings"), "")


def location_check(test: LineTest | None, location_id: str, zone: str) -> Check:
    """One line about the last test, on the page of a location."""
    mends = [Mend("Open line", admin_change_url("telephony", "line", location_id))]
    if test is None:
        return Check("Line test", "Not tested yet", "neutral", "each morning before the line opens", mends)
    failed = results.list_failed_steps(test)
    detail = " ".join(step.sentence for step in failed[:2]) + (f" And {len(failed) - 2} more." if failed[2:] else "")
    text = {"ok": "Succeeded", "failed": "Failed", "unknown": "Nothing failed; not everything could be checked"}
    result = str(test.result)
    return Check("Line test", f"{text[result]}: {_time(test.tested_at, zone)}", TONES[result], detail, mends)


def _time(at: datetime, zone: str) -> str:
    local = at.astimezone(UTC if clock.shows_utc() else ZoneInfo(zone))
    return f"{clock.format_day_time(local)} {local:%Z}"


def _run_test(request: HttpRequest, obj: Any, _: Any) -> str:
    test = results.test_now(obj.pk, actor=actor_for(request, obj), at=operators.now())
    failed = len(results.list_failed_steps(test))
    if test.result == "failed":
        return f"The test found {failed} step{'s' if failed > 1 else ''} that would not work."
    return "The test succeeded." if test.result == "ok" else "Nothing failed, but not everything could be checked."


TEST_BUTTON = Button(
    "test",
    "Test now",
    "Simulates a call to the line as it opens next: the number, its webhooks, texts and audio files, and whom each "
    "step would ring. Nobody is called, and nothing is billed.",
    _run_test,
    is_available=lambda obj: bool(obj.record.number and obj.record.configuration),
)
