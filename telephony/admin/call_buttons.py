"""What operators do from the page of a call: block its caller, answer the caller's requests."""

import time
from collections.abc import Mapping
from tempfile import TemporaryFile
from typing import Any

from django import forms
from django.http import FileResponse, HttpRequest

from accounts.admin.operator_commands import actor_for, leaving_actor_for
from config.backoffice import operators
from config.backoffice.forms import form_fields
from config.backoffice.forms.actions import Button
from telephony import blocked_callers
from telephony.caller_data import erasure, export

EXPORT_SECONDS = 20
"""Of the search for what is stored about a caller; the command has no limit."""


def _export_caller(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> FileResponse:
    actor, deadline = leaving_actor_for(request, obj), time.monotonic() + EXPORT_SECONDS
    caller_export = export.export_for_operator(
        str(obj.record.caller), actor=actor, at=operators.now(), deadline=deadline
    )
    archive = TemporaryFile()  # noqa: SIM115 - the response closes it
    export.save_zip(caller_export, archive)
    archive.seek(0)
    return FileResponse(archive, as_attachment=True, filename="caller-data.zip", content_type="application/zip")


def _erase_caller(request: HttpRequest, obj: Any, _: Mapping[str, Any]) -> str:
    erasure.begin(str(obj.record.caller), actor=leaving_actor_for(request, obj), at=operators.now())
    return "The caller is being erased from this customer's records; reload the page in a minute."


def _block_caller(request: HttpRequest, obj: Any, form_data: Mapping[str, Any]) -> str:
    blocked_callers.block_caller(
        str(obj.record.caller),
        location_id=None if form_data.get("everywhere") else str(obj.record.location_id),
        reason=form_data.get("reason"),
        actor=actor_for(request, obj),
        at=operators.now(),
    )
    return "Calls of this caller are rejected from now on."


class BlockForm(forms.Form):
    """Where and why a caller is blocked."""

    everywhere = forms.BooleanField(
        label="At all locations", required=False, help_text="Otherwise at the location of this call only."
    )
    reason = form_fields.text_field("Reason", max_length=200, required=False)


CALL_BUTTONS = (
    Button(
        "block-caller",
        "Block this caller",
        "Calls of this caller are rejected: nobody is rung or told. A caller's number can be forged: calls of the "
        "owner of the number are rejected too.",
        _block_caller,
        form=BlockForm,
        is_available=lambda obj: bool(obj.record.caller) and obj.record.direction == "in",
    ),
    Button(
        "export-caller",
        "Export this caller's data",
        "Downloads what this customer's records hold about the caller: JSON, and the recordings as WAV files. "
        "Give it to nobody whom you have not identified: a caller's number can be forged. The audit records it.",
        _export_caller,
        is_available=lambda obj: bool(obj.record.caller),
    ),
    Button(
        "erase-caller",
        "Erase this caller",
        "Erases the caller from this customer's records: all their calls lose the number and the recordings, "
        "call-backs and blocks are removed. The calls stay, without a caller. This cannot be undone, not by a "
        "restore either. Do it only for somebody whom you have identified: a caller's number can be forged.",
        _erase_caller,
        required_right=operators.LEAD,
        is_available=lambda obj: bool(obj.record.caller),
        confirmation_name=lambda obj: str(obj.record.caller),
    ),
)
